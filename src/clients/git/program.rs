//! The `git` program as a child: its environment, its answer, its line in the wire log.
//!
//! A child never prompts: it has no standard input of ours, no terminal prompt and no ssh prompt. It
//! inherits the operator's environment, because credential helpers and ssh live there, except for
//! what would point it at another repository.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use git2::Oid;

use super::clone::Clone;
use super::credentials::Passwords;
use super::error::{self, GitError};
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::wire::{WireLog, WireRecord};

/// Variables by which a calling Git (a hook, an alias) points its children at its own repository.
const FOREIGN: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
];

/// How the `git` program is started and who is named as author.
#[derive(Debug, Clone)]
pub struct GitSettings {
    /// Variables that children get on top of our own environment.
    pub environment: Vec<(String, String)>,
    /// Name and address of the author of our commits.
    pub author: (String, String),
    /// The program, by name or path.
    pub program: String,
    /// Passwords of remotes that are not cloned yet.
    pub passwords: Passwords,
}

impl Default for GitSettings {
    fn default() -> Self {
        Self {
            environment: Vec::new(),
            author: (
                format!("Rok Deploy v{}", env!("CARGO_PKG_VERSION")),
                "no-reply@arrikto.com".into(),
            ),
            program: "git".into(),
            passwords: Passwords::default(),
        }
    }
}

/// Makes and opens clones. Cheap to clone and to send to another thread.
#[derive(Debug, Clone)]
pub struct Git {
    pub(super) settings: GitSettings,
    pub(super) wire: WireLog,
    /// The objects of clones that the gate was told of.
    pub(super) told: Arc<Mutex<HashSet<Oid>>>,
}

/// How the program ended.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    /// Without credentials.
    pub(super) stderr: String,
}

impl Output {
    pub(super) fn success(&self) -> bool {
        self.code == Some(0)
    }

    fn answer(&self) -> Answer {
        // A program that was killed has no exit code, and shells say 128 and more then.
        let code = self.code.and_then(|code| u16::try_from(code).ok());
        Answer {
            status: code.unwrap_or(KILLED),
            headers: vec![("stderr".into(), self.stderr.clone())],
            body: self.stdout.clone().into(),
        }
    }

    fn told(answer: &Answer) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stderr = answer.headers.iter().find(|(name, _)| name == "stderr");
        Self {
            code: (answer.status != KILLED).then(|| answer.status.into()),
            stdout: text(&answer.body),
            stderr: stderr.map(|(_, text)| text.clone()).unwrap_or_default(),
        }
    }

    /// Returns both streams, for programs that complain on either.
    pub(super) fn text(&self) -> String {
        error::spoken(&format!("{}\n{}", self.stderr, redact(&self.stdout)))
    }
}

/// What stands for the exit code of a program that has none.
const KILLED: u16 = 999;

/// A remote operation, for the wire log.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) operation: String,
    pub(super) target: &'a str,
    pub(super) attempt: u32,
    pub(super) write: bool,
}

impl Git {
    /// Returns a client with these settings that logs to `wire`.
    pub fn new(settings: GitSettings, wire: WireLog) -> Self {
        Self {
            settings,
            wire,
            told: Arc::default(),
        }
    }

    /// Opens the working clone at `directory`.
    pub fn open(&self, directory: &Path) -> Result<Clone, GitError> {
        Clone::open(self, directory)
    }

    /// Runs the program in `directory`; `Ok` says only that it ran.
    pub(super) fn run(&self, directory: &Path, arguments: &[&str]) -> Result<Output, GitError> {
        self.run_with(directory, arguments, &[], None)
    }

    /// Runs the program with more environment and with something to read.
    pub(super) fn run_with(
        &self,
        directory: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: Option<&[u8]>,
    ) -> Result<Output, GitError> {
        let mut passage = self
            .wire
            .pass(|| called(arguments, input))
            .map_err(|source| GitError::io(directory, source))?;
        let instead = passage
            .instead_blocking()
            .map_err(|source| GitError::io(directory, source))?;
        let output = match instead {
            Some(Ended::Answered(answer)) => Ok(Output::told(&answer)),
            Some(_) => Err(GitError::ProgramMissing {
                program: self.settings.program.clone(),
            }),
            None => self.started(directory, arguments, environment, input),
        };
        passage
            .end(|| match &output {
                Ok(output) => Ended::Answered(output.answer()),
                Err(error) => Ended::Failed(error.to_string()),
            })
            .map_err(|source| GitError::io(directory, source))?;
        let output = output?;
        if output.success() {
            match verb(arguments) {
                // These bring objects that nobody can make again.
                Some("clone") => {
                    self.hold(Path::new(arguments.last().copied().unwrap_or_default()))?;
                }
                Some("fetch" | "commit" | "commit-tree") => self.hold(directory)?,
                _ => {}
            }
        }
        Ok(output)
    }

    fn started(
        &self,
        directory: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: Option<&[u8]>,
    ) -> Result<Output, GitError> {
        let mut command = self.command(directory);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|source| self.not_started(directory, source))?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            // A child that ends without reading says why on its own.
            let _ = pipe.write_all(input);
        }
        let output = child
            .wait_with_output()
            .map_err(|source| GitError::io(Path::new(&self.settings.program), source))?;
        Ok(Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: redact(&String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// Runs the program and expects success.
    pub(super) fn expect(
        &self,
        directory: &Path,
        what: &str,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        let output = self.run(directory, arguments)?;
        checked(output, directory, what)
    }

    /// Runs the program against a remote and leaves a line in the wire log.
    pub(super) fn network(
        &self,
        directory: &Path,
        request: &Request<'_>,
        arguments: &[&str],
    ) -> Result<Output, GitError> {
        let quiet = self.quiet_ssh(directory)?;
        let environment: Vec<_> = quiet.iter().map(|(name, value)| (*name, *value)).collect();
        let mut record = WireRecord::new(
            self.wire.now(),
            "git",
            request.method,
            &request.operation,
            &redact(request.target),
        );
        record.attempt = request.attempt;
        record.write = request.write;
        let start = Instant::now();
        let output = self.run_with(directory, arguments, &environment, None)?;
        record.took(start.elapsed());
        record.status = output.code.and_then(|code| u16::try_from(code).ok());
        if !output.success() {
            record.error = error::spoken(&output.stderr)
                .lines()
                .last()
                .map(str::to_owned);
        }
        self.wire.record(record);
        Ok(output)
    }

    /// Leads something that this process does to a clone by itself through the gate.
    pub(super) fn locally<T>(
        &self,
        directory: &Path,
        operation: impl FnOnce() -> String,
        act: impl FnOnce() -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let closed = |source| GitError::io(directory, source);
        let passage = self.wire.pass(|| Call {
            client: "files",
            operation: operation(),
            input: Bytes::new(),
            write: true,
        });
        let passage = passage.map_err(closed)?;
        let done = act()?;
        passage.done().map_err(closed)?;
        Ok(done)
    }

    /// Leads a question about this machine through the gate.
    pub(super) fn asks(
        &self,
        directory: &Path,
        operation: &str,
        ask: impl FnOnce() -> Result<bool, GitError>,
    ) -> Result<bool, GitError> {
        let closed = |source| GitError::io(directory, source);
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "git",
                operation: operation.into(),
                input: Bytes::new(),
                write: false,
            })
            .map_err(closed)?;
        let answer = match passage.instead_blocking().map_err(closed)? {
            Some(Ended::Answered(answer)) => answer.status == 1,
            _ => ask()?,
        };
        let told = || {
            Ended::Answered(Answer {
                status: answer.into(),
                headers: Vec::new(),
                body: Bytes::new(),
            })
        };
        passage.end(told).map_err(closed)?;
        Ok(answer)
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.settings.program);
        command.current_dir(directory);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .envs(
                self.settings
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        command
    }

    /// Keeps ssh from prompting into the screen, unless the operator has an ssh command of their own.
    fn quiet_ssh(
        &self,
        directory: &Path,
    ) -> Result<Option<(&'static str, &'static str)>, GitError> {
        let is_set = |name: &str| {
            std::env::var_os(name).is_some()
                || self.settings.environment.iter().any(|(set, _)| set == name)
        };
        if is_set("GIT_SSH_COMMAND")
            || is_set("GIT_SSH")
            || self
                .run(directory, &["config", "--get", "core.sshCommand"])?
                .success()
        {
            return Ok(None);
        }
        Ok(Some(("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")))
    }

    fn not_started(&self, directory: &Path, source: io::Error) -> GitError {
        if source.kind() == io::ErrorKind::NotFound && directory.is_dir() {
            return GitError::ProgramMissing {
                program: self.settings.program.clone(),
            };
        }
        let path = if directory.is_dir() {
            PathBuf::from(&self.settings.program)
        } else {
            directory.into()
        };
        GitError::io(&path, source)
    }
}

/// A run of the program, for the gate. What only asks is told apart from what changes something.
fn called(arguments: &[&str], input: Option<&[u8]>) -> Call {
    // An export goes to a folder of ours.
    const ASKS: [&str; 5] = [
        "var",
        "rev-parse",
        "ls-remote",
        "--version",
        "checkout-index",
    ];
    let asks =
        verb(arguments).is_some_and(|verb| ASKS.contains(&verb)) || arguments.contains(&"--get");
    Call {
        client: "git",
        operation: redact(&arguments.join(" ")),
        input: input.map(Bytes::copy_from_slice).unwrap_or_default(),
        write: !asks,
    }
}

fn verb<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    arguments
        .iter()
        .scan(false, |value, argument| {
            // `-c name=value` comes before the verb.
            let skip = *value || *argument == "-c";
            *value = *argument == "-c";
            Some((skip, *argument))
        })
        .find_map(|(skip, argument)| (!skip).then_some(argument))
}

/// Returns standard output of a child that succeeded, else the error it stands for.
pub(super) fn checked(output: Output, directory: &Path, what: &str) -> Result<String, GitError> {
    if output.success() {
        return Ok(output.stdout);
    }
    Err(error::local(directory, &output.stderr)
        .unwrap_or_else(|| GitError::other(what, output.text())))
}

/// Removes the user and password of every address in `text`.
///
/// An ssh address keeps its user, which is part of where it leads.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        clean.push_str(before);
        let end = authority(after);
        rest = match after[..end].rfind('@') {
            Some(at) if before.ends_with("ssh://") && !after[..at].contains(':') => {
                clean.push_str(&after[..=at]);
                &after[at + 1..]
            }
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

/// Returns where the part of an address ends that has user, host and port, of text behind a `://`.
///
/// A `/` of a password, which should be `%2F`, makes what stands before it a host with a port that is
/// no number; it does not end there.
pub(super) fn authority(after: &str) -> usize {
    let is_end = |letter: char| letter.is_whitespace() || "'\"`<>".contains(letter);
    let word = &after[..after.find(is_end).unwrap_or(after.len())];
    let length = |text: &str| text.find('/').unwrap_or(text.len());
    let first = &word[..length(word)];
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = first.contains('@') || first.starts_with('[') || {
        let port = first.split_once(':').map(|(_, port)| port);
        port.is_none_or(is_port)
    };
    match word.rfind('@') {
        Some(at) if !is_host => at + length(&word[at..]),
        _ => first.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_user_and_password() {
        for (text, clean) in [
            (
                "https://rok:s3cret@git.example/ops.git",
                "https://git.example/ops.git",
            ),
            (
                "fatal: 'https://t0ken@h/x' and http://a:p@ss@h y",
                "fatal: 'https://h/x' and http://h y",
            ),
            (
                "ssh://git@h:22/x ssh://git:pw@h/x",
                "ssh://git@h:22/x ssh://h/x",
            ),
            ("git@github.com:o/r.git", "git@github.com:o/r.git"),
            ("file:///srv/a@b.git", "file:///srv/a@b.git"),
            (
                "'https://rok:s3/cr/et@h:8443/x/': not a port",
                "'https://h:8443/x/': not a port",
            ),
            (
                "https://h:8443/x:y@z http://[::1]/a@b",
                "https://h:8443/x:y@z http://[::1]/a@b",
            ),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let settings = GitSettings {
            program: "git-that-is-not-there".into(),
            ..GitSettings::default()
        };
        let git = Git::new(settings, WireLog::in_memory());
        let error = git.run(Path::new("/"), &["--version"]).unwrap_err();
        assert!(
            matches!(error, GitError::ProgramMissing { .. }),
            "{error:?}"
        );
        let error = git
            .run(Path::new("/not/there"), &["--version"])
            .unwrap_err();
        assert!(matches!(error, GitError::Io { .. }), "{error:?}");
    }

    #[test]
    fn children_are_quiet_unless_the_operator_says_otherwise() {
        let home = tempfile::tempdir().unwrap();
        let settings = |more: &[(&str, &str)]| GitSettings {
            environment: [
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
            ]
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
            ..GitSettings::default()
        };
        let quiet = |more: &[(&str, &str)]| {
            Git::new(settings(more), WireLog::in_memory())
                .quiet_ssh(home.path())
                .unwrap()
        };
        assert_eq!(
            quiet(&[]),
            Some(("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"))
        );
        assert_eq!(quiet(&[("GIT_SSH_COMMAND", "ssh -F none")]), None);
        let configured = [
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "core.sshCommand"),
            ("GIT_CONFIG_VALUE_0", "ssh -i key"),
        ];
        assert_eq!(quiet(&configured), None);
    }
}

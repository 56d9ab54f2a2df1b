//! A clean place to run the built binary in: its own home, an empty environment, its own Git identity.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::kill_group;

/// How long a headless command may take. Generous: it only decides when a hang becomes a failure.
const DEADLINE: Duration = Duration::from_mins(2);

/// A temporary home and the environment that goes with it.
pub struct TestEnv {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// What a finished command left behind.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl TestEnv {
    /// Makes a home with a Git identity, `Operator`, and nothing else in it.
    pub fn new() -> Self {
        let home = tempfile::Builder::new()
            .prefix("rok-home-")
            .tempdir()
            .expect("a temporary home");
        let git = "[user]\n\tname = Operator\n\temail = operator@example.com\n\
                   [init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n";
        fs::write(home.path().join(".gitconfig"), git).expect("the temporary home is writable");
        Self {
            home,
            variables: Vec::new(),
        }
    }

    /// Sets a variable for every command of this environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder that `rok-deploy` keeps its runs and its practice cloud in.
    pub fn state_dir(&self) -> PathBuf {
        self.home().join("state").join("rok-deploy")
    }

    /// The built `rok-deploy`, with arguments and nothing of the caller's environment but `PATH`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_rok-deploy"), arguments)
    }

    /// Another program in the same place: `git` for a repository, `rok-s3-authorize`.
    pub fn program(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").expect("tests run with a PATH"),
            )
            .env("HOME", home)
            .env("USER", "operator")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the built `rok-deploy` to its end, without a terminal or standard input.
    pub fn run(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(arguments), DEADLINE)
    }
}

/// Runs a command to its end; at the deadline it is killed with its children, and the test fails.
pub fn finish(command: &mut Command, deadline: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
    let leader = child.id();
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");

    let (sender, receiver) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let stderr = thread::spawn(move || read_all(stderr));
        let stdout = read_all(stdout);
        let stderr = stderr.join().expect("reading does not panic");
        let status = child.wait().expect("a child can be waited for");
        // Nobody listens any more once the deadline has passed.
        sender
            .send(Output {
                status,
                stdout,
                stderr,
            })
            .ok();
    });
    let output = receiver.recv_timeout(deadline);
    if output.is_err() {
        kill_group(leader);
    }
    waiting.join().expect("waiting does not panic");
    output.unwrap_or_else(|_| panic!("{command:?} was killed after {deadline:?}"))
}

fn read_all(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes)
        .expect("a pipe of a child is readable");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn nothing_of_the_callers_environment_gets_in() {
    let env = TestEnv::new().with_variable("EKS_CLUSTER", "arrikto-cluster");
    let output = finish(&mut env.program("env", &[]), DEADLINE);
    let mut names: Vec<_> = output
        .stdout
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "AWS_EC2_METADATA_DISABLED",
            "EKS_CLUSTER",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_NOSYSTEM",
            "GIT_TERMINAL_PROMPT",
            "HOME",
            "LANG",
            "PATH",
            "TZ",
            "USER",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
        ],
    );
}

#[test]
fn git_commits_as_the_operator() {
    let env = TestEnv::new();
    for arguments in [
        &["init", "-q"][..],
        &["commit", "-q", "--allow-empty", "-m", "First"],
    ] {
        let output = finish(&mut env.program("git", arguments), DEADLINE);
        assert!(output.status.success(), "{output:?}");
    }
    let log = finish(
        &mut env.program("git", &["log", "--format=%an <%ae> on %S", "--all"]),
        DEADLINE,
    );
    assert_eq!(
        log.stdout,
        "Operator <operator@example.com> on refs/heads/main\n"
    );
}

#[test]
fn the_binary_starts_and_keeps_its_state_inside() {
    let env = TestEnv::new();
    let output = env.run(&["--help"]);
    assert!(output.status.success(), "{output:?}");
    assert!(env.state_dir().starts_with(env.home()));
}

#[test]
fn output_larger_than_a_pipe_is_read_whole() {
    let env = TestEnv::new();
    let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 3";
    let output = finish(&mut env.program("sh", &["-c", script]), DEADLINE);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (300_000, 200_000)
    );
}

#[test]
#[should_panic(expected = "was killed after 100ms")]
fn a_hanging_command_is_killed_with_its_children() {
    let env = TestEnv::new();
    // Joining the reader ends only when the background child, too, has let go of the pipe.
    finish(
        &mut env.program("sh", &["-c", "sleep 600 & sleep 600"]),
        Duration::from_millis(100),
    );
}

//! `kustomize build`, by the program of that name, else by the one inside kubectl.
//!
//! The child gets no standard input and never asks on the terminal; what it fetches for remote bases
//! is its own affair. Files that are encrypted are decrypted for it ([`decrypted`]).

mod decrypted;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use super::gate::{Answer, Call, Ended};
use super::git::redact;
use super::sops::{Keyring, SopsError, Trouble};
use super::wire::WireLog;
use super::yaml;

/// What a kustomization may be called.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How many names of a directory without a kustomization are told.
const NAMED: usize = 8;

/// What a build ends with instead of objects.
#[derive(Debug, thiserror::Error)]
pub enum KustomizeError {
    /// The directory is not there, or is none.
    #[error("{} {found}; expected a directory with a kustomization", path.display())]
    NoDirectory {
        /// What should be the directory.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// The directory holds no kustomization.
    #[error("no kustomization in {}: found {found}; expected `kustomization.yaml`", path.display())]
    NoKustomization {
        /// The directory.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// There is nothing to build with.
    #[error(
        "neither `kustomize` nor `kubectl` is on the PATH; building manifests needs one of them"
    )]
    NoProgram,
    /// The program does not start.
    #[error("cannot run {}", program.display())]
    NotRun {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The program says that the build is wrong.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// The command line.
        command: String,
        /// What the program said, in one line.
        said: String,
    },
    /// A file that it needs is encrypted, and cannot be decrypted.
    #[error(transparent)]
    Encrypted(#[from] SopsError),
    /// What the program wrote cannot be read.
    #[error("`{command}` wrote something else than objects in YAML: {why}")]
    Unreadable {
        /// The command line.
        command: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Builds manifests with the programs of one search path.
#[derive(Debug, Clone)]
pub struct Kustomize {
    path: OsString,
    wire: WireLog,
    keyring: Option<Keyring>,
}

impl Kustomize {
    /// Returns a builder that looks for its programs in `path`, a list like `PATH`.
    pub fn new(path: impl Into<OsString>) -> Self {
        Self {
            path: path.into(),
            wire: WireLog::new(),
            keyring: None,
        }
    }

    /// Decrypts with these keys what the kustomizations name.
    #[must_use]
    pub fn decrypting(self, keyring: Keyring) -> Self {
        Self {
            keyring: Some(keyring),
            ..self
        }
    }

    /// Lets its builds pass the gate of `wire`.
    #[must_use]
    pub fn through(self, wire: WireLog) -> Self {
        Self { wire, ..self }
    }

    /// Returns the name of the program to build with, when there is one.
    pub async fn installed(&self) -> Option<String> {
        let found = || {
            let (program, _) = self.program()?;
            Some(program.file_name()?.to_string_lossy().into_owned())
        };
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "kustomize",
                operation: "find".into(),
                input: Bytes::new(),
                write: false,
            })
            .ok()?;
        let name = match passage.instead().await.ok()? {
            Some(Ended::Answered(answer)) => {
                let name = String::from_utf8_lossy(&answer.body).into_owned();
                (!name.is_empty()).then_some(name)
            }
            Some(_) => None,
            None => found(),
        };
        let told = || {
            Ended::Answered(Answer {
                status: 0,
                headers: Vec::new(),
                body: name.clone().unwrap_or_default().into(),
            })
        };
        passage.end(told).ok()?;
        name
    }

    /// Builds the kustomization in `directory` and returns its objects in the order that they were
    /// written in. Lists of objects are taken apart.
    pub async fn build(&self, directory: &Path) -> Result<Vec<Value>, KustomizeError> {
        self.build_as(directory, directory).await
    }

    /// The same for a copy of a directory in a place of its own: the gate is told of the directory.
    pub async fn build_as(
        &self,
        directory: &Path,
        known_as: &Path,
    ) -> Result<Vec<Value>, KustomizeError> {
        let not_run = |source| KustomizeError::NotRun {
            program: "kustomize".into(),
            source,
        };
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "kustomize",
                operation: format!("build {}", known_as.display()),
                input: Bytes::new(),
                write: false,
            })
            .map_err(not_run)?;
        let built = match passage.instead().await.map_err(not_run)? {
            Some(Ended::Answered(answer)) => Ok(Built::told(answer)),
            Some(Ended::Failed(error)) => Err(KustomizeError::read(&error)),
            Some(Ended::GivenUp) => std::future::pending().await,
            None => self.run_on(directory, known_as).await,
        };
        passage
            .end(|| match &built {
                Ok(built) => Ended::Answered(built.answer()),
                Err(error) => Ended::Failed(error.written()),
            })
            .map_err(not_run)?;
        let Built { command, output } = built?;
        if !output.status.success() {
            let said = one_line(&String::from_utf8_lossy(&output.stderr));
            let said = if said.is_empty() {
                format!("it said nothing ({})", output.status)
            } else {
                redact(&said)
            };
            return Err(KustomizeError::Refused { command, said });
        }
        objects(&output.stdout).map_err(|why| KustomizeError::Unreadable { command, why })
    }

    /// Builds the directory, or a copy in which nothing is encrypted.
    async fn run_on(&self, directory: &Path, known_as: &Path) -> Result<Built, KustomizeError> {
        kustomization(directory)?;
        let Some(keyring) = self.keyring.clone() else {
            return self.run(directory).await;
        };
        let (original, known_as) = (directory.to_owned(), known_as.to_owned());
        let copying = move || decrypted::decrypted(&original, &known_as, &keyring);
        let copied = tokio::task::spawn_blocking(copying).await;
        let copied = copied.map_err(|error| {
            let why = error.to_string();
            let what = "decrypted".into();
            Trouble::Io { what, why }.of(directory.display().to_string())
        })??;
        let Some(copy) = copied else {
            return self.run(directory).await;
        };
        let mut built = self.run(&copy.directory).await?;
        let said = String::from_utf8_lossy(&built.output.stderr);
        built.output.stderr = copy.as_original(&said).into_bytes();
        built.command = copy.as_original(&built.command);
        Ok(built)
    }

    async fn run(&self, directory: &Path) -> Result<Built, KustomizeError> {
        let (program, verb) = self.program().ok_or(KustomizeError::NoProgram)?;
        let command = format!(
            "{} {verb} {}",
            program.file_name().unwrap_or_default().display(),
            directory.display()
        );
        let output = Command::new(&program)
            .arg(verb)
            .arg(directory)
            .env("PATH", &self.path)
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| KustomizeError::NotRun { program, source })?;
        Ok(Built { command, output })
    }

    /// Returns the program to build with, and its verb.
    fn program(&self) -> Option<(PathBuf, &'static str)> {
        let find = |name: &str| {
            env::split_paths(&self.path)
                .map(|directory| directory.join(name))
                .find(|program| is_program(program))
        };
        find("kustomize")
            .map(|program| (program, "build"))
            .or_else(|| find("kubectl").map(|program| (program, "kustomize")))
    }
}

/// A build that was run, and how.
struct Built {
    command: String,
    output: Output,
}

impl Built {
    fn answer(&self) -> Answer {
        let stderr = String::from_utf8_lossy(&self.output.stderr);
        Answer {
            status: u16::try_from(self.output.status.into_raw()).unwrap_or(u16::MAX),
            headers: vec![
                ("command".into(), self.command.clone()),
                ("stderr".into(), stderr.into()),
            ],
            body: self.output.stdout.clone().into(),
        }
    }

    fn told(answer: Answer) -> Self {
        let header = |name: &str| {
            let found = answer.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        Self {
            command: header("command"),
            output: Output {
                status: ExitStatus::from_raw(answer.status.into()),
                stderr: header("stderr").into_bytes(),
                stdout: answer.body.into(),
            },
        }
    }
}

/// A build that was not run, as a recording keeps it.
#[derive(Serialize, Deserialize)]
enum NotBuilt {
    Directory(PathBuf, String),
    Kustomization(PathBuf, String),
    Program,
    Run(PathBuf, String),
    Encrypted(SopsError),
}

impl KustomizeError {
    fn written(&self) -> String {
        let not_built = match self {
            Self::NoDirectory { path, found } => NotBuilt::Directory(path.clone(), found.clone()),
            Self::NoKustomization { path, found } => {
                NotBuilt::Kustomization(path.clone(), found.clone())
            }
            Self::NotRun { program, source } => NotBuilt::Run(program.clone(), source.to_string()),
            Self::Encrypted(error) => NotBuilt::Encrypted(error.clone()),
            _ => NotBuilt::Program,
        };
        serde_json::to_string(&not_built).unwrap_or_default()
    }

    fn read(written: &str) -> Self {
        match serde_json::from_str(written) {
            Ok(NotBuilt::Directory(path, found)) => Self::NoDirectory { path, found },
            Ok(NotBuilt::Kustomization(path, found)) => Self::NoKustomization { path, found },
            Ok(NotBuilt::Run(program, why)) => Self::NotRun {
                program,
                source: io::Error::other(why),
            },
            Ok(NotBuilt::Encrypted(error)) => Self::Encrypted(error),
            Ok(NotBuilt::Program) | Err(_) => Self::NoProgram,
        }
    }
}

/// Returns the kustomization of a directory.
pub fn kustomization(directory: &Path) -> Result<PathBuf, KustomizeError> {
    let entries = fs::read_dir(directory).map_err(|error| KustomizeError::NoDirectory {
        path: directory.into(),
        found: match error.kind() {
            io::ErrorKind::NotFound => "does not exist".into(),
            io::ErrorKind::NotADirectory => "is no directory".into(),
            _ => format!("cannot be read: {error}"),
        },
    })?;
    let mut names: Vec<OsString> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect();
    names.sort();
    let file = FILES
        .iter()
        .find(|file| names.contains(&OsString::from(file)));
    file.map(|file| directory.join(file))
        .ok_or_else(|| KustomizeError::NoKustomization {
            path: directory.into(),
            found: told(&names),
        })
}

/// Says what a directory holds: enough to see which one it is.
fn told(names: &[OsString]) -> String {
    let shown = names.iter().take(NAMED);
    let mut shown: Vec<_> = shown.map(|name| format!("`{}`", name.display())).collect();
    match names.len() {
        0 => return "nothing".into(),
        length if length > NAMED => shown.push(format!("{} more", length - NAMED)),
        _ => {}
    }
    shown.join(", ")
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Reads the documents of a stream of YAML. What is wrong is told without quoting it: it may be a
/// Secret.
fn objects(text: &[u8]) -> Result<Vec<Value>, String> {
    yaml::within_bounds(text).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_slice(text) {
        match Value::deserialize(document).map_err(|error| error.to_string())? {
            Value::Null => {}
            object => flatten(object, &mut objects)?,
        }
    }
    Ok(objects)
}

fn flatten(mut object: Value, objects: &mut Vec<Value>) -> Result<(), String> {
    let has = |field: &str| object.get(field).is_some_and(Value::is_string);
    if !has("apiVersion") || !has("kind") {
        let number = objects.len() + 1;
        return Err(format!("object {number} has no `apiVersion` and `kind`"));
    }
    let is_list = object["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items") {
        Some(Value::Array(items)) if is_list => {
            for item in std::mem::take(items) {
                flatten(item, objects)?;
            }
        }
        _ => objects.push(object),
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

    /// A directory with these files.
    fn directory(files: &[(&str, &str)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    /// A search path on which programs of the system have other names.
    fn path_with(programs: &[(&str, &str)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, program) in programs {
            symlink(program, directory.path().join(name)).unwrap();
        }
        directory
    }

    fn kubectl() -> Kustomize {
        Kustomize::new(env::var_os("PATH").unwrap())
    }

    #[test]
    fn documents_and_lists_become_single_objects() {
        let yaml = format!(
            "{CONFIG}---\n---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- {{apiVersion: v1, kind: \
             ConfigMap, metadata: {{name: b}}, data: {{yes: 'no', mode: '0644'}}}}\n"
        );
        let found = objects(yaml.as_bytes()).unwrap();
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let mut second = named("b");
        second["data"] = json!({"yes": "no", "mode": "0644"});
        assert_eq!(found, [named("a"), second]);
        assert_eq!(objects(b"").unwrap(), [Value::Null; 0]);
        assert_eq!(
            objects(b"kind: ConfigMap\n").unwrap_err(),
            "object 1 has no `apiVersion` and `kind`"
        );
    }

    #[tokio::test]
    async fn a_directory_without_a_kustomization_is_told_by_what_it_holds() {
        let directory = directory(&[("rok.yaml", ""), ("base/kustomization.yaml", "")]);
        let path = directory.path();
        let kustomize = Kustomize::new("");
        let error = kustomize.build(path).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "no kustomization in {}: found `base`, `rok.yaml`; expected `kustomization.yaml`",
                path.display()
            )
        );
        let absent = path.join("absent");
        let error = kustomize.build(&absent).await.unwrap_err().to_string();
        assert!(error.contains("does not exist"), "{error}");
        let file = path.join("rok.yaml");
        let error = kustomize.build(&file).await.unwrap_err().to_string();
        assert!(error.contains("is no directory"), "{error}");
    }

    #[tokio::test]
    async fn kustomize_comes_before_kubectl_and_one_of_them_must_be_there() {
        let directory = directory(&[("kustomization.yaml", "")]);
        let tried = async |programs: &[(&str, &str)]| {
            let path = path_with(programs);
            let kustomize = Kustomize::new(path.path());
            kustomize.build(directory.path()).await
        };
        let error = tried(&[("git", "/bin/true")]).await.unwrap_err();
        assert!(matches!(error, KustomizeError::NoProgram), "{error}");
        assert!(
            error
                .to_string()
                .contains("neither `kustomize` nor `kubectl`")
        );

        // `true` writes nothing, which is a build without objects; `false` says nothing.
        let built = tried(&[("kustomize", "/bin/true"), ("kubectl", "/bin/false")]).await;
        assert_eq!(built.unwrap(), [Value::Null; 0]);
        let error = tried(&[("kubectl", "/bin/false")]).await.unwrap_err();
        let place = directory.path().display();
        assert_eq!(
            error.to_string(),
            format!("`kubectl kustomize {place}` failed: it said nothing (exit status: 1)")
        );
        // `echo` repeats what it was given, which is no object.
        let error = tried(&[("kustomize", "/bin/echo")]).await.unwrap_err();
        assert!(
            matches!(error, KustomizeError::Unreadable { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn encrypted_files_are_in_clear_for_the_program_and_gone_with_it() {
        use super::super::sops::{Format, Rule, seal};
        let now = jiff::Timestamp::UNIX_EPOCH;
        let home = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(home.path().join("age.key"));
        let keys = keyring.open_or_make(now).unwrap();
        let env = "secrets/credentials.env";
        let whom = [keys.recipient()];
        let sealed = seal(
            Format::Dotenv,
            env,
            "KEY=canary\n",
            &whom,
            &Rule::default(),
            now,
        );
        let directory = directory(&[
            ("base/kustomization.yaml", "resources: []\n"),
            ("base/kept", "kept"),
            (
                "over/kustomization.yaml",
                "resources: [../base]\nsecretGenerator:\n- envs: [secrets/credentials.env]\n",
            ),
            ("over/secrets/credentials.env", &sealed.unwrap()),
            ("over/other.env", "PLAIN=1\n"),
        ]);
        // A program that tells where it was, and what it saw.
        let programs = tempfile::tempdir().unwrap();
        let script = "#!/bin/sh\ncd \"$2\" || exit 1\n[ \"$(cat ../base/kept)\" = kept ] || exit 2\n\
            stat -c 'apiVersion: v1#kind: mode-%a#place: PWD' \"$PWD/..\" | tr '#' '\\n' | sed \"s|PWD|$PWD|\"\n\
            echo \"seen: $(cat secrets/credentials.env)\"\n";
        let program = programs.path().join("kustomize");
        fs::write(&program, script).unwrap();
        fs::set_permissions(
            &program,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let path = format!(
            "{}:{}",
            programs.path().display(),
            env::var("PATH").unwrap()
        );
        let kustomize = Kustomize::new(path).decrypting(keyring.clone());
        let over = directory.path().join("over");
        let built = kustomize.build(&over).await.unwrap();
        assert_eq!(built[0]["seen"], "KEY=canary");
        let place = Path::new(built[0]["place"].as_str().unwrap());
        assert!(place.ends_with("over") && !place.starts_with(directory.path()));
        assert_eq!(built[0]["kind"], "mode-700", "nobody else may look");
        assert!(!place.parent().unwrap().exists(), "{}", place.display());
        // What names nothing encrypted is built where it is.
        let error = kustomize.build(&directory.path().join("base")).await;
        assert!(
            error.is_err()
                || !error.unwrap()[0]["place"]
                    .as_str()
                    .unwrap()
                    .contains("rok-deploy-build")
        );

        fs::remove_file(&keyring.file).unwrap();
        let known_as = Path::new("/clone/over");
        let error = kustomize.build_as(&over, known_as).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with(
                "`/clone/over/secrets/credentials.env`: is encrypted, and the private key"
            ),
            "{said}"
        );
        let KustomizeError::Encrypted(told) = KustomizeError::read(&error.written()) else {
            panic!("{said}");
        };
        assert_eq!(told.to_string(), said);
    }

    #[tokio::test]
    #[ignore = "needs kubectl"]
    async fn kubectl_builds_overlays_as_its_server_would_read_them() {
        let directory = directory(&[
            ("base/kustomization.yaml", "resources: [all.yaml]\n"),
            (
                "base/all.yaml",
                "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, \
                 data: {answer: 'yes', mode: '0644'}}\n- {apiVersion: v1, kind: Pod, metadata: {name: p}, \
                 spec: {volumes: [{name: v, configMap: {name: a, defaultMode: 0644}}]}}\n",
            ),
            (
                "overlay/kustomization.yaml",
                "namespace: rok\nresources: [../base]\n",
            ),
            (
                "empty/kustomization.yaml",
                "resources: []\nnamespace: rok\n",
            ),
            ("broken/kustomization.yaml", "resources: [absent.yaml]\n"),
        ]);
        let build = async |name: &str| kubectl().build(&directory.path().join(name)).await;
        let objects = build("overlay").await.unwrap();
        assert_eq!(objects.len(), 2, "{objects:?}");
        assert_eq!(objects[0]["metadata"]["namespace"], "rok");
        assert_eq!(objects[0]["data"], json!({"answer": "yes", "mode": "0644"}));
        // An octal number of YAML 1.1, as people write file modes.
        assert_eq!(
            objects[1]["spec"]["volumes"][0]["configMap"]["defaultMode"],
            0o644
        );

        assert_eq!(build("empty").await.unwrap(), [Value::Null; 0]);
        let error = build("broken").await.unwrap_err().to_string();
        assert!(error.contains("absent.yaml"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    crate::corpus::fed!("manifests", feed);

    /// What is taken reads the same when it is written, and no refusal quotes a Secret.
    fn feed(yaml: &[u8]) {
        match objects(yaml) {
            Ok(read) => {
                let documents = read.iter().map(|object| format!("---\n{object}\n"));
                let written: String = documents.collect();
                assert_eq!(objects(written.as_bytes()), Ok(read));
            }
            Err(why) => assert!(!why.contains("canary-secret"), "{why}"),
        }
    }
}

//! An operator with a practice cloud of their own: runs the binary against it and looks at what it left.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::azure;
use super::env::{Output, TestEnv, finish};
use super::kill_group;
use super::runs::is_change;

/// How long a condition may take to come true. Generous: it decides when a hang becomes a failure.
pub const DEADLINE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(2);

/// The name that the documented rules give role, policy and stack of the practice cluster.
pub const ROLE: &str = "rok-us-west-2-arrikto-cluster";
/// The bucket prefix of the practice cluster.
pub const PREFIX: &str = "rok-123451234512-us-west-2-arrikto-cluster";

/// A home with a practice cloud in its state directory.
pub struct Practice {
    pub env: TestEnv,
}

impl Practice {
    pub fn new() -> Self {
        Self {
            env: TestEnv::new(),
        }
    }

    /// Runs the binary against the practice cloud.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.env.run(&[arguments, &["--sandbox"]].concat())
    }

    /// Runs it and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        output
    }

    /// Runs the whole recipe, which has to succeed.
    pub fn journey(&self) -> Output {
        self.expect(0, &["run", "--yes"])
    }

    /// Starts the binary in the background; what it prints goes to files.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.env.command(&[arguments, &["--sandbox"]].concat()))
    }

    /// Serves the practice cloud in a process of its own until it is stopped; returns when it is ready.
    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// Does the same with more arguments, such as `--latency 60ms`.
    pub fn serve_with(&self, arguments: &[&str]) -> Served {
        let file = self.env.home().join("practice.env");
        fs::remove_file(&file).ok();
        let path = file.to_str().expect("a temporary path is text");
        let arguments = [&["sandbox", "--env-file", path], arguments].concat();
        let command = self.env.command(&arguments);
        let mut process = Running::start(command);
        process.wait_for("the practice cloud", || file.is_file().then_some(()));
        Served { process, file }
    }

    pub fn world(&self) -> PathBuf {
        self.env.state_dir().join("sandbox")
    }

    pub fn clone(&self) -> PathBuf {
        self.world().join("deployments")
    }

    pub fn remote(&self) -> PathBuf {
        self.world().join("gitops.git")
    }

    /// What git prints in a folder, without the last line break.
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = self.env.program("git", arguments);
        let output = finish(command.current_dir(folder), DEADLINE);
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        output.stdout.trim_end_matches('\n').to_owned()
    }

    /// Subjects of the clone's commits, oldest first.
    pub fn subjects(&self) -> Vec<String> {
        lines(&self.git(&self.clone(), &["log", "--reverse", "--format=%s"]))
    }

    /// Every ref of clone and remote with what it points to: what a commit, tag or push would move.
    pub fn refs(&self) -> Vec<String> {
        let refs = |folder: &Path| {
            lines(&self.git(
                folder,
                &["for-each-ref", "--format=%(refname) %(objectname)"],
            ))
        };
        [refs(&self.clone()), refs(&self.remote())].concat()
    }

    /// Folders of runs, which need not be in order when they began in the same second.
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.env.state_dir().join("runs")) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.expect("runs are readable").path());
        let mut paths: Vec<_> = paths.collect();
        paths.sort();
        paths
    }

    /// The folder of the run that an output tells of.
    pub fn run_of(&self, output: &Output) -> PathBuf {
        let started = |line: &str| {
            let line = line
                .strip_prefix("Starts run ")
                .or_else(|| line.strip_prefix("Goes on with run "))?;
            line.split(' ').next().map(str::to_owned)
        };
        let run = output.stderr.lines().find_map(started);
        let run = run.unwrap_or_else(|| panic!("no run began: {output:?}"));
        self.env.state_dir().join("runs").join(run)
    }

    /// The state of one half of the world, `aws` or `cluster`, as it is on disk.
    pub fn state(&self, half: &str) -> Value {
        json_of(&self.world().join(format!("{half}.json")))
    }

    /// Waits until the clock shows another second: names of tags hold the second of their run.
    pub fn next_second() {
        let second = || {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH);
            since.expect("it is later than 1970").as_secs()
        };
        let now = second();
        wait_for("the next second", || (second() > now).then_some(()));
    }

    /// Changes one half of the world while nobody serves it.
    pub fn change_state(&self, half: &str, change: impl FnOnce(&mut Value)) {
        let path = self.world().join(format!("{half}.json"));
        let mut state = json_of(&path);
        change(&mut state);
        fs::write(path, state.to_string()).expect("the world is writable");
    }

    /// Makes the practice world without running anything in it.
    pub fn make_world(&self) {
        self.expect(3, &["plan"]);
    }

    /// What the world means, without times, ids of objects, and the run that made them.
    pub fn meaning(&self) -> Value {
        let (aws, cluster) = (self.state("aws"), self.state("cluster"));
        let objects: BTreeMap<_, _> = fields(&cluster["objects"])
            .filter(|(key, _)| !key.starts_with("events/"))
            .map(|(key, object)| {
                let metadata = &object["metadata"];
                let meant = json!([metadata["labels"], metadata["annotations"], object["spec"]]);
                (key.clone(), meant)
            })
            .collect();
        let roles: BTreeMap<_, _> = fields(&aws["roles"])
            .map(|(name, role)| {
                let attached: Vec<_> = fields(&role["grants"]["attached"])
                    .map(|(arn, _)| arn)
                    .collect();
                let inline = &role["grants"]["inline"];
                let trust = document(&role["trust"]["current"]);
                (
                    name,
                    json!([trust, tags(role), attached, inline, role["path"]]),
                )
            })
            .collect();
        let policies: BTreeMap<_, _> = fields(&aws["policies"])
            .map(|(arn, policy)| {
                let versions = policy["versions"].as_array().expect("versions are a list");
                let documents: Vec<_> = versions
                    .iter()
                    .map(|version| document(&version["document"]))
                    .collect();
                let default = &policy["default_version"]["current"];
                (arn, json!([documents, default, tags(policy)]))
            })
            .collect();
        let providers: BTreeMap<_, _> = fields(&aws["providers"])
            .map(|(arn, provider)| {
                let clients = &provider["client_ids"]["current"];
                (arn, json!([provider["url"], clients, tags(provider)]))
            })
            .collect();
        let buckets: BTreeMap<_, _> = fields(&aws["buckets"])
            .map(|(name, bucket)| (name, json!([bucket["region"], bucket["objects"]])))
            .collect();
        let meaning = json!({
            "roles": roles,
            "policies": policies,
            "providers": providers,
            "buckets": buckets,
            "objects": objects,
            "azure": azure::meaning(&self.state("azure"), &self.state("aks")),
        });
        // The issuer is another one in every world.
        let text = meaning.to_string().replace(&self.issuer(), "<issuer>");
        serde_json::from_str(&text).expect("it still is JSON")
    }

    /// The issuer of the cluster's tokens without `https://`, as names hold it.
    pub fn issuer(&self) -> String {
        let cluster = self.state("cluster");
        let issuer = cluster["issuer"].as_str().expect("a cluster has an issuer");
        issuer.trim_start_matches("https://").to_owned()
    }

    /// What the clone's history means: files at HEAD, subjects, tags with messages and subjects of
    /// what they tag. The remote has to have all of it, and nothing may lie around.
    pub fn history(&self) -> Value {
        let (clone, remote) = (self.clone(), self.remote());
        assert_eq!(self.git(&clone, &["status", "--porcelain"]), "");
        assert_eq!(
            self.git(&clone, &["rev-parse", "HEAD"]),
            self.git(&remote, &["rev-parse", "refs/heads/main"]),
        );
        let tags = |folder: &Path| {
            let format = "--format=%(refname) %(objecttype) %(contents:subject) %(*subject)";
            lines(&self.git(folder, &["for-each-ref", "refs/tags", format]))
        };
        assert_eq!(tags(&clone), tags(&remote));
        let tags: Vec<_> = tags(&clone)
            .into_iter()
            .map(|tag| tag.split('/').skip(4).collect::<Vec<_>>().join("/"))
            .collect();
        let files: BTreeMap<_, _> = lines(&self.git(&clone, &["ls-files"]))
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(clone.join(&path)).expect("the file is there");
                // What is encrypted, and for whom, is another text in every world.
                let text = match &text {
                    text if text.contains("ENC[AES256_GCM") => "<encrypted>".into(),
                    _ if path == "deploy/age-recipients.txt" => "<recipients>".into(),
                    text => text.replace(&self.issuer(), "<issuer>"),
                };
                (path, text)
            })
            .collect();
        json!({ "files": files, "subjects": self.subjects(), "tags": tags })
    }
}

/// The events of a run's journal.
pub fn events(run: &Path) -> Vec<Value> {
    json_lines(&run.join("journal.jsonl")).split_off(1)
}

/// The requests of a run that asked for a change.
pub fn writes(run: &Path) -> Vec<Value> {
    let mut records = json_lines(&run.join("wire.jsonl"));
    assert!(!records.is_empty(), "a run that sent nothing is no run");
    records.retain(is_change);
    records
}

/// How each step was done, in the order of its end: `aws.iam-role changed`.
pub fn outcomes(run: &Path) -> Vec<String> {
    let done = |event: &Value| {
        let event = &event["event"];
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        (event["kind"] == "step_done").then(|| format!("{} {}", text("step"), text("outcome")))
    };
    events(run).iter().filter_map(done).collect()
}

/// Every file below a folder with its content.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            let content = fs::read(&path).expect("the file is readable");
            files.insert(path, content);
        }
    }
    files
}

pub fn json_of(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("it is JSON")
}

pub fn json_lines(path: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse_lines(&text)
}

pub fn parse_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The policy document that a JSON string holds.
pub fn document(text: &Value) -> Value {
    serde_json::from_str(text.as_str().expect("a document is text")).expect("it is JSON")
}

pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn tags(object: &Value) -> Value {
    let mut tags = object["tags"].clone();
    if let Some(tags) = tags.as_object_mut() {
        tags.remove("rok-deploy/run");
    }
    tags
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("it is an object").iter()
}

/// Waits until a condition holds; the deadline is a failure.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(PAUSE);
    }
}

/// A process in the background. Killed with its children when it is dropped.
pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
}

impl Running {
    /// Starts a command; what it prints goes to files.
    pub fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("it is writable");
        let child = command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        Self { child, folder }
    }

    /// Waits for a condition that this process is to bring about.
    pub fn wait_for<T>(&mut self, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        wait_for(what, || {
            let ended = self.child.try_wait().expect("a child can be asked");
            let value = condition();
            assert!(
                value.is_some() || ended.is_none(),
                "it ended before {what}: {}",
                self.stderr()
            );
            value
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name: `INT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "signal", name])
            .arg(self.child.id().to_string())
            .status()
            .expect("sh is on the PATH");
        assert!(sent.success(), "nobody took the signal");
    }

    /// Kills it with its children, as the end of a Pod would.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        let status: ExitStatus = wait_for("its end", || {
            self.child.try_wait().expect("a child can be asked")
        });
        let stdout = self.read("stdout");
        Output {
            status,
            stdout,
            stderr: self.stderr(),
        }
    }

    fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("what it printed is readable")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_group(self.child.id());
        self.child.wait().ok();
    }
}

/// A practice cloud that another process serves.
pub struct Served {
    process: Running,
    file: PathBuf,
}

impl Served {
    /// The file with `export NAME=value` lines.
    pub fn env_file(&self) -> &Path {
        &self.file
    }

    /// Ends it as Ctrl-C does.
    pub fn stop(self) -> Output {
        self.process.signal("INT");
        let output = self.process.finish();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        output
    }
}

/// Runs the binary in a shell that has sourced what the served world wrote, and has done `first`:
/// without `--sandbox`, so nothing but the addresses tells that it practises.
pub fn sourced(practice: &Practice, served: &Served, first: &str, arguments: &str) -> Output {
    let script = format!(
        ". '{}' && {first} && exec '{}' {arguments}",
        served.env_file().display(),
        env!("CARGO_BIN_EXE_rok-deploy"),
    );
    finish(&mut practice.env.program("sh", &["-c", &script]), DEADLINE)
}

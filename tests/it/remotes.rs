//! Git as a transaction: whole runs against repositories that others serve, that many push to at
//! once, that refuse, and clones without room.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::env::Output;
use super::support::git_servers::{Hosted, Https, PASSWORD, Ssh, make_key};
use super::support::practice::{Practice, Running, events, lines, snapshot, writes};

mod draft;
mod protected;
mod room;
mod served;
mod signing;
mod together;

/// The commits of a first run, oldest first, behind the one that the repository starts with.
const SUBJECTS: [&str; 4] = [
    "Update CloudFormation stack to authorize Rok on S3 buckets",
    "Create Cloud Identity",
    "Update Rok manifests",
    "Configure Pod and SA to verify storage access",
];

/// An operator with a practice cloud of their own, whose clone is one of this address.
struct Operator {
    practice: Practice,
    url: String,
}

impl Operator {
    fn new(url: &str) -> Self {
        Self {
            practice: Practice::new(),
            url: url.to_owned(),
        }
    }

    /// Adds to the operator's own Git configuration.
    fn configure(&self, text: &str) {
        let file = self.practice.env.home().join(".gitconfig");
        let before = fs::read_to_string(&file).expect("there is one");
        fs::write(&file, format!("{before}{text}")).expect("the home is writable");
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let url = format!("gitops_url={}", self.url);
        let all = [arguments, &["--sandbox", "--yes", "--set", &url]].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let arguments = self.arguments(&[&["run"], arguments].concat());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.practice.env.run(&arguments)
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let arguments = self.arguments(&[&["run"], arguments].concat());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Running::start(self.practice.env.command(&arguments))
    }

    #[track_caller]
    fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        output
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.practice.git(&self.practice.clone(), arguments)
    }

    /// Subjects of the commits behind the one that the repository starts with, oldest first.
    fn subjects(&self) -> Vec<String> {
        self.practice.subjects().split_off(1)
    }

    /// No clone, nothing beside it, and no request for a change in the cloud.
    fn assert_nothing_half_made(&self, output: &Output) {
        let left = fs::read_dir(self.practice.world()).expect("there is a world");
        let left: Vec<_> = left
            .map(|entry| entry.expect("it is readable").file_name())
            .filter(|name| name.to_string_lossy().contains("deployments"))
            .collect();
        assert_eq!(left, [""; 0]);
        let run = self.practice.run_of(output);
        assert_eq!(writes(&run), [Value::Null; 0], "{output:?}");
        let last = events(&run).pop().expect("a run has events");
        assert_eq!(last["event"]["kind"], "run_finished");
    }
}

/// The remote has what the clone has: branch and tags, and nothing went anywhere but forward.
fn assert_pushed(hosted: &Hosted, operator: &Operator) {
    assert_eq!(
        hosted.git("rev-parse refs/heads/main"),
        operator.git(&["rev-parse", "HEAD"])
    );
    let tags = [
        "for-each-ref",
        "--format=%(refname)=%(objectname)",
        "refs/tags",
    ];
    let own = operator.git(&tags);
    assert_eq!(hosted.git(&tags.join(" ")), own);
    assert_eq!(lines(&own).len(), 2, "{own}");
    assert_eq!(operator.git(&["status", "--porcelain"]), "");
    hosted.assert_only_forward();
}

/// What a run said, on both streams.
fn said(output: &Output) -> String {
    format!("{}{}", output.stdout, output.stderr)
}

#[track_caller]
fn assert_says(output: &Output, words: &[&str]) {
    let said = said(output);
    for words in words {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
}

/// No file below a folder holds these words.
fn assert_nowhere(folder: &Path, words: &str) {
    for (path, content) in snapshot(folder) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(words), "{} has it", path.display());
    }
}

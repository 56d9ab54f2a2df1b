//! Killed with SIGKILL at any point, a run is resumed and ends where an uninterrupted one does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use super::support::env::Output;
use super::support::practice::{Practice, Running, lines, writes};

/// Stretches every answer, so that a moment between two journal lines can be hit.
const SLOW: &[&str] = &["run", "--yes", "--latency", "30ms"];

/// What world and clone mean after a run that nobody disturbed.
static UNINTERRUPTED: LazyLock<(Value, Value)> = LazyLock::new(|| {
    let practice = Practice::new();
    practice.journey();
    (practice.meaning(), practice.history())
});

#[test]
fn before_the_first_change() {
    killed_when(SLOW, r#""kind":"plan_ready""#, true);
}

#[test]
fn while_the_policy_is_created() {
    killed_when(
        SLOW,
        r#""kind":"step_acting","step":"aws.iam-policy""#,
        false,
    );
}

#[test]
fn while_the_role_is_created() {
    killed_when(SLOW, r#""kind":"step_acting","step":"aws.iam-role""#, false);
}

#[test]
fn after_the_role_was_created_and_before_it_was_seen() {
    killed_when(SLOW, r#""kind":"step_acted","step":"aws.iam-role""#, false);
}

#[test]
fn between_role_and_attachment() {
    killed_when(
        SLOW,
        r#""kind":"step_acting","step":"aws.policy-attachment""#,
        false,
    );
}

#[test]
fn between_two_commits() {
    killed_when(
        SLOW,
        r#""kind":"step_done","step":"aws.stack-template""#,
        false,
    );
    killed_when(
        SLOW,
        r#""kind":"step_done","step":"rok.storage-patch""#,
        false,
    );
}

#[test]
fn while_files_are_written_and_committed() {
    killed_when(SLOW, r#""kind":"step_acting","step":"gitops.env""#, false);
}

#[test]
fn between_tag_and_push() {
    killed_when(
        SLOW,
        r#""kind":"step_done","step":"gitops.tag-objectstorage""#,
        false,
    );
}

#[test]
fn while_namespaces_are_created() {
    killed_when(
        SLOW,
        r#""kind":"step_acting","step":"rok.namespaces""#,
        false,
    );
}

#[test]
fn while_the_proof_runs() {
    killed_when(
        SLOW,
        r#""kind":"step_observing","step":"rok.storage-access""#,
        false,
    );
}

#[test]
fn while_replicas_settle() {
    let lagging = &["run", "--yes", "--lag", "5s"];
    killed_when(lagging, r#""kind":"step_settling""#, false);
}

#[test]
fn while_git_clones() {
    let practice = Practice::with_git(
        r#"case " $* " in *" clone "*) "$git" "$@"; touch "$HOME/cloned"; exec sleep 600;; esac"#,
    );
    let mut running = practice.start(&["run", "--yes"]);
    let cloned = practice.env.home().join("cloned");
    running.wait_for("the clone", || cloned.exists().then_some(()));
    running.kill();
    assert!(!practice.clone().exists(), "half a clone is no clone");
    practice.use_plain_git();
    resumes(&practice);
    let left = fs::read_dir(practice.world()).expect("the world is readable");
    let drafts: Vec<_> = left
        .map(|entry| entry.expect("the world is readable").file_name())
        .filter(|name| name.to_string_lossy().starts_with(".deployments"))
        .collect();
    assert!(drafts.is_empty(), "{drafts:?}");
}

#[test]
fn while_git_pushes() {
    // The remote has everything, and nobody was told.
    let practice = Practice::with_git(
        r#"case " $* " in *" push "*" --dry-run "*) ;; *" push "*) "$git" "$@"; touch "$HOME/pushed"; exec sleep 600;; esac"#,
    );
    let mut running = practice.start(&["run", "--yes"]);
    let pushed = practice.env.home().join("pushed");
    running.wait_for("the push", || pushed.exists().then_some(()));
    running.kill();
    practice.use_plain_git();
    resumes(&practice);
}

#[test]
fn again_and_again() {
    let practice = Practice::new();
    let mut running = practice.start(SLOW);
    let journal = journal_of(&practice, &mut running);
    for moment in [
        "aws.iam-policy",
        "aws.iam-role",
        "gitops.env",
        "rok.namespaces",
    ] {
        let line = format!(r#""kind":"step_acting","step":"{moment}""#);
        running.wait_for(moment, || journal_says(&journal, &line));
        running.kill();
        running = practice.start(&["resume", "--latency", "60ms"]);
    }
    let output = running.finish();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    is_as_uninterrupted(&practice, &output);
}

#[test]
fn a_run_that_lives_cannot_be_resumed() {
    let practice = Practice::new();
    let mut running = practice.start(SLOW);
    let journal = journal_of(&practice, &mut running);
    running.wait_for("the plan", || {
        journal_says(&journal, r#""kind":"approved""#)
    });
    let run = journal.parent().and_then(Path::file_name).expect("an id");
    let output = practice.env.run(&["resume", &run.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("is held by another process: operator@"),
        "{output:?}"
    );
    assert!(
        output
            .stderr
            .contains(&format!("(pid {}) since 20", running.id())),
        "{output:?}"
    );
    let output = running.finish();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn nothing_unfinished_is_a_usage_error() {
    let practice = Practice::new();
    let output = practice.expect(2, &["resume"]);
    assert!(
        output.stderr.contains("there is no unfinished run"),
        "{output:?}"
    );
    let run = practice.run_of(&practice.journey());
    let output = practice.expect(2, &["resume"]);
    assert!(
        output.stderr.contains("there is no unfinished run"),
        "{output:?}"
    );
    let run = run.file_name().expect("an id").to_string_lossy();
    let output = practice.expect(2, &["resume", &run]);
    assert!(
        output.stderr.contains(&format!("run {run} is finished")),
        "{output:?}"
    );
    let output = practice.expect(2, &["resume", "nonesuch"]);
    assert!(
        output.stderr.contains("there is no run `nonesuch`"),
        "{output:?}"
    );
}

/// Kills a run once its journal says so, resumes it, and compares the end.
fn killed_when(arguments: &[&str], line: &str, needs_approval: bool) {
    let practice = Practice::new();
    let mut running = practice.start(arguments);
    let journal = journal_of(&practice, &mut running);
    running.wait_for(line, || journal_says(&journal, line));
    running.kill();
    assert!(
        journal_says(&journal, r#""kind":"run_finished""#).is_none(),
        "it was over before it was killed"
    );
    if needs_approval {
        // Nothing was approved yet, or it was and is on disk: both are fine with `--yes`.
        resumed_with(&practice, &["resume", "--yes"]);
    } else {
        resumes(&practice);
    }
}

/// `resume` reuses the stored approval: it needs no `--yes`.
fn resumes(practice: &Practice) {
    resumed_with(practice, &["resume"]);
}

fn resumed_with(practice: &Practice, arguments: &[&str]) {
    let [run] = &practice.runs()[..] else {
        panic!("one run makes one folder");
    };
    let output = practice.expect(0, arguments);
    assert_eq!(practice.run_of(&output), *run);
    is_as_uninterrupted(practice, &output);
}

fn is_as_uninterrupted(practice: &Practice, output: &Output) {
    let (meaning, history) = &*UNINTERRUPTED;
    assert_eq!(practice.meaning(), *meaning, "{output:?}");
    assert_eq!(practice.history(), *history, "{output:?}");

    let refs = practice.refs();
    let again = practice.journey();
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    assert_eq!(practice.refs(), refs);
    let unfinished = practice.expect(2, &["resume"]);
    assert!(
        unfinished.stderr.contains("no unfinished run"),
        "{unfinished:?}"
    );
}

/// The journal of the run that a process began.
fn journal_of(practice: &Practice, running: &mut Running) -> PathBuf {
    running.wait_for("a journal", || {
        let journal = practice.runs().first()?.join("journal.jsonl");
        journal.is_file().then_some(journal)
    })
}

fn journal_says(journal: &Path, line: &str) -> Option<()> {
    let text = fs::read_to_string(journal).ok()?;
    text.contains(line).then_some(())
}

impl Practice {
    /// A practice cloud whose operator has a `git` that does something first; `$git` is the real one.
    fn with_git(script: &str) -> Self {
        let mut practice = Self::new();
        let folder = practice.env.home().join("bin");
        let find = practice
            .env
            .program("sh", &["-c", "command -v git"])
            .output();
        let find = String::from_utf8(find.expect("sh is on the PATH").stdout).expect("text");
        let git = lines(&find).pop().expect("git is on the PATH");
        fs::create_dir(&folder).expect("the home is writable");
        let wrapper = folder.join("git");
        let text = format!("#!/bin/sh\ngit={git}\n{script}\nexec \"$git\" \"$@\"\n");
        fs::write(&wrapper, text).expect("the home is writable");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&wrapper, mode).expect("the home is writable");
        let path = std::env::var("PATH").expect("tests run with a PATH");
        let path = format!("{}:{path}", folder.display());
        practice.env = practice.env.with_variable("PATH", path);
        practice
    }

    fn use_plain_git(&self) {
        fs::remove_file(self.env.home().join("bin/git")).expect("the wrapper is there");
    }
}

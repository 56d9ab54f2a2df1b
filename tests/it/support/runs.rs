//! What a run leaves behind: its folder, its requests, the clone and its remote.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::env::{Output, TestEnv};
use super::served::printed;

/// The folder of the run that wrote last.
pub fn newest_run(place: &TestEnv) -> PathBuf {
    fs::read_dir(place.state_dir().join("runs"))
        .expect("there is a run")
        .map(|entry| entry.expect("the runs can be listed").path())
        .max_by_key(|folder| {
            let wire = folder.join("wire.jsonl").metadata();
            wire.and_then(|wire| wire.modified())
                .expect("a run has a wire log")
        })
        .expect("there is a run")
}

/// The requests of the newest run, as its wire log tells them.
pub fn requests(place: &TestEnv) -> Vec<Value> {
    let wire =
        fs::read_to_string(newest_run(place).join("wire.jsonl")).expect("the wire log is readable");
    wire.lines()
        .map(|line| serde_json::from_str(line).expect("a wire line is JSON"))
        .collect()
}

/// The requests of the newest run that asked for a change, as `client method operation`.
pub fn writes(place: &TestEnv) -> Vec<String> {
    let requests = requests(place);
    assert!(!requests.is_empty(), "a run looks at the world");
    requests
        .iter()
        .filter(|request| is_change(request))
        .map(|request| {
            let text = |field: &str| request[field].as_str().expect("a text");
            format!(
                "{} {} {}",
                text("client"),
                text("method"),
                text("operation")
            )
        })
        .collect()
}

/// The step's part of the document of `plan --output json`.
pub fn planned(plan: &Output, step: &str) -> Value {
    let document: Value = serde_json::from_str(&plan.stdout).expect("the plan is a document");
    let tasks = document["tasks"].as_array().expect("a plan has tasks");
    tasks
        .iter()
        .flat_map(|task| task["steps"].as_array().expect("a task has steps"))
        .find(|planned| planned["id"] == step)
        .unwrap_or_else(|| panic!("no step {step} in {document}"))
        .clone()
}

/// What `git` prints in a repository.
pub fn git(place: &TestEnv, repository: &Path, arguments: &[&str]) -> String {
    printed(place.program("git", arguments).current_dir(repository))
}

/// All refs of a remote with what they point at.
pub fn remote_refs(place: &TestEnv, url: &str) -> String {
    git(place, place.home(), &["ls-remote", url])
}

/// Commands that failed say more on standard error than in their code.
#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "\n--- stdout\n{}\n--- stderr\n{}",
        output.stdout,
        output.stderr
    );
}

/// Whether a request asked for a change. What a proof makes and takes away again is none: the service
/// account and the Pod, which it creates and deletes where others are applied. Nor is the Lease that a
/// run holds.
pub fn is_change(request: &Value) -> bool {
    let operation = request["operation"].as_str().unwrap_or_default();
    if operation.contains("/namespaces/default/leases") {
        return false;
    }
    let (path, last) = operation.rsplit_once('/').unwrap_or_default();
    let of_proof = |kind: &&str| match request["method"].as_str() {
        Some("POST") => last == *kind,
        Some("DELETE") => path.ends_with(kind),
        _ => false,
    };
    request["write"] == true && !["serviceaccounts", "pods"].iter().any(of_proof)
}

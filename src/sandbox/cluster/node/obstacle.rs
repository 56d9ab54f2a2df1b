//! What keeps a container from being started: an image that cannot be pulled, or a variable that
//! cannot be filled.

use serde_json::Value;

use super::super::events::Note;
use super::super::kinds::SECRETS;
use super::super::sabotage::Sabotage;
use super::super::state::ClusterState;
use super::environment;

/// A state that a container waits in, and the events that tell of it.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) notes: Vec<Note>,
}

/// The states that a container which cannot start goes through; it stays in the last. None when it
/// can start.
pub(super) fn of(state: &ClusterState, pod: &Value, container: &Value) -> Vec<Wait> {
    let image = container["image"].as_str().unwrap_or_default();
    if let Some(problem) = pull_problem(state, pod, image) {
        return not_pulled(image, &problem, missing_secrets(state, pod));
    }
    match environment::of(state, pod, container) {
        Ok(_) => Vec::new(),
        Err(why) => vec![Wait {
            reason: "CreateContainerConfigError",
            notes: vec![Note::warning("Failed", format!("Error: {why}"))],
            message: why,
        }],
    }
}

/// Why an image cannot be pulled, in containerd's words. All images are taken to be private: who
/// names a secret needs it.
fn pull_problem(state: &ClusterState, pod: &Value, image: &str) -> Option<String> {
    let start = format!(
        "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\""
    );
    if state.sabotage.contains(&Sabotage::ImageNotPullable) {
        return Some(format!(
            "rpc error: code = NotFound desc = {start}: {image}: not found"
        ));
    }
    let named = pod["spec"]["imagePullSecrets"].as_array();
    let all_missing = named
        .is_some_and(|named| !named.is_empty() && missing_secrets(state, pod).len() == named.len());
    all_missing.then(|| {
        format!("rpc error: code = Unknown desc = {start}: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials")
    })
}

fn missing_secrets(state: &ClusterState, pod: &Value) -> Vec<String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    pod["spec"]["imagePullSecrets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|secret| secret["name"].as_str())
        .filter(|name| state.get(&SECRETS, namespace, name).is_err())
        .map(str::to_owned)
        .collect()
}

fn not_pulled(image: &str, problem: &str, missing: Vec<String>) -> Vec<Wait> {
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(Note::warning(
            "FailedToRetrieveImagePullSecret",
            format!(
                "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
                missing.join(", ")
            ),
        ));
    }
    notes.push(Note::normal(
        "Pulling",
        format!("Pulling image \"{image}\""),
    ));
    notes.push(Note::warning(
        "Failed",
        format!("Failed to pull image \"{image}\": {problem}"),
    ));
    notes.push(Note::warning("Failed", "Error: ErrImagePull"));
    let back_off = format!("Back-off pulling image \"{image}\"");
    vec![
        Wait {
            reason: "ErrImagePull",
            message: problem.to_owned(),
            notes,
        },
        Wait {
            reason: "ImagePullBackOff",
            message: format!("{back_off}: ErrImagePull: {problem}"),
            notes: vec![
                Note::normal("BackOff", back_off),
                Note::warning("Failed", "Error: ImagePullBackOff"),
            ],
        },
    ]
}

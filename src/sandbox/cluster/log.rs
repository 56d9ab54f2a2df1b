//! What containers wrote, as `pods/log` gives it: all of it at once, without following.

use serde_json::Value;

use super::containers;
use super::kinds::PODS;
use super::refusal::Refusal;
use super::server::Cluster;

pub(super) fn read(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    query: &str,
) -> Result<Vec<u8>, Refusal> {
    let option = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let number = |wanted: &str| option(wanted)?.parse::<usize>().ok();
    let pod = cluster
        .store
        .read(|state| state.get(&PODS, namespace, name).cloned())?;
    let found = containers::find(&pod, option("container").as_deref())?;
    let container = found.spec["name"].as_str().unwrap_or_default();
    if option("previous").is_some_and(|wish| wish == "true") {
        return Err(Refusal::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{name}\" not found"
        )));
    }
    check_started(name, container, found.status)?;
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let log = cluster
        .node
        .get()
        .map(|node| node.log(uid, container))
        .unwrap_or_default();
    let mut shown = &log[..];
    if let Some(lines) = number("tailLines") {
        shown = tail(shown, lines);
    }
    if let Some(limit) = number("limitBytes") {
        shown = &shown[..limit.min(shown.len())];
    }
    Ok(shown.to_vec())
}

/// A container that has never run has no log.
fn check_started(pod: &str, container: &str, status: &Value) -> Result<(), Refusal> {
    let has_run = ["running", "terminated"]
        .iter()
        .any(|state| status["state"][state].is_object())
        || status["lastState"]["terminated"].is_object();
    if has_run {
        return Ok(());
    }
    let reason = match status["state"]["waiting"]["reason"].as_str() {
        Some("ErrImagePull" | "ImagePullBackOff") => "trying and failing to pull image",
        Some(reason) => reason,
        None => "ContainerCreating",
    };
    Err(Refusal::bad_request(format!(
        "container \"{container}\" in pod \"{pod}\" is waiting to start: {reason}"
    )))
}

/// The last lines of a text.
fn tail(text: &[u8], lines: usize) -> &[u8] {
    let ends = text
        .iter()
        .enumerate()
        .rev()
        .filter(|(at, byte)| **byte == b'\n' && at + 1 != text.len())
        .map(|(at, _)| at + 1);
    if lines == 0 {
        return &[];
    }
    let start = ends.into_iter().nth(lines - 1).unwrap_or(0);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        let text = b"one\ntwo\nthree\n";
        assert_eq!(tail(text, 1), b"three\n");
        assert_eq!(tail(text, 2), b"two\nthree\n");
        assert_eq!(tail(text, 9), text);
        assert_eq!(tail(text, 0), b"");
        assert_eq!(tail(b"one\ntwo", 1), b"two");
    }
}

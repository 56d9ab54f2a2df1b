//! The runs of one container in the life of its Pod: from its image to its last words, and again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use ring::digest;
use serde_json::{Value, json};

use super::super::containers::List;
use super::super::events::Note;
use super::super::process::Output;
use super::life::{Gone, Life};
use super::{environment, obstacle, status};
use crate::sandbox::random;

/// As much as is kept of what a container leaves behind when it ends.
const LONGEST_MESSAGE: usize = 4096;
/// The pause before the second restart of a container; each later one is twice as long.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);

/// A container and the list it stands in.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) list: List,
    pub(super) name: &'a str,
}

impl Place<'_> {
    fn field(&self) -> String {
        format!("spec.{}{{{}}}", self.list.spec(), self.name)
    }
}

impl Life {
    /// Leads one container through its runs. Returns the exit code of the last.
    pub(super) async fn container(&self, place: Place<'_>) -> Result<i32, Gone> {
        loop {
            let pod = self.pod()?;
            let known = place
                .list
                .statuses(&pod)
                .find(|it| it["name"] == place.name);
            let known = known.ok_or(Gone)?;
            let code = if let Some(code) = known["state"]["terminated"]["exitCode"].as_i64() {
                i32::try_from(code).unwrap_or(1)
            } else {
                if known["state"]["running"].is_null() {
                    self.start(place).await?;
                }
                self.end(place, self.process(place).await?)?
            };
            let again = match (pod["spec"]["restartPolicy"].as_str(), place.list) {
                (Some("Never"), _) => false,
                (Some("OnFailure"), _) | (_, List::Init) => code != 0,
                _ => true,
            };
            if !again {
                return Ok(code);
            }
            self.back_off(place).await?;
        }
    }

    /// Pulls the image and starts the container, as soon as nothing is in the way.
    async fn start(&self, place: Place<'_>) -> Result<(), Gone> {
        let pod = self.pod()?;
        let spec = place.list.of(&pod).find(|it| it["name"] == place.name);
        let spec = spec.ok_or(Gone)?;
        let waits = self.look(|state| obstacle::of(state, &pod, spec));
        let is_hindered = !waits.is_empty();
        for wait in waits {
            self.update(|pod| {
                let status = status::of_container(pod, place.list, place.name);
                let waiting = json!({ "reason": wait.reason, "message": wait.message });
                status["state"] = json!({ "waiting": waiting });
                let notes = wait.notes.iter().cloned();
                notes.map(|note| note.about(place.field())).collect()
            })?;
        }
        if is_hindered {
            self.until(|state| obstacle::of(state, &pod, spec).is_empty().then_some(()))
                .await;
        }
        let image = spec["image"].as_str().unwrap_or_default();
        self.update(|_| {
            let pulling = format!("Pulling image \"{image}\"");
            vec![Note::normal("Pulling", pulling).about(place.field())]
        })?;
        self.update(|pod| {
            let status = status::of_container(pod, place.list, place.name);
            status["imageID"] = image_id(image).into();
            status["containerID"] = format!("containerd://{}", random::text(64, random::HEX)).into();
            status["state"] = json!({ "running": { "startedAt": self.now() } });
            status["started"] = true.into();
            status["ready"] = (place.list == List::Main).into();
            let pulled = format!(
                "Successfully pulled image \"{image}\" in 12ms (12ms including waiting). Image size: 734003200 bytes."
            );
            [
                Note::normal("Pulled", pulled),
                Note::normal("Created", format!("Created container: {}", place.name)),
                Note::normal("Started", format!("Started container {}", place.name)),
            ]
            .map(|note| note.about(place.field()))
            .to_vec()
        })?;
        Ok(())
    }

    /// Runs what the container was told to run. Without a command its image decides, and the
    /// practice images wait for ever.
    async fn process(&self, place: Place<'_>) -> Result<Option<Output>, Gone> {
        let pod = self.pod()?;
        let spec = place.list.of(&pod).find(|it| it["name"] == place.name);
        let spec = spec.ok_or(Gone)?;
        let words = |field: &str| {
            let words = spec[field].as_array().into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned)
        };
        if words("command").next().is_none() {
            return std::future::pending().await;
        }
        let environment: BTreeMap<String, String> =
            self.look(|state| environment::of(state, &pod, spec).unwrap_or_default());
        let command = words("command")
            .chain(words("args"))
            .map(|word| expand(&word, &environment))
            .collect();
        let node = self.node();
        let process = self.look(|state| node.process(state, &pod, spec, command));
        let output = node.run(&process).await;
        if let Some(output) = &output {
            node.write_log(&self.uid, place.name, output);
        }
        Ok(output)
    }

    /// Notes how a container ended. No output means that it could not even begin.
    fn end(&self, place: Place<'_>, output: Option<Output>) -> Result<i32, Gone> {
        let code = output.as_ref().map_or(128, |output| output.code);
        self.update(|pod| {
            let spec = place.list.of(pod).find(|it| it["name"] == place.name);
            let spec = spec.cloned().unwrap_or_default();
            let status = status::of_container(pod, place.list, place.name);
            let mut ended = json!({
                "exitCode": code,
                "reason": if code == 0 { "Completed" } else { "Error" },
                "startedAt": status["state"]["running"]["startedAt"],
                "finishedAt": self.now(),
                "containerID": status["containerID"],
            });
            let message = if let Some(output) = &output {
                last_words(output, &spec)
            } else {
                ended["reason"] = "StartError".into();
                ended["startedAt"] = "1970-01-01T00:00:00Z".into();
                not_found(spec["command"][0].as_str().unwrap_or_default())
            };
            let notes = match &output {
                Some(_) => Vec::new(),
                None => {
                    vec![Note::warning("Failed", format!("Error: {message}")).about(place.field())]
                }
            };
            if !message.is_empty() {
                ended["message"] = message.into();
            }
            status["state"] = json!({ "terminated": ended });
            status["started"] = false.into();
            status["ready"] = (place.list == List::Init && code == 0).into();
            notes
        })?;
        Ok(code)
    }

    /// Waits until a container may start again: not at all the first time.
    async fn back_off(&self, place: Place<'_>) -> Result<(), Gone> {
        let restarts = {
            let pod = self.pod()?;
            let status = place
                .list
                .statuses(&pod)
                .find(|it| it["name"] == place.name);
            status
                .and_then(|it| it["restartCount"].as_u64())
                .unwrap_or(0)
        };
        if restarts > 0 {
            let exponent = u32::try_from(restarts - 1).unwrap_or(u32::MAX).min(5);
            let pause = (FIRST_BACK_OFF * 2_u32.pow(exponent)).min(LONGEST_BACK_OFF);
            let whole = format!("{}_{}({})", self.name, self.namespace, self.uid);
            let container = place.name;
            self.update(|pod| {
                let status = status::of_container(pod, place.list, container);
                status["lastState"] = status["state"].take();
                let message = format!(
                    "back-off {} restarting failed container={container} pod={whole}",
                    humantime::format_duration(pause)
                );
                let waiting = json!({ "reason": "CrashLoopBackOff", "message": message });
                status["state"] = json!({ "waiting": waiting });
                let told =
                    format!("Back-off restarting failed container {container} in pod {whole}");
                vec![Note::warning("BackOff", told).about(place.field())]
            })?;
            tokio::time::sleep(pause).await;
        }
        self.update(|pod| {
            let status = status::of_container(pod, place.list, place.name);
            if status["state"]["terminated"].is_object() {
                status["lastState"] = status["state"].take();
                status["state"] = json!({ "waiting": { "reason": "ContainerCreating" } });
            }
            status["restartCount"] = (restarts + 1).into();
            Vec::new()
        })?;
        Ok(())
    }
}

/// An image as the node holds it: without its tag, with its digest.
fn image_id(image: &str) -> String {
    let digest = digest::digest(&digest::SHA256, image.as_bytes());
    let digest = digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes all that is written");
            text
        });
    let repository = image.split('@').next().unwrap_or_default();
    let repository = match repository.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => repository,
    };
    format!("{repository}@sha256:{digest}")
}

/// Replaces `$(NAME)` by the variable of that name, if there is one.
fn expand(word: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = word.to_owned();
    for (name, value) in environment {
        expanded = expanded.replace(&format!("$({name})"), value);
    }
    expanded
}

/// What a container leaves behind: its message, or where it asked for that, the end of its log.
fn last_words(output: &Output, spec: &Value) -> String {
    let mut words = &output.termination_message[..];
    let log;
    let wants_log = spec["terminationMessagePolicy"] == "FallbackToLogsOnError";
    if words.is_empty() && wants_log && output.code != 0 {
        log = [&output.stdout[..], &output.stderr[..]].concat();
        words = &log[log.len().saturating_sub(2048)..];
    }
    let words = &words[words.len().saturating_sub(LONGEST_MESSAGE)..];
    String::from_utf8_lossy(words).into_owned()
}

/// The runtime's words for a program that the image does not have.
fn not_found(program: &str) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"{program}\": executable file not found in $PATH: unknown"
    )
}

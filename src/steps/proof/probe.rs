//! The test Pod: its manifest in its two forms, and how commands run in it.
//!
//! The documented Pod stays up, and commands run in it by exec. Where exec is forbidden, each
//! command is a container of its own that leaves what it says as its termination message.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::workload::{POD, RUN_LABEL, Workload, unproven};
use crate::clients::cluster::Cluster;
use crate::engine::StepError;
use crate::steps::atlas::{Source, Symptom, look_up};

/// What the atlas calls a Pod that lacks the program.
const LACKS_PROGRAM: &str = "image-lacks-program";

/// The port of the agent of a node, which an error names that cannot reach it.
const NODE_AGENT: &str = ":10250";

/// How long a command in the Pod may take.
const LIMIT: Duration = Duration::from_mins(1);

/// Leaves what a command says as the container's termination message. The command stands in the
/// arguments, so nothing of it is read by the shell.
const KEEP_OUTPUT: &str = r#"exec "$@" >/dev/termination-log 2>&1"#;

/// The documented test Pod of a cloud.
#[derive(Debug, Clone)]
pub struct TestPod {
    /// What the step that starts it is called in lists.
    pub(super) title: &'static str,
    /// Its manifest, in the clone.
    pub(super) manifest: &'static str,
    /// The step that proves what can be proven without it.
    pub(super) after: &'static str,
    /// The fact that says that this was proven.
    pub(super) proven: Option<&'static str>,
    /// What it holds once it runs.
    pub(super) holds: &'static str,
    /// What to do where it holds something else for no reason that anybody knows.
    pub(super) odd: String,
    /// What is asked in it.
    pub(super) questions: Vec<Question>,
    /// Reads what a command in it said went wrong.
    pub(super) heard: fn(&str) -> Symptom,
}

/// What is asked in the Pod.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The container that asks it, where exec is forbidden: its name.
    container: &'static str,
    command: Vec<String>,
}

/// What was said in the Pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The command's output.
    Output(String),
    /// What the command said went wrong.
    Trouble(Symptom),
    /// Why it could not be asked.
    Unheard(Symptom),
}

impl Question {
    pub(super) fn new(container: &'static str, command: &[&str]) -> Self {
        Self::of(container, words(command))
    }

    pub(super) fn of(container: &'static str, command: Vec<String>) -> Self {
        Self { container, command }
    }
}

/// Returns the words of a command.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A Pod as it was found.
pub struct Probe {
    /// The whole object.
    pub(super) object: Value,
    /// What it was made for.
    pub(super) test: TestPod,
}

impl Probe {
    /// Returns the UID.
    pub(super) fn uid(&self) -> &str {
        self.object["metadata"]["uid"].as_str().unwrap_or_default()
    }

    /// Returns the run that made it; none for a Pod that was made by hand.
    pub(super) fn run(&self) -> Option<&str> {
        run_of(&self.object)
    }

    pub(super) fn phase(&self) -> &str {
        self.object["status"]["phase"].as_str().unwrap_or("Pending")
    }

    pub(super) fn is_going(&self) -> bool {
        !self.object["metadata"]["deletionTimestamp"].is_null()
    }

    fn is_ready(&self) -> bool {
        let conditions = self.object["status"]["conditions"].as_array();
        self.phase() == "Running"
            && conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    }

    /// Whether its containers ask the questions themselves.
    pub(super) fn asks_itself(&self) -> bool {
        self.containers()
            .iter()
            .any(|container| container["name"] == self.test.questions[0].container)
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    /// Whether it can be asked: it runs, or its containers have all answered. Others that a mesh
    /// has put beside them may go on.
    pub(super) fn is_up(&self) -> bool {
        if self.asks_itself() {
            self.test
                .questions
                .iter()
                .all(|question| self.answer(question.container).is_some())
        } else {
            self.is_ready()
        }
    }

    /// Returns how the container of a question ended, once it has.
    fn answer(&self, container: &str) -> Option<&Value> {
        let statuses = self.object["status"]["containerStatuses"].as_array()?;
        let status = statuses.iter().find(|status| status["name"] == container)?;
        Some(&status["state"]["terminated"]).filter(|ended| !ended.is_null())
    }

    /// The containers of the manifest, where their names tell: a mesh may have put others beside
    /// them.
    pub(super) fn own_containers(&self) -> Vec<&Value> {
        let is_own = |container: &&Value| {
            let name = container["name"].as_str().unwrap_or_default();
            let asks = |question: &Question| question.container == name;
            name == POD || self.test.questions.iter().any(asks)
        };
        let own: Vec<_> = self.containers().iter().filter(is_own).collect();
        if own.is_empty() {
            return self.containers().iter().collect();
        }
        own
    }

    fn containers(&self) -> &[Value] {
        self.object["spec"]["containers"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// Returns what the cluster itself says that the Pod waits for, in its own words.
    pub(super) fn waits_for(&self) -> Option<String> {
        let status = &self.object["status"];
        let waiting = ["initContainerStatuses", "containerStatuses"]
            .into_iter()
            .filter_map(|field| status[field].as_array())
            .flatten()
            .map(|container| &container["state"]["waiting"]);
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let unmet = conditions.filter(|condition| condition["status"] == "False");
        waiting.chain(unmet).find_map(|told| {
            let reason = told["reason"].as_str()?;
            let usual = ["ContainerCreating", "PodInitializing", "ContainersNotReady"];
            (!usual.contains(&reason)).then(|| match told["message"].as_str() {
                Some(message) if !message.is_empty() => format!("{reason}: {message}"),
                _ => reason.to_owned(),
            })
        })
    }

    /// Asks, or reads what was asked already.
    pub(super) async fn ask(
        &self,
        container: &str,
        client: &Cluster,
        workload: &Workload,
    ) -> Result<Said, StepError> {
        if self.asks_itself() {
            return self.read(container);
        }
        let mut questions = self.test.questions.iter();
        let question = questions.find(|question| question.container == container);
        let question = question.expect("the test Pod has the question");
        self.run_command(&question.command, client, workload).await
    }

    /// Runs a command in the Pod.
    pub(super) async fn run_command(
        &self,
        command: &[String],
        client: &Cluster,
        workload: &Workload,
    ) -> Result<Said, StepError> {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let containers = self.own_containers();
        let container = containers
            .first()
            .and_then(|container| container["name"].as_str())
            .unwrap_or(POD);
        let output = client
            .exec(&workload.namespace, POD, container, &words, LIMIT)
            .await;
        Ok(match output {
            Ok(output) if output.code == 0 => Said::Output(output.stdout),
            Ok(output) => Said::Trouble((self.test.heard)(&output.stderr)),
            Err(error) => {
                let symptom = Symptom::from(&error);
                // A server in trouble answers with the same code as one whose Pod lacks a program.
                let lacks = look_up(&symptom).is_some_and(|entry| entry.id == LACKS_PROGRAM);
                // Nor is it in trouble when it cannot reach the agent of the Pod's node.
                let is_of_server = !lacks && !error.message.contains(NODE_AGENT);
                if error.status.is_some() && error.is_transient() && is_of_server {
                    return Err(unproven(error));
                }
                Said::Unheard(symptom)
            }
        })
    }

    /// Reads what a container said before it ended.
    fn read(&self, name: &str) -> Result<Said, StepError> {
        let ended = self.answer(name).ok_or_else(|| {
            StepError::failed(format!("container `{name}` of Pod `{POD}` has not ended"))
        })?;
        let message = ended["message"].as_str().unwrap_or_default();
        Ok(match ended["exitCode"].as_i64() {
            Some(0) => Said::Output(message.to_owned()),
            code if message.trim().is_empty() => {
                let code = code.map_or("unknown".to_owned(), |code| code.to_string());
                let reason = ended["reason"].as_str().unwrap_or("no reason");
                let text = format!("container `{name}` ended with exit code {code}: {reason}");
                Said::Trouble(Symptom::new(Source::Pod, text))
            }
            _ => Said::Trouble((self.test.heard)(message)),
        })
    }
}

/// Returns the run that made a Pod.
pub(super) fn run_of(pod: &Value) -> Option<&str> {
    pod["metadata"]["labels"][RUN_LABEL].as_str()
}

/// Labels a manifest as ours, so that it is recognised and removed again.
pub(super) fn labelled(mut manifest: Value, run: &str) -> Value {
    manifest["metadata"]["name"] = POD.into();
    manifest["metadata"]["labels"][RUN_LABEL] = run.into();
    manifest
}

/// Returns the Pod that needs no exec.
pub(super) fn asking_itself(mut manifest: Value, questions: &[Question]) -> Value {
    let containers = manifest["spec"]["containers"].as_array();
    let first = containers
        .and_then(|all| all.first())
        .cloned()
        .unwrap_or_else(|| json!({}));
    let container = |question: &Question| {
        let mut container = first.clone();
        let mut command = vec!["sh", "-c", KEEP_OUTPUT, "sh"]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        command.extend(question.command.iter().cloned());
        container["name"] = question.container.into();
        container["command"] = json!(command);
        if let Some(fields) = container.as_object_mut() {
            for gone in [
                "args",
                "livenessProbe",
                "readinessProbe",
                "startupProbe",
                "lifecycle",
            ] {
                fields.remove(gone);
            }
        }
        container
    };
    let containers: Vec<Value> = questions.iter().map(container).collect();
    manifest["spec"]["containers"] = containers.into();
    manifest["spec"]["restartPolicy"] = "Never".into();
    restricted(manifest)
}

/// Returns the Pod within the profile `restricted` of Pod Security. Whoever set something wins.
pub(super) fn restricted(mut manifest: Value) -> Value {
    // The token must stay readable for a user who is not root.
    let pod = json!({
        "runAsNonRoot": true,
        "runAsUser": 65534,
        "fsGroup": 65534,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let container = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
    });
    fill(&mut manifest["spec"]["securityContext"], &pod);
    if let Some(containers) = manifest["spec"]["containers"].as_array_mut() {
        for each in containers {
            fill(&mut each["securityContext"], &container);
        }
    }
    manifest
}

fn fill(target: &mut Value, defaults: &Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let (Some(target), Some(defaults)) = (target.as_object_mut(), defaults.as_object()) {
        for (name, value) in defaults {
            target.entry(name).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests;

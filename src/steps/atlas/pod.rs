//! What keeps a Pod from running or from being injected, read from what the cluster says of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::causes::NODE_ROLE;
use super::diagnosis::Diagnosis;
use super::entry::{Response, look_up};
use super::place::Place;
use super::symptom::{Source, Symptom};
use super::verdict::ROLE_ANNOTATION;

/// The variable that the webhook gives to every container.
const ROLE_VARIABLE: &str = "AWS_ROLE_ARN";
/// The volume that the webhook adds.
const TOKEN_VOLUME: &str = "aws-iam-token";

/// An event about a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEvent {
    /// One word, such as `FailedScheduling`.
    pub reason: String,
    /// The sentence.
    pub message: String,
}

/// Tells why a Pod does not run; none when nothing says so. What its containers say comes before
/// its conditions, and its status before events, which may be of an hour ago.
pub fn diagnose_pod(place: &Place, pod: &Value, events: &[PodEvent]) -> Option<Diagnosis> {
    let place = &of_pod(place, pod);
    let status = &pod["status"];
    let is_running = status["phase"] == "Running" && every_container(pod, |it| it["ready"] == true);
    if is_running || status["phase"] == "Succeeded" {
        return None;
    }
    let containers = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|field| status[field].as_array().into_iter().flatten())
        .filter_map(of_container);
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let conditions = conditions
        .filter(|condition| condition["status"] == "False")
        .filter_map(told);
    let own = told(status);
    let events = events.iter().rev().map(|event| Told {
        reason: event.reason.clone(),
        message: event.message.clone(),
    });
    let mut all = containers.chain(conditions).chain(own).chain(events);
    let images = || {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        let images = containers.filter_map(|container| container["image"].as_str());
        images.collect::<Vec<_>>().join(", ")
    };
    all.find_map(|told| {
        let symptom = Symptom::new(Source::Pod, &told.message).code(&told.reason);
        let entry = look_up(&symptom)?;
        let found = if entry.id.starts_with("image") {
            images()
        } else {
            let found = entry.found_in(&told.message);
            if found.is_empty() {
                told.message
            } else {
                found
            }
        };
        let diagnosis = Diagnosis::of(Some(entry), entry.causes[0], place, &found);
        Some(Diagnosis {
            cause: format!("{}: {}", told.reason, diagnosis.cause),
            not_yet: entry.response == Response::Wait,
            ..diagnosis
        })
    })
}

/// Tells what is wrong when this is who AWS takes the Pod for; none when it is our role.
pub fn diagnose_caller(place: &Place, arn: &str) -> Option<Diagnosis> {
    let role = arn
        .split_once(":assumed-role/")
        .map_or(arn, |(_, rest)| rest.split('/').next().unwrap_or(rest));
    (role != place.role).then(|| Diagnosis::of(None, &NODE_ROLE, place, role))
}

/// Returns the role that the webhook gave to the Pod, with the token to prove it.
pub(super) fn injected_role(pod: &Value) -> Option<&str> {
    let spec = &pod["spec"];
    let volumes = spec["volumes"].as_array()?;
    let has_token = volumes.iter().any(|volume| volume["name"] == TOKEN_VOLUME);
    let mut variables = spec["containers"]
        .as_array()?
        .iter()
        .flat_map(|container| container["env"].as_array().into_iter().flatten());
    let role = variables.find(|variable| variable["name"] == ROLE_VARIABLE)?;
    role["value"].as_str().filter(|_| has_token)
}

/// Returns when the Pod was made.
pub(super) fn created(pod: &Value) -> Option<Timestamp> {
    moment(&pod["metadata"]["creationTimestamp"])
}

/// Returns when the role annotation was last set, as `managedFields` tell.
pub(super) fn annotated_at(account: &Value) -> Option<Timestamp> {
    let field = format!("f:{ROLE_ANNOTATION}");
    let managed = account["metadata"]["managedFields"].as_array()?;
    managed
        .iter()
        .filter(|entry| {
            let annotations = &entry["fieldsV1"]["f:metadata"]["f:annotations"];
            annotations.get(&field).is_some()
        })
        .filter_map(|entry| moment(&entry["time"]))
        .max()
}

/// Returns what a Pod was made from, under another name: without what the server and the webhook
/// added, so that both may add it again.
pub(super) fn blueprint(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("nodeName");
        if let Some(Value::Array(volumes)) = fields.get_mut("volumes") {
            volumes.retain(|volume| !is_injected(&volume["name"]));
        }
        for list in ["containers", "initContainers"] {
            let Some(Value::Array(containers)) = fields.get_mut(list) else {
                continue;
            };
            for container in containers {
                if let Some(Value::Array(mounts)) = container.get_mut("volumeMounts") {
                    mounts.retain(|mount| !is_injected(&mount["name"]));
                }
                if let Some(Value::Array(variables)) = container.get_mut("env") {
                    variables.retain(|variable| {
                        let name = variable["name"].as_str().unwrap_or_default();
                        !["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"].contains(&name)
                    });
                }
            }
        }
    }
    let metadata = &pod["metadata"];
    let name = metadata["name"].as_str().unwrap_or("pod");
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{}-dry-run", name.get(..50).unwrap_or(name)),
            "namespace": metadata["namespace"],
            "labels": metadata["labels"],
        },
        "spec": spec,
    })
}

/// The server's own token volume, or the webhook's.
fn is_injected(name: &Value) -> bool {
    name.as_str()
        .is_some_and(|name| name == TOKEN_VOLUME || name.starts_with("kube-api-access-"))
}

struct Told {
    reason: String,
    message: String,
}

fn told(value: &Value) -> Option<Told> {
    Some(Told {
        reason: value["reason"].as_str()?.to_owned(),
        message: value["message"].as_str().unwrap_or_default().to_owned(),
    })
}

/// What a container waits for, or what it ended with.
fn of_container(status: &Value) -> Option<Told> {
    // Its last end says more than "it is started again in a while".
    let ended =
        told(&status["lastState"]["terminated"]).or_else(|| told(&status["state"]["terminated"]));
    let waiting = told(&status["state"]["waiting"]);
    match waiting {
        Some(waiting) if waiting.reason != "CrashLoopBackOff" => Some(waiting),
        waiting => ended.filter(|it| it.reason != "Completed").or(waiting),
    }
}

fn every_container(pod: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    statuses.is_some_and(|statuses| statuses.iter().all(holds))
}

fn of_pod(place: &Place, pod: &Value) -> Place {
    let of = |field: &str, known: &str| pod["metadata"][field].as_str().unwrap_or(known).to_owned();
    Place {
        pod: of("name", &place.pod),
        namespace: of("namespace", &place.namespace),
        ..place.clone()
    }
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

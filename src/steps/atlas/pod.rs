//! What keeps a Pod from running, read from what the cluster says of it.

use serde_json::Value;

use super::diagnosis::Diagnosis;
use super::entry::{Response, look_up};
use super::place::Place;
use super::symptom::{Source, Symptom};

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

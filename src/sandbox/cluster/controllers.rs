//! What makes wishes come true: definitions are established and workloads get ready, a moment after
//! they were asked for. No Pods are made for a workload; it is ready by word only.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::groups::{CUSTOM_RESOURCE_DEFINITIONS, DAEMON_SETS, DEPLOYMENTS, JOBS, STATEFUL_SETS};
use super::kinds::{Kind, NODES};
use super::objects::timestamp;
use super::refusal::Refusal;
use super::server::Cluster;
use super::state::{ClusterState, prefix};

/// Long enough for a client to meet the state before, short enough not to be waited for.
const MOMENT: Duration = Duration::from_millis(150);

const CONTROLLED: [&Kind; 5] = [
    &CUSTOM_RESOURCE_DEFINITIONS,
    &DAEMON_SETS,
    &DEPLOYMENTS,
    &JOBS,
    &STATEFUL_SETS,
];

/// Works until the server stops.
pub(super) async fn run(cluster: Arc<Cluster>) {
    let mut changed = cluster.changed.subscribe();
    let work = async {
        loop {
            // Whatever is written after this look wakes the wait below.
            changed.borrow_and_update();
            if cluster.store.read(|state| due(state).is_empty()) {
                if changed.changed().await.is_err() {
                    return;
                }
                continue;
            }
            tokio::time::sleep(MOMENT).await;
            // A state file that cannot be written now may be writable at the next change.
            if cluster.change(false, &mut settle).is_err() && changed.changed().await.is_err() {
                return;
            }
        }
    };
    cluster.stopping.run_until_cancelled(work).await;
}

/// The objects that are not yet as they will be, each with its kind and its status to come.
fn due(state: &ClusterState) -> Vec<(&'static Kind, Value)> {
    let nodes = state.objects.range(&prefix(&NODES, None)).count();
    let mut due = Vec::new();
    for kind in CONTROLLED {
        for (_, object) in state.objects.range(&prefix(kind, None)) {
            if let Some(status) = status(kind, object, nodes) {
                let mut object = object.clone();
                object["status"] = status;
                due.push((kind, object));
            }
        }
    }
    due
}

fn settle(state: &mut ClusterState) -> Result<Value, Refusal> {
    for (kind, object) in due(state) {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        state.replace(kind, &namespace, &name, object)?;
    }
    Ok(Value::Null)
}

/// The status that an object will have; `None` when it has it already.
fn status(kind: &Kind, object: &Value, nodes: usize) -> Option<Value> {
    if kind == &CUSTOM_RESOURCE_DEFINITIONS {
        return definition(object);
    }
    if kind == &JOBS {
        return job(object);
    }
    let generation = &object["metadata"]["generation"];
    let is_seen = object["status"]["observedGeneration"] == *generation;
    if kind == &DAEMON_SETS {
        let is_settled = is_seen && object["status"]["desiredNumberScheduled"] == nodes;
        return (!is_settled).then(|| daemon_set(generation, nodes));
    }
    (!is_seen).then(|| {
        let replicas = &object["spec"]["replicas"];
        let mut status = json!({
            "observedGeneration": generation,
            "replicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "updatedReplicas": replicas,
        });
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if kind == &DEPLOYMENTS {
            status["conditions"] = deployment_conditions(name);
        } else {
            let revision = format!("{name}-{generation}");
            status["currentReplicas"] = replicas.clone();
            status["currentRevision"] = revision.as_str().into();
            status["updateRevision"] = revision.into();
            status["collisionCount"] = 0.into();
        }
        status
    })
}

fn definition(object: &Value) -> Option<Value> {
    let names = &object["spec"]["names"];
    if object["status"]["acceptedNames"] == *names {
        return None;
    }
    let versions = object["spec"]["versions"].as_array();
    let stored: Vec<&Value> = versions
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| &version["name"])
        .collect();
    let established = "the initial names have been accepted";
    Some(json!({
        "acceptedNames": names,
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", established),
        ],
    }))
}

fn job(object: &Value) -> Option<Value> {
    if object["status"]["succeeded"].is_number() || object["spec"]["suspend"] == true {
        return None;
    }
    let message = "Reached expected number of succeeded pods";
    let mut complete = condition("Complete", "CompletionsReached", message);
    let now = complete["lastTransitionTime"].clone();
    complete["lastProbeTime"] = now.clone();
    Some(json!({
        "startTime": now,
        "completionTime": now,
        "succeeded": object["spec"]["completions"],
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        "conditions": [complete],
    }))
}

fn daemon_set(generation: &Value, nodes: usize) -> Value {
    json!({
        "observedGeneration": generation,
        "currentNumberScheduled": nodes,
        "desiredNumberScheduled": nodes,
        "numberAvailable": nodes,
        "numberMisscheduled": 0,
        "numberReady": nodes,
        "updatedNumberScheduled": nodes,
    })
}

fn deployment_conditions(name: &str) -> Value {
    let progress = format!("Deployment \"{name}\" has successfully progressed.");
    let available = "Deployment has minimum availability.";
    let mut conditions = [
        condition("Available", "MinimumReplicasAvailable", available),
        condition("Progressing", "NewReplicaSetAvailable", &progress),
    ];
    for condition in &mut conditions {
        condition["lastUpdateTime"] = condition["lastTransitionTime"].clone();
    }
    json!(conditions)
}

fn condition(name: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": name,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(jiff::Timestamp::now()),
    })
}

//! The status of a Pod as a function of what happens to its containers.
//!
//! A container's status is written where something happens to it; [`settle`] computes from all of
//! them the Pod's phase and conditions.

use serde_json::{Value, json};

use super::super::containers::List;
use crate::sandbox::random;

/// Whether nothing will ever happen to a Pod again.
pub(super) fn is_finished(pod: &Value) -> bool {
    pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
}

/// Sets a condition; its time is that of its last change.
pub(super) fn set_condition(pod: &mut Value, name: &str, holds: bool, why: [&str; 2], now: &str) {
    let status = if holds { "True" } else { "False" };
    let mut condition = json!({
        "type": name,
        "status": status,
        "lastProbeTime": null,
        "lastTransitionTime": now,
    });
    for (field, text) in ["reason", "message"].into_iter().zip(why) {
        if !text.is_empty() {
            condition[field] = text.into();
        }
    }
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let conditions = conditions.as_array_mut().expect("it is an array now");
    match conditions.iter_mut().find(|known| known["type"] == name) {
        Some(known) => {
            if known["status"] == status {
                condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
}

/// What the node's agent says of a Pod that has just come to it.
pub(super) fn accept(pod: &mut Value, host: &str, now: &str) {
    let status = &mut pod["status"];
    status["startTime"] = now.into();
    status["hostIP"] = host.into();
    status["hostIPs"] = json!([{ "ip": host }]);
    let last = random::text(2, b"123456789");
    // Both platforms give Pods addresses of the network that their nodes are in.
    let network = if host.starts_with("10.") {
        "10.224.1"
    } else {
        "192.168.11"
    };
    let address = format!("{network}.{last}");
    status["podIPs"] = json!([{ "ip": address }]);
    status["podIP"] = address.into();
    status["qosClass"] = "BestEffort".into();
    let has_init = List::Init.of(pod).next().is_some();
    for list in [List::Init, List::Main] {
        let reason = if has_init {
            "PodInitializing"
        } else {
            "ContainerCreating"
        };
        let statuses: Vec<Value> = list
            .of(pod)
            .map(|container| {
                json!({
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "state": { "waiting": { "reason": reason } },
                    "lastState": {},
                    "ready": false,
                    "started": false,
                    "restartCount": 0,
                })
            })
            .collect();
        if !statuses.is_empty() {
            pod["status"][list.status()] = statuses.into();
        }
    }
    settle(pod, now);
}

/// The status of one container, to be changed. It is made anew when a client has replaced the Pod
/// and left it out.
pub(super) fn of_container<'a>(pod: &'a mut Value, list: List, name: &str) -> &'a mut Value {
    let statuses = &mut pod["status"][list.status()];
    if !statuses.is_array() {
        *statuses = json!([]);
    }
    let statuses = statuses.as_array_mut().expect("it is an array now");
    let known = statuses.iter().position(|status| status["name"] == name);
    let index = known.unwrap_or_else(|| {
        statuses.push(json!({ "name": name, "restartCount": 0, "lastState": {} }));
        statuses.len() - 1
    });
    &mut statuses[index]
}

/// Computes the phase and the conditions from the containers' states.
pub(super) fn settle(pod: &mut Value, now: &str) {
    let phase = phase(pod);
    pod["status"]["phase"] = phase.into();
    let names = |statuses: Vec<&Value>| -> String {
        let names: Vec<&str> = statuses
            .iter()
            .filter_map(|it| it["name"].as_str())
            .collect();
        names.join(" ")
    };
    let init = names(
        List::Init
            .statuses(pod)
            .filter(|status| exit_code(status) != Some(0))
            .collect(),
    );
    let unready = names(
        List::Main
            .statuses(pod)
            .filter(|status| status["ready"] != true)
            .collect(),
    );
    set_condition(
        pod,
        "PodReadyToStartContainers",
        !is_finished(pod),
        ["", ""],
        now,
    );
    let message = format!("containers with incomplete status: [{init}]");
    if init.is_empty() {
        let why = if phase == "Succeeded" {
            ["PodCompleted", ""]
        } else {
            ["", ""]
        };
        set_condition(pod, "Initialized", true, why, now);
    } else {
        set_condition(
            pod,
            "Initialized",
            false,
            ["ContainersNotInitialized", &message],
            now,
        );
    }
    let message = format!("containers with unready status: [{unready}]");
    for condition in ["Ready", "ContainersReady"] {
        let why = match phase {
            "Succeeded" => ["PodCompleted", ""],
            "Failed" => ["PodFailed", ""],
            _ if unready.is_empty() => ["", ""],
            _ => ["ContainersNotReady", message.as_str()],
        };
        let holds = unready.is_empty() && phase == "Running";
        set_condition(pod, condition, holds, why, now);
    }
}

fn phase(pod: &Value) -> &'static str {
    let policy = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    for status in List::Init.statuses(pod) {
        match exit_code(status) {
            Some(0) => {}
            Some(_) if policy == "Never" => return "Failed",
            _ => return "Pending",
        }
    }
    let (mut running, mut stopped, mut succeeded) = (0, 0, 0);
    for status in List::Main.statuses(pod) {
        if status["state"]["running"].is_object() {
            running += 1;
        } else if let Some(code) = exit_code(status) {
            stopped += 1;
            succeeded += i32::from(code == 0);
        } else if status["lastState"]["terminated"].is_object() {
            stopped += 1;
        } else {
            return "Pending";
        }
    }
    match policy {
        _ if running > 0 => "Running",
        "Always" => "Running",
        _ if stopped == succeeded => "Succeeded",
        "Never" => "Failed",
        _ => "Running",
    }
}

/// How a container ended, if it has and is not to start again.
fn exit_code(status: &Value) -> Option<i64> {
    status["state"]["terminated"]["exitCode"].as_i64()
}

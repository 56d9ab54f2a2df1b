//! Whether a stored object has become what it was declared to be, as its status tells.
//!
//! A kind that is not known here counts by the conditions that most controllers set. An object
//! whose controller has said nothing is ready: there is nothing to wait for.

use serde_json::Value;

use super::object;

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is as declared.
    Ready,
    /// It is on its way.
    Waiting(String),
    /// It will not get there on its own.
    Failed(String),
}

use Standing::{Failed, Ready, Waiting};

/// Returns how far a stored object is.
pub(super) fn standing(stored: &Value) -> Standing {
    if let Some(seen) = number(stored, "/status/observedGeneration")
        && number(stored, "/metadata/generation").is_some_and(|generation| seen < generation)
    {
        return Waiting("its controller has not seen the change".into());
    }
    match (object::group(stored), object::kind(stored)) {
        ("apps", "Deployment") => deployment(stored),
        ("apps", "StatefulSet") => stateful_set(stored),
        ("apps", "DaemonSet") => daemon_set(stored),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            let wanted = replicas(stored);
            enough(count(stored, "readyReplicas"), wanted, "replicas ready")
        }
        ("batch", "Job") => job(stored),
        ("", "Pod") => pod(stored),
        ("", "PersistentVolumeClaim") => match object::text(stored, "/status/phase") {
            "Bound" => Ready,
            "Lost" => Failed("its volume is lost".into()),
            _ => Waiting("not bound".into()),
        },
        ("", "Namespace") => match object::text(stored, "/status/phase") {
            "Terminating" => Waiting("it is being deleted".into()),
            _ => Ready,
        },
        ("", "Service") => service(stored),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(stored),
        _ => by_conditions(stored),
    }
}

fn deployment(stored: &Value) -> Standing {
    if let Some(condition) = condition(stored, "Progressing")
        && object::text(condition, "/reason") == "ProgressDeadlineExceeded"
    {
        return Failed(told(condition));
    }
    let (wanted, updated) = (replicas(stored), count(stored, "updatedReplicas"));
    if unseen(stored) || updated < wanted {
        return Waiting(format!("{updated} of {wanted} replicas updated"));
    }
    let old = count(stored, "replicas") - updated;
    if old > 0 {
        return Waiting(format!("old replicas left: {old}"));
    }
    enough(
        count(stored, "availableReplicas"),
        wanted,
        "replicas available",
    )
}

fn stateful_set(stored: &Value) -> Standing {
    let wanted = replicas(stored);
    let ready = count(stored, "readyReplicas");
    if unseen(stored) || ready < wanted {
        return Waiting(format!("{ready} of {wanted} replicas ready"));
    }
    if object::text(stored, "/spec/updateStrategy/type") == "OnDelete" {
        return Ready;
    }
    let kept = number(stored, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or_default();
    let moving = (wanted - kept).max(0);
    let revision = |field: &str| object::text(stored, &format!("/status/{field}")).to_owned();
    if kept == 0 && revision("currentRevision") == revision("updateRevision") {
        return Ready;
    }
    enough(count(stored, "updatedReplicas"), moving, "replicas updated")
}

fn daemon_set(stored: &Value) -> Standing {
    if unseen(stored) {
        return Waiting("its controller has not seen it".into());
    }
    let wanted = count(stored, "desiredNumberScheduled");
    let on_delete = object::text(stored, "/spec/updateStrategy/type") == "OnDelete";
    let updated = count(stored, "updatedNumberScheduled");
    if !on_delete && updated < wanted {
        return Waiting(format!("updated on {updated} of {wanted} nodes"));
    }
    enough(count(stored, "numberAvailable"), wanted, "Pods available")
}

fn job(stored: &Value) -> Standing {
    if let Some(failed) = condition(stored, "Failed").filter(|it| is(it, "True")) {
        return Failed(told(failed));
    }
    let complete = condition(stored, "Complete").is_some_and(|it| is(it, "True"));
    let suspended = stored.pointer("/spec/suspend") == Some(&Value::Bool(true));
    if complete || suspended {
        return Ready;
    }
    let wanted = number(stored, "/spec/completions").unwrap_or(1);
    Waiting(format!(
        "{} of {wanted} complete",
        count(stored, "succeeded")
    ))
}

fn pod(stored: &Value) -> Standing {
    match object::text(stored, "/status/phase") {
        "Succeeded" => return Ready,
        "Failed" => {
            let [reason, message] = ["reason", "message"]
                .map(|field| object::text(stored, &format!("/status/{field}")));
            return Failed(
                joined(reason, message).unwrap_or_else(|| "its containers failed".into()),
            );
        }
        _ => {}
    }
    if condition(stored, "Ready").is_some_and(|it| is(it, "True")) {
        return Ready;
    }
    Waiting(stuck(stored).unwrap_or_else(|| "not ready".into()))
}

/// Returns what keeps a Pod from running, when its status tells.
pub(super) fn stuck(pod: &Value) -> Option<String> {
    let containers = ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|field| pod.get("status")?.get(field)?.as_array())
        .flatten();
    let mut waiting = containers.filter_map(|container| {
        let waiting = container.pointer("/state/waiting")?;
        let reason = object::text(waiting, "/reason");
        joined(reason, object::text(waiting, "/message"))
    });
    let unscheduled = || {
        let condition = condition(pod, "PodScheduled").filter(|it| is(it, "False"))?;
        Some(told(condition))
    };
    waiting.next().or_else(unscheduled)
}

fn service(stored: &Value) -> Standing {
    let balanced = object::text(stored, "/spec/type") == "LoadBalancer";
    let ingress = stored.pointer("/status/loadBalancer/ingress");
    let has_address = ingress
        .and_then(Value::as_array)
        .is_some_and(|it| !it.is_empty());
    if balanced && !has_address {
        return Waiting("its load balancer has no address".into());
    }
    Ready
}

fn definition(stored: &Value) -> Standing {
    if let Some(refused) = condition(stored, "NamesAccepted").filter(|it| is(it, "False")) {
        return Failed(told(refused));
    }
    match condition(stored, "Established") {
        Some(condition) if is(condition, "True") => Ready,
        _ => Waiting("not established".into()),
    }
}

/// Controllers of custom resources mostly agree on these: `Ready` or `Available` for the end of the
/// way, `Stalled` for one that has none.
fn by_conditions(stored: &Value) -> Standing {
    if let Some(stalled) = condition(stored, "Stalled").filter(|it| is(it, "True")) {
        return Failed(told(stalled));
    }
    let Some(condition) = condition(stored, "Ready").or_else(|| condition(stored, "Available"))
    else {
        return Ready;
    };
    let generation = number(stored, "/metadata/generation");
    let seen = number(condition, "/observedGeneration");
    if seen.is_some_and(|seen| generation.is_some_and(|generation| seen < generation)) {
        return Waiting("its controller has not seen the change".into());
    }
    if is(condition, "True") {
        Ready
    } else {
        Waiting(told(condition))
    }
}

fn enough(found: i64, wanted: i64, what: &str) -> Standing {
    if found >= wanted {
        Ready
    } else {
        Waiting(format!("{found} of {wanted} {what}"))
    }
}

/// Whether the controller has not looked at it at all yet: then its numbers are missing, not zero.
fn unseen(stored: &Value) -> bool {
    number(stored, "/status/observedGeneration").is_none()
}

fn replicas(stored: &Value) -> i64 {
    number(stored, "/spec/replicas").unwrap_or(1)
}

fn count(stored: &Value, field: &str) -> i64 {
    number(stored, &format!("/status/{field}")).unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

fn condition<'a>(stored: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = stored.pointer("/status/conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| object::text(condition, "/type") == name)
}

fn is(condition: &Value, status: &str) -> bool {
    object::text(condition, "/status") == status
}

/// Returns what a condition says, in its controller's words.
fn told(condition: &Value) -> String {
    let [name, reason, message] =
        ["/type", "/reason", "/message"].map(|field| object::text(condition, field));
    joined(reason, message)
        .unwrap_or_else(|| format!("{name} is {}", object::text(condition, "/status")))
}

fn joined(reason: &str, message: &str) -> Option<String> {
    let parts = [reason, message].map(str::trim);
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

#[cfg(test)]
mod tests;

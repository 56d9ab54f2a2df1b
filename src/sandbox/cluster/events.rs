//! Events: what the parts of the cluster tell about a Pod, for people who wonder.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::kinds::EVENTS;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::selector::Selector;
use super::state::ClusterState;
use crate::sandbox::random;

/// A real cluster forgets its events after this time.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// One thing to tell about a Pod.
#[derive(Debug, Clone)]
pub(super) struct Note {
    warning: bool,
    reason: &'static str,
    message: String,
    component: &'static str,
    /// `spec.containers{main}`, when it is about one container.
    field: Option<String>,
}

impl Note {
    /// Something that is as it should be.
    pub(super) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            message: message.into(),
            component: "kubelet",
            field: None,
        }
    }

    /// Something that is not.
    pub(super) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::normal(reason, message)
        }
    }

    /// Names who tells, when it is not the node's agent.
    pub(super) fn by(mut self, component: &'static str) -> Self {
        self.component = component;
        self
    }

    /// Names the container it is about.
    pub(super) fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// Writes down what is told about a Pod.
pub(super) fn record(state: &mut ClusterState, pod: &Value, note: Note) -> Result<(), Refusal> {
    let metadata = &pod["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let name = metadata["name"].as_str().unwrap_or_default();
    forget_old(state, namespace)?;
    let now = timestamp(state.clock.now());
    let mut source = json!({ "component": note.component });
    if note.component == "kubelet" {
        source["host"] = pod["spec"]["nodeName"].clone();
    }
    let mut involved = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": namespace,
        "name": name,
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    });
    if let Some(field) = note.field {
        involved["fieldPath"] = field.into();
    }
    let event = json!({
        "metadata": { "name": format!("{name}.{}", random::text(16, random::HEX)) },
        "involvedObject": involved,
        "reason": note.reason,
        "message": note.message,
        "source": source,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": if note.warning { "Warning" } else { "Normal" },
        "reportingComponent": note.component,
        "reportingInstance": source["host"].as_str().unwrap_or_default(),
    });
    state.create(&EVENTS, namespace, event)?;
    Ok(())
}

fn forget_old(state: &mut ClusterState, namespace: &str) -> Result<(), Refusal> {
    let end = timestamp(state.clock.now() - KEPT);
    let events = state.list(&EVENTS, Some(namespace), &Selector::default());
    for event in events["items"].as_array().into_iter().flatten() {
        // Timestamps of one form and one zone are ordered as texts.
        if event["lastTimestamp"]
            .as_str()
            .is_some_and(|at| at < end.as_str())
        {
            let name = event["metadata"]["name"].as_str().unwrap_or_default();
            state.delete(&EVENTS, namespace, name, &Value::Null)?;
        }
    }
    Ok(())
}

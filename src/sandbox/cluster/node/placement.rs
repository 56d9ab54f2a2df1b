//! Which node a Pod goes to, or why it cannot go to any.

use serde_json::Value;

use super::super::kinds::NODES;
use super::super::sabotage::Sabotage;
use super::super::selector::Selector;
use super::super::state::ClusterState;

/// The name of the node for a Pod, or the scheduler's words about all nodes.
pub(super) fn place(state: &ClusterState, pod: &Value) -> Result<String, String> {
    let nodes = state.list(&NODES, None, &Selector::default());
    let nodes = nodes["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for node in nodes {
        match misfit(state, pod, node) {
            None => return Ok(node["metadata"]["name"].as_str().unwrap_or_default().into()),
            Some(reason) => match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            },
        }
    }
    let count = nodes.len();
    if count == 0 {
        return Err("no nodes available to schedule pods".into());
    }
    let reasons: Vec<String> = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    Err(format!(
        "0/{count} nodes are available: {}. preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling.",
        reasons.join(", ")
    ))
}

fn misfit(state: &ClusterState, pod: &Value, node: &Value) -> Option<&'static str> {
    if state.sabotage.contains(&Sabotage::Unschedulable) {
        return Some("Too many pods");
    }
    if node["spec"]["unschedulable"] == true {
        return Some("node(s) were unschedulable");
    }
    let wanted = pod["spec"]["nodeSelector"]
        .as_object()
        .into_iter()
        .flatten();
    let labels = &node["metadata"]["labels"];
    let mut wanted = wanted.filter(|(label, value)| labels[label.as_str()] != **value);
    wanted
        .next()
        .map(|_| "node(s) didn't match Pod's node affinity/selector")
}

//! Resource quotas: how many Pods a namespace may have, and what they must say about themselves.
//!
//! Amounts of CPU and memory are not added up; a quota over them is broken only by saying nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::kinds::{PODS, RESOURCE_QUOTAS};
use super::super::refusal::Refusal;
use super::super::selector::Selector;
use super::super::state::ClusterState;

pub(super) fn check(
    state: &ClusterState,
    namespace: &str,
    name: &str,
    pod: &Value,
) -> Result<(), Refusal> {
    let quotas = state.list(&RESOURCE_QUOTAS, Some(namespace), &Selector::default());
    for quota in quotas["items"].as_array().into_iter().flatten() {
        let hard = quota["spec"]["hard"].as_object().into_iter().flatten();
        let quota = quota["metadata"]["name"].as_str().unwrap_or_default();
        let mut unsaid = BTreeMap::new();
        for (resource, limit) in hard {
            if let Some(containers) = silent_about(pod, resource) {
                unsaid.insert(resource, containers);
            } else if matches!(resource.as_str(), "pods" | "count/pods") {
                let limit = limit.as_str().unwrap_or_default();
                let used = living(state, namespace);
                if limit.parse().is_ok_and(|limit: usize| used >= limit) {
                    let why = format!(
                        "exceeded quota: {quota}, requested: {resource}=1, used: {resource}={used}, limited: {resource}={limit}"
                    );
                    return Err(Refusal::forbidden_object(&PODS, name, &why));
                }
            }
        }
        if !unsaid.is_empty() {
            let unsaid: Vec<String> = unsaid
                .iter()
                .map(|(resource, containers)| format!("{resource} for: {}", containers.join(",")))
                .collect();
            let why = format!("failed quota: {quota}: must specify {}", unsaid.join("; "));
            return Err(Refusal::forbidden_object(&PODS, name, &why));
        }
    }
    Ok(())
}

/// The containers that do not say how much of a limited resource they take.
fn silent_about<'a>(pod: &'a Value, resource: &str) -> Option<Vec<&'a str>> {
    let (side, what) = match resource.split_once('.') {
        Some((side @ ("requests" | "limits"), what)) => (side, what),
        None if matches!(resource, "cpu" | "memory") => ("requests", resource),
        _ => return None,
    };
    let silent: Vec<&str> = super::containers(pod)
        .filter(|container| {
            let resources = &container["resources"];
            // A limit counts as the request where there is none.
            resources[side][what].is_null() && resources["limits"][what].is_null()
        })
        .filter_map(|container| container["name"].as_str())
        .collect();
    (!silent.is_empty()).then_some(silent)
}

fn living(state: &ClusterState, namespace: &str) -> usize {
    let pods = state.list(&PODS, Some(namespace), &Selector::default());
    let pods = pods["items"].as_array().into_iter().flatten();
    pods.filter(|pod| pod["status"]["phase"] != "Succeeded" && pod["status"]["phase"] != "Failed")
        .count()
}

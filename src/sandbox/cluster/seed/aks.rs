//! What AKS puts into a new cluster: a node of a scale set, the webhook of workload identity, and
//! the kinds and the exception of the Pod identity add-on.

use serde_json::{Value, json};

use super::super::groups::{CUSTOM_RESOURCE_DEFINITIONS, MUTATING_WEBHOOK_CONFIGURATIONS};
use super::super::kinds::NODES;
use super::super::pod_identities::{self, definitions};
use super::super::refusal::Refusal;
use super::super::state::ClusterState;
use super::{ClusterSeed, NodeSeed, ready_node};

/// Whose nodes a cluster has that nobody gave a scale set.
const USUAL_SCALE_SET: &str = "aks-workers-10000001-vmss";

/// The labels with which AKS keeps others out of its own namespace.
pub(super) fn system_labels() -> Value {
    json!({
        "addonmanager.kubernetes.io/mode": "Reconcile",
        "control-plane": "true",
        "kubernetes.azure.com/managedby": "aks",
        "kubernetes.io/cluster-service": "true",
    })
}

pub(super) fn plant(seed: &ClusterSeed, state: &mut ClusterState) -> Result<(), Refusal> {
    let node = node(seed, state);
    state.create(&NODES, "", node)?;
    state.create(&MUTATING_WEBHOOK_CONFIGURATIONS, "", identity_webhook())?;
    for definition in definitions::all() {
        state.create(&CUSTOM_RESOURCE_DEFINITIONS, "", definition)?;
    }
    pod_identities::plant_exception(state)
}

fn node(seed: &ClusterSeed, state: &ClusterState) -> Value {
    let region = &seed.region;
    let scale_set = seed.scale_set.as_deref().unwrap_or(USUAL_SCALE_SET);
    let name = format!("{}000000", last_part(scale_set));
    let zone = format!("{region}-1");
    let labels = json!({
        "agentpool": "workers",
        "kubernetes.azure.com/agentpool": "workers",
        "kubernetes.azure.com/cluster": node_group(scale_set)
            .unwrap_or_else(|| format!("MC_{0}_{0}_{region}", seed.name)),
        "kubernetes.azure.com/mode": "system",
        "kubernetes.azure.com/os-sku": "Ubuntu",
        "kubernetes.azure.com/role": "agent",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "Standard_D4s_v3",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    });
    let node = NodeSeed {
        name: &name,
        address: "10.224.0.4",
        provider_id: &format!("azure://{scale_set}/virtualMachines/0"),
        image: "Ubuntu 22.04.5 LTS",
    };
    ready_node(&state.clock, &node, labels)
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The resource group of the nodes, as it stands in their scale set's id.
fn node_group(scale_set: &str) -> Option<String> {
    let mut parts = scale_set.split('/');
    parts.find(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
    parts.next().map(str::to_owned)
}

/// The configuration of workload identity's webhook. The label in it is on the Pod, and AKS adds
/// the selector that keeps it out of the cluster's own namespaces.
fn identity_webhook() -> Value {
    json!({
        "metadata": {
            "name": "azure-wi-webhook-mutating-webhook-configuration",
            "labels": {
                "app": "workload-identity-webhook",
                "azure-workload-identity.io/system": "true",
                "kubernetes.azure.com/managedby": "aks",
            },
        },
        "webhooks": [{
            "name": "mutation.azure-workload-identity.io",
            "admissionReviewVersions": ["v1", "v1beta1"],
            "clientConfig": { "service": {
                "name": "azure-wi-webhook-webhook-service",
                "namespace": "kube-system",
                "path": "/mutate-v1-pod",
                "port": 443,
            } },
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"] },
                { "key": "control-plane", "operator": "DoesNotExist" },
            ] },
            "objectSelector": { "matchLabels": { "azure.workload.identity/use": "true" } },
            "reinvocationPolicy": "IfNeeded",
            "rules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
                "scope": "*",
            }],
            "sideEffects": "None",
            "timeoutSeconds": 10,
        }],
    })
}

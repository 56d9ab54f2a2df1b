//! What EKS puts into a new cluster: a node of its kind, and the webhook that gives Pods a role.

use serde_json::{Value, json};

use super::super::groups::MUTATING_WEBHOOK_CONFIGURATIONS;
use super::super::kinds::NODES;
use super::super::refusal::Refusal;
use super::super::state::ClusterState;
use super::{ClusterSeed, NodeSeed, ready_node};

pub(super) fn plant(seed: &ClusterSeed, state: &mut ClusterState) -> Result<(), Refusal> {
    let region = &seed.region;
    let zone = format!("{region}a");
    let name = format!("ip-192-168-10-20.{region}.compute.internal");
    let labels = json!({
        "alpha.eksctl.io/cluster-name": seed.name,
        "failure-domain.beta.kubernetes.io/region": region,
        "failure-domain.beta.kubernetes.io/zone": zone,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m5.xlarge",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    });
    let node = NodeSeed {
        name: &name,
        address: "192.168.10.20",
        provider_id: &format!("aws:///{zone}/i-0practice00000001"),
        image: "Amazon Linux 2023",
    };
    let node = ready_node(&state.clock, &node, labels);
    state.create(&NODES, "", node)?;
    state.create(&MUTATING_WEBHOOK_CONFIGURATIONS, "", identity_webhook())?;
    Ok(())
}

/// EKS brings the webhook that gives Pods their AWS identity, with this configuration.
fn identity_webhook() -> Value {
    json!({
        "metadata": { "name": "pod-identity-webhook" },
        "webhooks": [{
            "name": "iam-for-pods.amazonaws.com",
            "admissionReviewVersions": ["v1beta1"],
            "clientConfig": { "url": "https://127.0.0.1:23443/mutate" },
            "failurePolicy": "Ignore",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": { "matchExpressions": [{
                "key": "eks.amazonaws.com/skip-pod-identity-webhook",
                "operator": "DoesNotExist",
            }] },
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

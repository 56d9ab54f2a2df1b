//! What a new cluster holds before anyone has used it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::discovery::GIT_VERSION;
use super::groups::MUTATING_WEBHOOK_CONFIGURATIONS;
use super::history::Objects;
use super::kinds::{NAMESPACES, NODES};
use super::objects::timestamp;
use super::refusal::Refusal;
use super::state::ClusterState;
use crate::sandbox::clock::Clock;
use crate::sandbox::random;
use crate::sandbox::signing_key::SigningKey;
use crate::sandbox::tls::Authority;

/// The name of a cluster's certificate authority.
pub(super) const AUTHORITY: &str = "kubernetes";

/// Whose managed cluster it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Amazon's, with the webhook that gives Pods an IAM role.
    Eks,
    /// Microsoft's.
    Aks,
}

/// How a cluster begins. A cluster that exists already keeps what it has.
#[derive(Debug, Clone)]
pub struct ClusterSeed {
    /// Whose it is.
    pub platform: Platform,
    /// The cluster's name, as its node tells it.
    pub name: String,
    /// Who issues its tokens; `None` draws an issuer of the platform's form.
    pub issuer: Option<String>,
    /// The region its node runs in.
    pub region: String,
}

impl ClusterSeed {
    /// Makes a cluster with its system namespaces and one ready node.
    pub(super) fn grow(&self, clock: &Clock) -> ClusterState {
        let issuer = self.issuer.clone().unwrap_or_else(|| self.draw_issuer());
        let mut state = ClusterState {
            issuer,
            authority: Authority::generate(AUTHORITY),
            signing_key: SigningKey::generate(),
            admin_token: random::text(48, random::ALPHANUMERIC),
            clock: clock.clone(),
            resource_version: 0,
            sabotage: BTreeSet::new(),
            denials: Vec::new(),
            objects: Objects::default(),
        };
        self.plant(&mut state).expect("the seed is well formed");
        state
    }

    fn draw_issuer(&self) -> String {
        let region = &self.region;
        match self.platform {
            Platform::Eks => {
                let id = random::text(32, b"0123456789ABCDEF");
                format!("https://oidc.eks.{region}.amazonaws.com/id/{id}")
            }
            Platform::Aks => {
                let (tenant, id) = (random::uuid(), random::uuid());
                format!("https://{region}.oic.prod-aks.azure.com/{tenant}/{id}/")
            }
        }
    }

    fn plant(&self, state: &mut ClusterState) -> Result<(), Refusal> {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let namespace = json!({ "metadata": { "name": name } });
            state.create(&NAMESPACES, "", namespace)?;
        }
        state.create(&NODES, "", self.node(&state.clock))?;
        state.create(&MUTATING_WEBHOOK_CONFIGURATIONS, "", identity_webhook())?;
        Ok(())
    }

    fn node(&self, clock: &Clock) -> Value {
        let region = &self.region;
        let zone = format!("{region}a");
        let name = format!("ip-192-168-10-20.{region}.compute.internal");
        let now = timestamp(clock.now());
        let resources = json!({ "cpu": "4", "memory": "16Gi", "pods": "58" });
        json!({
            "metadata": {
                "name": name,
                "labels": {
                    "alpha.eksctl.io/cluster-name": self.name,
                    "failure-domain.beta.kubernetes.io/region": region,
                    "failure-domain.beta.kubernetes.io/zone": zone,
                    "kubernetes.io/arch": "amd64",
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "node.kubernetes.io/instance-type": "m5.xlarge",
                    "topology.kubernetes.io/region": region,
                    "topology.kubernetes.io/zone": zone,
                },
            },
            "spec": { "providerID": format!("aws:///{zone}/i-0practice00000001") },
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": "192.168.10.20" },
                    { "type": "Hostname", "address": name },
                ],
                "allocatable": resources,
                "capacity": resources,
                "conditions": [{
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "kubelet is posting ready status",
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }],
                "nodeInfo": {
                    "architecture": "amd64",
                    "bootID": random::uuid(),
                    "containerRuntimeVersion": "containerd://1.7.27",
                    "kernelVersion": "6.1.0",
                    "kubeProxyVersion": GIT_VERSION,
                    "kubeletVersion": GIT_VERSION,
                    "machineID": random::text(32, random::HEX),
                    "operatingSystem": "linux",
                    "osImage": "Amazon Linux 2023",
                    "systemUUID": random::uuid(),
                },
            },
        })
    }
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

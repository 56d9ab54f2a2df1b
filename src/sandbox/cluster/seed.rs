//! What a new cluster holds before anyone has used it.

mod aks;
mod eks;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::discovery::GIT_VERSION;
use super::history::Objects;
use super::kinds::NAMESPACES;
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Platform {
    /// Amazon's, with the webhook that gives Pods an IAM role.
    #[default]
    Eks,
    /// Microsoft's, with the webhook of workload identity and the kinds of Pod identity.
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
    /// The scale set of its nodes in Azure, by resource id; EKS has none.
    pub scale_set: Option<String>,
}

impl ClusterSeed {
    /// Makes a cluster with its system namespaces and one ready node.
    pub(super) fn grow(&self, clock: &Clock) -> ClusterState {
        let issuer = self.issuer.clone().unwrap_or_else(|| self.draw_issuer());
        let mut state = ClusterState {
            platform: self.platform,
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
            let mut namespace = json!({ "metadata": { "name": name } });
            if self.platform == Platform::Aks && name == "kube-system" {
                namespace["metadata"]["labels"] = aks::system_labels();
            }
            state.create(&NAMESPACES, "", namespace)?;
        }
        match self.platform {
            Platform::Eks => eks::plant(self, state),
            Platform::Aks => aks::plant(self, state),
        }
    }
}

/// What the agent of a ready node says about it.
fn ready_node(clock: &Clock, node: &NodeSeed<'_>, labels: Value) -> Value {
    let now = timestamp(clock.now());
    let resources = json!({ "cpu": "4", "memory": "16Gi", "pods": "58" });
    json!({
        "metadata": { "name": node.name, "labels": labels },
        "spec": { "providerID": node.provider_id },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": node.address },
                { "type": "Hostname", "address": node.name },
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
                "osImage": node.image,
                "systemUUID": random::uuid(),
            },
        },
    })
}

/// What differs from node to node.
struct NodeSeed<'a> {
    name: &'a str,
    address: &'a str,
    provider_id: &'a str,
    image: &'a str,
}

//! AKS clusters: their issuer, their add-ons for workload identity and pod identity.

mod form;

use std::collections::BTreeMap;

use azure_core::http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::connect::Azure;
use super::error::{AzureError, AzureErrorKind, found, one_line};
use super::gated::header;
use super::request::{Asked, read, segment};
use super::resource_id::group_of;
use super::resources::whole;
use super::subscription::group_path;

const VERSION: &str = "2024-09-01";

const KIND: &str = "Microsoft.ContainerService/managedClusters";

/// A cluster in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSummary {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its resource group.
    pub group: String,
    /// Where it is.
    pub location: String,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedCluster {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its resource group.
    pub group: String,
    /// Where it is.
    pub location: String,
    /// `Succeeded`, `Updating`, `Failed` and so on.
    pub state: String,
    /// Why the change failed that this process asked for last, while `state` is `Failed`.
    pub failure: Option<String>,
    /// `Running` or `Stopped`, when that is told.
    pub power: Option<String>,
    /// The host name of its API server; of a private cluster the private one.
    pub fqdn: Option<String>,
    /// The resource group of its nodes.
    pub node_resource_group: Option<String>,
    /// The issuer of its tokens, with `https://` and the trailing slash.
    pub oidc_issuer: Option<String>,
    /// Whether it has an issuer that Entra can reach.
    pub is_oidc_enabled: bool,
    /// Whether it has the webhook of workload identity.
    pub is_workload_identity_enabled: bool,
    /// The pod identity add-on, when it was ever enabled.
    pub pod_identity: Option<PodIdentityProfile>,
    /// The object id of the identity that the control plane acts as.
    pub identity_principal: Option<String>,
    /// `azure`, `kubenet` or `none`.
    pub network_plugin: Option<String>,
    /// The version of Kubernetes.
    pub version: Option<String>,
    /// All that was told, for changes.
    pub raw: Value,
}

/// The pod identity add-on of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodIdentityProfile {
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it may be on although the network plugin is kubenet.
    pub allow_kubenet: bool,
    /// The identities that Pods may have.
    pub identities: Vec<AssignedPodIdentity>,
    /// The Pods that are left alone.
    pub exceptions: Vec<PodIdentityException>,
}

/// A pod identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedPodIdentity {
    /// Its name, also that of its `AzureIdentity`.
    pub name: String,
    /// The namespace of its Pods.
    pub namespace: String,
    /// The managed identity behind it.
    pub identity: PodIdentityTarget,
    /// The value of the label `aadpodidbinding`; else its name.
    pub binding_selector: Option<String>,
    /// `Assigned`, `Updating`, `Deleting` or `Failed`; not for writing.
    pub state: Option<String>,
    /// Why it is not assigned; not for writing.
    pub error: Option<String>,
}

/// The managed identity behind a pod identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodIdentityTarget {
    /// Its resource id.
    pub resource_id: String,
    /// Its client id.
    pub client_id: String,
    /// Its object id.
    pub object_id: String,
}

/// Pods that the add-on leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodIdentityException {
    /// Its name.
    pub name: String,
    /// The namespace of the Pods.
    pub namespace: String,
    /// Their labels.
    pub pod_labels: BTreeMap<String, String>,
}

/// What is to be changed of a cluster; all else stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterChange {
    /// Gives it an issuer that Entra can reach. It can never be taken away again.
    pub enable_oidc_issuer: bool,
    /// Gives it the webhook of workload identity.
    pub enable_workload_identity: bool,
    /// The pod identity add-on as it is to be.
    pub pod_identity: Option<PodIdentityProfile>,
}

/// How to reach the API server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAccessInfo {
    /// Its URL.
    pub server: String,
    /// The certificates that it is trusted by.
    pub ca_pem: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
    location: String,
}

impl Azure {
    /// Returns the clusters of a subscription.
    pub async fn clusters(&self, subscription: &str) -> Result<Vec<ClusterSummary>, AzureError> {
        let path = format!("/subscriptions/{}/providers/{KIND}", segment(subscription));
        let found: Vec<Listed> = self.list(&path, VERSION, &[]).await?;
        let cluster = |found: Listed| ClusterSummary {
            group: group_of(&found.id),
            id: found.id,
            name: found.name,
            location: found.location,
        };
        Ok(found.into_iter().map(cluster).collect())
    }

    /// Returns a cluster.
    pub async fn cluster(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<ManagedCluster>, AzureError> {
        let group = group_path(subscription, group);
        let path = format!("{group}/providers/{KIND}/{}", segment(name));
        let Some(raw) = self.get::<Value>(&path, VERSION).await? else {
            return Ok(None);
        };
        let operation = format!("GET {KIND} {name}");
        let mut cluster = form::of_json(raw)
            .ok_or_else(|| AzureError::incomplete(&operation, "id, name and location"))?;
        if cluster.state == "Failed"
            && let Some(url) = self.operation_of(&cluster.id)
        {
            cluster.failure = self.failure_of(&operation, &url).await?;
        }
        Ok(Some(cluster))
    }

    /// Returns how to reach the API server of the cluster `id`; nothing where the caller must not
    /// know.
    pub async fn cluster_access(&self, id: &str) -> Result<Option<ClusterAccessInfo>, AzureError> {
        let path = format!("{}/listClusterUserCredential", whole(id));
        let asked = self.asked(Method::Post, &path, VERSION, &[])?;
        let operation = asked.operation();
        let answer = match self.send(asked).await {
            Ok(answer) => answer,
            Err(error) if error.kind == AzureErrorKind::AccessDenied => return Ok(None),
            Err(error) => return Err(error),
        };
        let told: Value = read(&operation, &answer)?;
        form::access(&told)
            .map(Some)
            .ok_or_else(|| AzureError::incomplete(&operation, "readable kubeconfig"))
    }

    /// Changes a cluster, unless somebody else has since it was read. Returns once the change was
    /// accepted: it has come to its end when the cluster's `state` is `Succeeded` or `Failed`, and
    /// then its `failure` tells why.
    pub async fn update_cluster(
        &self,
        cluster: &ManagedCluster,
        change: &ClusterChange,
    ) -> Result<(), AzureError> {
        let mut asked = self
            .asked(Method::Put, whole(&cluster.id), VERSION, &[])?
            .json(&form::changed(&cluster.raw, change));
        if let Some(etag) = cluster.raw["eTag"].as_str() {
            asked = asked.header("if-match", etag);
        }
        let answer = self.send(asked).await?;
        let follow = ["azure-asyncoperation", "location"];
        let url = follow.into_iter().find_map(|name| header(&answer, name));
        self.note_operation(&cluster.id, url.map(str::to_owned));
        Ok(())
    }

    /// Asks once how a change that failed came to its end.
    async fn failure_of(&self, operation: &str, url: &str) -> Result<Option<String>, AzureError> {
        let asked = Asked::new(Method::Get, self.next(operation, url)?).with(self.as_caller());
        // What it was about is known for a while only.
        let answered = match found(self.send(asked).await) {
            Ok(answered) => answered,
            Err(error) if error.status.is_some() && !error.is_transient() => {
                return Ok(Some(error.message));
            }
            Err(error) => return Err(error),
        };
        let Some(answer) = answered else {
            return Ok(None);
        };
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = &told["error"]["message"];
        Ok(message.as_str().map(one_line))
    }
}

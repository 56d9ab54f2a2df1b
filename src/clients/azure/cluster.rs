//! AKS clusters: their issuer, their add-ons for workload identity and pod identity.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connect::Azure;
use super::error::AzureError;

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

impl Azure {
    /// Returns the clusters of a subscription.
    pub async fn clusters(&self, subscription: &str) -> Result<Vec<ClusterSummary>, AzureError> {
        todo!()
    }

    /// Returns a cluster.
    pub async fn cluster(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<ManagedCluster>, AzureError> {
        todo!()
    }

    /// Returns how to reach the API server of the cluster `id`; nothing where the caller must not
    /// know.
    pub async fn cluster_access(&self, id: &str) -> Result<Option<ClusterAccessInfo>, AzureError> {
        todo!()
    }

    /// Changes a cluster, unless somebody else has since it was read. Returns once the change was
    /// accepted: it has come to its end when the cluster's `state` is `Succeeded` or `Failed`.
    pub async fn update_cluster(
        &self,
        cluster: &ManagedCluster,
        change: &ClusterChange,
    ) -> Result<(), AzureError> {
        todo!()
    }
}

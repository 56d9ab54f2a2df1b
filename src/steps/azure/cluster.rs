//! The AKS cluster: its endpoint, its issuer, whose its nodes are, and whether it can be used.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::facts::{
    CERTIFICATE_AUTHORITY, CLUSTER_ID, CLUSTER_ISSUER, CLUSTER_PRINCIPAL, ENDPOINT, NODE_GROUP,
    SUBSCRIPTION,
};
use super::identity::AzureIdentity;
use super::refused::refused;
use crate::clients::azure::{Azure, ManagedCluster};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::cluster::ChosenCluster;

/// Describes the cluster.
pub struct Cluster {
    /// The subscription.
    pub azure: Azure,
    /// What the run is about.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for Cluster {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name()],
            gives: vec![
                CLUSTER_ID.name(),
                ENDPOINT.name(),
                CERTIFICATE_AUTHORITY.name(),
                CLUSTER_ISSUER.name(),
                CLUSTER_PRINCIPAL.name(),
                NODE_GROUP.name(),
            ],
            ..StepMeta::new("azure.cluster", "AKS cluster", Phase::Observe)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let name = &self.identity.cluster;
        let Some(cluster) = self.found().await? else {
            return Err(self.unknown().await);
        };
        if cluster.power.as_deref() == Some("Stopped") {
            return Err(
                StepError::answers(format!("AKS cluster `{name}` is stopped")).hint(format!(
                    "`az aks start --resource-group {} --name {name}` starts it",
                    cluster.group
                )),
            );
        }
        match cluster.state.as_str() {
            "Creating" => {
                return Ok(Observation::pending(format!(
                    "AKS cluster `{name}` is being created"
                )));
            }
            "Deleting" => {
                return Err(StepError::answers(format!(
                    "AKS cluster `{name}` is being deleted"
                )));
            }
            _ => {}
        }
        let access = self.azure.cluster_access(&cluster.id).await;
        let access = access.map_err(refused)?;
        let authority = access.as_ref().and_then(|access| access.ca_pem.as_ref());
        let authority = authority.map(|pem| BASE64_STANDARD.encode(pem));
        let fqdn = cluster.fqdn.as_ref();
        let server = access.map(|access| access.server);
        let server = server.or_else(|| fqdn.map(|fqdn| format!("https://{fqdn}:443")));
        let Some(server) = server else {
            return Err(StepError::failed(format!(
                "AKS cluster `{name}` is {} without an address of its API server",
                cluster.state
            )));
        };
        let version = cluster.version.as_deref().unwrap_or("unknown");
        let issuer = cluster.oidc_issuer.unwrap_or_default();
        let about = if issuer.is_empty() {
            "no OIDC issuer".to_owned()
        } else {
            format!("issuer {issuer}")
        };
        let note = format!("{}, version {version}, {about}", cluster.state);
        let observation = Observation::satisfied(note)
            .with(&CLUSTER_ID, &self.identity.cluster_id())
            .with(&ENDPOINT, &server)
            .with(&CERTIFICATE_AUTHORITY, &authority.unwrap_or_default())
            .with(&CLUSTER_ISSUER, &issuer)
            .with(
                &CLUSTER_PRINCIPAL,
                &cluster.identity_principal.unwrap_or_default(),
            )
            .with(
                &NODE_GROUP,
                &cluster.node_resource_group.unwrap_or_default(),
            );
        Ok(if cluster.state == "Failed" {
            observation.notice(format!(
                "the last change of AKS cluster `{name}` failed; it is used as it is"
            ))
        } else {
            observation
        })
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Returns what a kube context is held against.
pub fn chosen(identity: &AzureIdentity) -> ChosenCluster {
    let AzureIdentity { group, cluster, .. } = identity;
    ChosenCluster {
        title: format!("AKS cluster `{cluster}`"),
        makes_context: format!("az aks get-credentials --resource-group {group} --name {cluster}"),
        endpoint: &ENDPOINT,
        certificate_authority: &CERTIFICATE_AUTHORITY,
        issuer: &CLUSTER_ISSUER,
    }
}

impl Cluster {
    async fn found(&self) -> Result<Option<ManagedCluster>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            cluster,
            ..
        } = &self.identity;
        let found = self.azure.cluster(subscription, group, cluster).await;
        found.map_err(refused)
    }

    async fn unknown(&self) -> StepError {
        let AzureIdentity {
            subscription,
            group,
            cluster,
            ..
        } = &self.identity;
        let error = StepError::answers(format!(
            "AKS cluster `{cluster}` does not exist in resource group `{group}`"
        ));
        // What is there helps to choose; that it cannot be listed is no second error.
        match self.azure.clusters(subscription).await {
            Ok(clusters) if clusters.is_empty() => {
                error.hint("this subscription has no AKS cluster; is it the right one?")
            }
            Ok(clusters) => {
                let names = clusters.iter();
                let names: Vec<_> = names
                    .map(|cluster| format!("{} in {}", cluster.name, cluster.group))
                    .collect();
                error.hint(format!("this subscription has: {}", names.join(", ")))
            }
            Err(_) => error,
        }
    }
}

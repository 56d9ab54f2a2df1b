//! Which cluster the manifests go to: shown before anything is approved.

use async_trait::async_trait;

use crate::clients::cluster::ClusterErrorKind;
use crate::engine::{Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::cluster::{ClusterAccess, refused};

/// The URL of the API server.
pub const SERVER: FactKey<String> = FactKey::new("manifests.server");

/// Looks at the cluster of the context.
pub struct TargetCluster {
    /// The way to the cluster.
    pub access: ClusterAccess,
}

#[async_trait]
impl Step for TargetCluster {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![SERVER.name()],
            ..StepMeta::new("manifests.cluster", "Cluster to apply to", Phase::Observe)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let client = self.access.client().await?;
        let context = self.access.context().unwrap_or("current context");
        let version = client.server_version().await.map_err(refused)?;
        // Who may only use some namespaces may not read this one.
        let uid = match client.kube_system_uid().await {
            Ok(uid) => format!(", kube-system {uid}"),
            Err(error) if error.kind == ClusterErrorKind::Forbidden => String::new(),
            Err(error) => return Err(refused(error)),
        };
        let server = client.server();
        let note = format!("`{context}` at {server}, {version}{uid}");
        Ok(Observation::satisfied(note).with(&SERVER, &server.to_owned()))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

//! The AKS cluster of what is removed, which may be gone itself: people delete clusters first.

use async_trait::async_trait;

use crate::engine::{Context, ErrorKind, Facts, Observation, Step, StepError, StepMeta};
use crate::steps::azure::refused::refused;
use crate::steps::azure::{
    AzureIdentity, CERTIFICATE_AUTHORITY, CLUSTER_ID, CLUSTER_ISSUER, CLUSTER_PRINCIPAL, Cluster,
    ENDPOINT, NODE_GROUP,
};

/// Describes the cluster, and can do without.
pub struct FormerCluster {
    /// The cluster as it was.
    pub cluster: Cluster,
    /// Whether nothing in the cluster is to be looked at.
    pub is_left_out: bool,
}

#[async_trait]
impl Step for FormerCluster {
    fn meta(&self) -> StepMeta {
        self.cluster.meta()
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let error = match self.cluster.check(facts, context).await {
            Err(error) if error.kind == ErrorKind::Answers => error,
            seen => return seen,
        };
        if !self.is_left_out {
            return Err(error.hint(
                "if the cluster is gone, `--no-cluster` removes what is left in the subscription",
            ));
        }
        let AzureIdentity {
            subscription,
            group,
            cluster: name,
            ..
        } = &self.cluster.identity;
        let found = self.cluster.azure.cluster(subscription, group, name).await;
        let found = found.map_err(refused)?;
        let note = found.as_ref().map_or("gone", |found| found.state.as_str());
        let seen = Observation::satisfied(format!("`{name}` is {note}"));
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        let found = found.as_ref();
        Ok(seen
            .with(&CLUSTER_ID, &self.cluster.identity.cluster_id())
            .with(&ENDPOINT, &String::new())
            .with(&CERTIFICATE_AUTHORITY, &String::new())
            .with(
                &CLUSTER_ISSUER,
                &text(found.and_then(|found| found.oidc_issuer.as_ref())),
            )
            .with(
                &CLUSTER_PRINCIPAL,
                &text(found.and_then(|found| found.identity_principal.as_ref())),
            )
            .with(
                &NODE_GROUP,
                &text(found.and_then(|found| found.node_resource_group.as_ref())),
            ))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

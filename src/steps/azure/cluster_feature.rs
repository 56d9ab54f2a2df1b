//! What workload identity needs of the cluster: an OIDC issuer that Entra can reach, and the webhook
//! that gives tokens to Pods.
//!
//! An issuer can never be taken away from a cluster again, so both are switched on only on a word of
//! the operator.

use std::time::Duration;

use async_trait::async_trait;

use super::facts::{CLUSTER_ID, OIDC_ISSUER};
use super::identity::AzureIdentity;
use super::refused::refused;
use crate::clients::azure::{Azure, ClusterChange, ManagedCluster};
use crate::engine::{
    Change, Choice, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// The key of the answer that lets them be switched on.
pub const ENABLE: &str = "az_cluster_enable";

/// A change of a cluster goes through its control plane and, at times, its nodes.
pub(super) const CHANGING: Settle = Settle {
    period: Duration::from_secs(10),
    limit: Duration::from_mins(30),
    reason: "waits for AKS",
};

/// Switches issuer and webhook on, where that was answered.
pub struct WorkloadIdentity {
    /// The subscription.
    pub azure: Azure,
    /// What the run is about.
    pub identity: AzureIdentity,
    /// Whether they may be switched on.
    pub enables: bool,
}

#[async_trait]
impl Step for WorkloadIdentity {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_ID.name()],
            gives: vec![OIDC_ISSUER.name()],
            settle: CHANGING,
            ..StepMeta::new(
                "azure.workload-identity",
                "Workload identity of the AKS cluster",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let cluster = self.cluster().await?;
        let lacks = lacks(&cluster);
        let issuer = cluster.oidc_issuer.clone().unwrap_or_default();
        if lacks.is_empty() {
            return Ok(
                Observation::satisfied(format!("on, issuer {issuer}")).with(&OIDC_ISSUER, &issuer)
            );
        }
        let name = &self.identity.cluster;
        if is_changing(&cluster) {
            return Ok(Observation::pending(format!(
                "AKS cluster `{name}` is {}",
                cluster.state
            )));
        }
        if let Some(failure) = &cluster.failure {
            return Err(StepError::failed(format!(
                "AKS did not change cluster `{name}`: {failure}"
            )));
        }
        if !self.enables {
            return Ok(self.asks(&lacks.join(" and no ")));
        }
        let lacks = lacks.join(" and ");
        let change = Change::new(Verb::Update, "AKS cluster", name)
            .before(format!("without {lacks}\n"))
            .after("with OIDC issuer and workload identity\n");
        Ok(Observation::differs(vec![change])
            .notice(format!(
                "AKS cluster `{name}` gets {lacks}; an issuer can never be taken away from it again"
            ))
            .with(&OIDC_ISSUER, &issuer))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let cluster = self.cluster().await?;
        let change = ClusterChange {
            enable_oidc_issuer: true,
            enable_workload_identity: true,
            pod_identity: None,
        };
        let changing = self.azure.update_cluster(&cluster, &change).await;
        changing.map_err(refused)
    }
}

impl WorkloadIdentity {
    fn asks(&self, lacks: &str) -> Observation {
        let AzureIdentity { cluster, .. } = &self.identity;
        let choices = vec![
            Choice::new(
                ENABLE,
                "yes",
                "switches both on; an issuer can never be taken away again",
            ),
            Choice::new(
                "az_identity_method",
                "pod-identity",
                "uses the retired add-on for Pod identities instead, where the cluster has it",
            ),
        ];
        let mut hints: Vec<_> = choices.iter().map(|choice| choice.hint("")).collect();
        hints.push(format!(
            "or somebody else does: `az aks update --resource-group {} --name {cluster} \
             --enable-oidc-issuer --enable-workload-identity`",
            self.identity.group
        ));
        let reason =
            format!("AKS cluster `{cluster}` has no {lacks}, which workload identity needs");
        Observation::conflict(reason, Vec::new(), hints).offers(choices)
    }

    async fn cluster(&self) -> Result<ManagedCluster, StepError> {
        described(&self.azure, &self.identity).await
    }
}

/// Returns the cluster as it is now.
pub(super) async fn described(
    azure: &Azure,
    identity: &AzureIdentity,
) -> Result<ManagedCluster, StepError> {
    let AzureIdentity {
        subscription,
        group,
        cluster,
        ..
    } = identity;
    let found = azure.cluster(subscription, group, cluster).await;
    found
        .map_err(refused)?
        .ok_or_else(|| StepError::failed(format!("AKS cluster `{cluster}` is gone")))
}

/// Whether a change of the cluster is under way.
pub(super) fn is_changing(cluster: &ManagedCluster) -> bool {
    !["Succeeded", "Failed", "Canceled"].contains(&cluster.state.as_str())
}

/// Returns what of workload identity the cluster has not.
fn lacks(cluster: &ManagedCluster) -> Vec<&'static str> {
    let has_issuer = cluster.is_oidc_enabled && cluster.oidc_issuer.is_some();
    let issuer = (!has_issuer).then_some("OIDC issuer");
    let webhook = (!cluster.is_workload_identity_enabled).then_some("workload identity add-on");
    issuer.into_iter().chain(webhook).collect()
}

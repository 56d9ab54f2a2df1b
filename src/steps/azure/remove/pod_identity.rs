//! Takes our Pod identity from the cluster, which holds on to the managed identity until then.

use async_trait::async_trait;

use super::{Removal, denied};
use crate::clients::azure::{AzureErrorKind, ClusterChange, ManagedCluster, is_same_id};
use crate::engine::{Change, Context, Facts, Observation, Phase, Step, StepError, StepMeta, Verb};
use crate::steps::azure::cluster_feature::{CHANGING, is_changing};
use crate::steps::azure::{AzureIdentity, SUBSCRIPTION};
use crate::steps::removal::{Found, stays};

/// Takes the Pod identity away.
pub struct RemovePodIdentity {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemovePodIdentity {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name()],
            after: vec!["rok.remove-proof"],
            settle: CHANGING,
            ..StepMeta::new(
                "azure.remove-pod-identity",
                "Pod identity is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let Some(cluster) = self.cluster().await? else {
            return Ok(Observation::satisfied("the cluster is gone"));
        };
        let (place, id) = (self.place(), self.removal.identity.id());
        let identities = cluster.pod_identity.iter();
        let mut identities = identities.flat_map(|profile| &profile.identities);
        let Some(found) = identities.find(|one| self.removal.is_our_pod(one)) else {
            return Ok(Observation::satisfied("not there"));
        };
        let what = format!("Pod identity `{place}`");
        let target = &found.identity.resource_id;
        if !is_same_id(target, &id) {
            return Ok(stays(&what, &format!("it stands for `{target}`")));
        }
        if let Found::Foreign(why) = self.removal.identity().await? {
            return Ok(stays(&what, &format!("its identity is not ours: {why}")));
        }
        if is_changing(&cluster) || found.state.as_deref() == Some("Deleting") {
            let text = format!("AKS cluster `{}` is {}", cluster.name, cluster.state);
            return Ok(Observation::pending(text));
        }
        let delete = Change::new(Verb::Delete, "Pod identity", place);
        Ok(Observation::differs(vec![
            delete.before(format!("{target}\n")),
        ]))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Some(cluster) = self.cluster().await? else {
            return Ok(());
        };
        let Some(mut profile) = cluster.pod_identity.clone() else {
            return Ok(());
        };
        profile
            .identities
            .retain(|one| !self.removal.is_our_pod(one));
        let change = ClusterChange {
            pod_identity: Some(profile),
            ..ClusterChange::default()
        };
        let changing = self.removal.azure.update_cluster(&cluster, &change).await;
        match changing {
            Err(error) if error.kind == AzureErrorKind::NotFound => Ok(()),
            changing => changing.map_err(denied),
        }
    }
}

impl RemovePodIdentity {
    fn place(&self) -> String {
        let AzureIdentity {
            namespace,
            pod_identity,
            ..
        } = &self.removal.identity;
        format!("{namespace}/{pod_identity}")
    }

    async fn cluster(&self) -> Result<Option<ManagedCluster>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            cluster,
            ..
        } = &self.removal.identity;
        let found = self.removal.azure.cluster(subscription, group, cluster);
        found.await.map_err(denied)
    }
}

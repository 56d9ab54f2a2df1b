//! The Pod identity: AKS gives the managed identity to the Pods that carry a label.
//!
//! Microsoft has retired the add-on; clusters that still have it go on using it. Its control plane
//! hears of its right to the identity late, and says `Bad Request` until then.

use async_trait::async_trait;

use super::adoption::{Decisions, Object};
use super::cluster_feature::{CHANGING, described, is_changing};
use super::facts::{CLUSTER_ID, IDENTITY_CLIENT_ID, IDENTITY_ID, IDENTITY_PRINCIPAL_ID};
use super::identity::AzureIdentity;
use super::refused::refused;
use crate::clients::azure::{
    AssignedPodIdentity, Azure, ClusterChange, ManagedCluster, PodIdentityProfile,
    PodIdentityTarget, is_same_id,
};
use crate::engine::{
    Change, Choice, Context, ErrorKind, Facts, Observation, Phase, Step, StepError, StepMeta, Verb,
    lines,
};
use crate::steps::in_the_way::Installation as _;

const RETIRED: &str = "Microsoft has retired the add-on for Pod identities; \
                       `--set az_identity_method=workload-identity` migrates";

/// Adds the Pod identity to the cluster.
pub struct PodIdentity {
    /// The subscription.
    pub azure: Azure,
    /// What it is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for PodIdentity {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![
                CLUSTER_ID.name(),
                IDENTITY_ID.name(),
                IDENTITY_CLIENT_ID.name(),
                IDENTITY_PRINCIPAL_ID.name(),
            ],
            after: vec!["azure.identity-operator", "rok.namespaces"],
            settle: CHANGING,
            ..StepMeta::new("azure.pod-identity", "Pod identity", Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let cluster = described(&self.azure, &self.identity).await?;
        let Some(profile) = enabled(&cluster) else {
            return Ok(self.no_add_on());
        };
        let place = self.place();
        if let Some(failure) = &cluster.failure {
            return Err(StepError::failed(format!(
                "AKS did not take Pod identity `{place}`: {failure}"
            )));
        }
        let Some(found) = self.find(profile) else {
            if is_changing(&cluster) {
                return Ok(Observation::pending(format!(
                    "AKS cluster `{}` is {}",
                    cluster.name, cluster.state
                )));
            }
            return Ok(Observation::differs(vec![self.creation()]).notice(RETIRED));
        };
        if !is_same_id(&found.identity.resource_id, &facts.get(&IDENTITY_ID)?) {
            return Ok(if self.identity.adopt.takes_over(Object::PodIdentity) {
                Observation::differs(vec![self.taking(found)]).notice(RETIRED)
            } else {
                self.in_the_way(found)
            });
        }
        match found.state.as_deref() {
            Some("Assigned") => {
                Ok(Observation::satisfied(format!("`{place}` is Assigned")).notice(RETIRED))
            }
            Some("Failed") => {
                let said = found.error.as_deref().unwrap_or("nothing was said");
                let again = Change::new(Verb::Update, "Pod identity", place)
                    .before(format!("Failed: {said}\n"))
                    .after(self.described());
                Ok(Observation::differs(vec![again]).notice(RETIRED))
            }
            state => Ok(Observation::pending(format!(
                "Pod identity `{place}` is {}",
                state.unwrap_or("not assigned yet")
            ))),
        }
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let cluster = described(&self.azure, &self.identity).await?;
        let Some(profile) = enabled(&cluster) else {
            let text = "the add-on for Pod identities was switched off meanwhile";
            return Err(StepError::new(ErrorKind::Conflict, text).retryable());
        };
        let ours = AssignedPodIdentity {
            name: self.identity.pod_identity.clone(),
            namespace: self.identity.namespace.clone(),
            identity: PodIdentityTarget {
                resource_id: facts.get(&IDENTITY_ID)?,
                client_id: facts.get(&IDENTITY_CLIENT_ID)?,
                object_id: facts.get(&IDENTITY_PRINCIPAL_ID)?,
            },
            binding_selector: None,
            state: None,
            error: None,
        };
        let mut profile = profile.clone();
        profile.identities.retain(|other| !self.is_named_so(other));
        profile.identities.push(ours);
        let change = ClusterChange {
            pod_identity: Some(profile),
            ..ClusterChange::default()
        };
        let changing = self.azure.update_cluster(&cluster, &change).await;
        changing.map_err(refused)
    }
}

impl PodIdentity {
    fn place(&self) -> String {
        format!("{}/{}", self.identity.namespace, self.identity.pod_identity)
    }

    fn is_named_so(&self, other: &AssignedPodIdentity) -> bool {
        other.name == self.identity.pod_identity && other.namespace == self.identity.namespace
    }

    fn find<'a>(&self, profile: &'a PodIdentityProfile) -> Option<&'a AssignedPodIdentity> {
        profile
            .identities
            .iter()
            .find(|other| self.is_named_so(other))
    }

    fn creation(&self) -> Change {
        Change::new(Verb::Create, "Pod identity", self.place()).after(self.described())
    }

    fn described(&self) -> String {
        lines([
            format!("cluster: {}", self.identity.cluster),
            format!("managed identity: {}", self.identity.name),
        ])
    }

    fn no_add_on(&self) -> Observation {
        let cluster = &self.identity.cluster;
        let choice = Choice::new(
            "az_identity_method",
            "workload-identity",
            "takes its successor, which needs no add-on of the nodes",
        );
        let hints = vec![
            choice.hint(""),
            format!(
                "or somebody switches it on: `az aks update --resource-group {} --name {cluster} \
                 --enable-pod-identity`",
                self.identity.group
            ),
        ];
        let reason = format!(
            "AKS cluster `{cluster}` does not have the add-on for Pod identities, which Microsoft has \
             retired"
        );
        Observation::conflict(reason, Vec::new(), hints).offers(vec![choice])
    }

    fn in_the_way(&self, found: &AssignedPodIdentity) -> Observation {
        let place = self.place();
        let reason = format!(
            "Pod identity `{place}` exists and stands for another managed identity: found {}, expected \
             {}",
            found.identity.resource_id,
            self.identity.id()
        );
        let label = "takes it over; Pods of that label become our identity from then on";
        let taking = Decisions::taking_over(Object::PodIdentity, label);
        let own = &self.identity.pod_identity;
        let other = self.identity.other_name(Object::PodIdentity, own);
        let choices: Vec<_> = other.into_iter().chain([taking]).collect();
        let held = self.identity.adopt.to_string();
        let mut hints: Vec<_> = choices.iter().map(|choice| choice.hint(&held)).collect();
        hints.push(format!(
            "if nobody needs it: `az aks pod-identity delete --resource-group {} --cluster-name {} \
             --namespace {} --name {own}`",
            self.identity.group, self.identity.cluster, self.identity.namespace,
        ));
        Observation::conflict(reason, vec![self.taking(found)], hints).offers(choices)
    }

    /// What becomes of one that stands for another identity.
    fn taking(&self, found: &AssignedPodIdentity) -> Change {
        Change::new(Verb::Update, "Pod identity", self.place())
            .before(format!(
                "managed identity: {}\n",
                found.identity.resource_id
            ))
            .after(self.described())
    }
}

fn enabled(cluster: &ManagedCluster) -> Option<&PodIdentityProfile> {
    cluster
        .pod_identity
        .as_ref()
        .filter(|profile| profile.enabled)
}

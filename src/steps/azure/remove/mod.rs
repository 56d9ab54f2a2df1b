//! Takes back what was made in the subscription, and nothing else: an object is removed when it has our
//! name, our tags and this cluster's name. What cannot carry tags belongs to the identity that does.
//! Whatever others have to do with the identity keeps it.
//!
//! Every step looks at the subscription as it is, so it does not matter where an earlier removal broke
//! off. What is gone already is as intended. Storage account, containers and data always stay.

mod assignment;
mod cluster;
mod containers;
mod credential;
mod identity;
mod pod_identity;
mod service_account;

pub use assignment::RemoveAssignment;
pub use cluster::FormerCluster;
pub use containers::KeptContainers;
pub use credential::RemoveCredential;
pub use identity::RemoveIdentity;
pub use pod_identity::RemovePodIdentity;
pub use service_account::RemoveAccount;

use super::facts::{CLUSTER_ISSUER, CLUSTER_PRINCIPAL, SUBSCRIPTION};
use super::found_identity::{definition, title};
use super::identity::AzureIdentity;
use super::refused::refused;
use super::role_assignment::{DATA_ROLE_ID, OPERATOR_ROLE_ID};
use crate::clients::azure::{
    AssignedPodIdentity, Azure, AzureError, FederatedCredential, ManagedIdentity,
    PodIdentityProfile, RoleAssignment, RoleFilter, is_same_id,
};
use crate::engine::{ErrorKind, Facts, StepError};
use crate::steps::removal::Found;

/// What a removal has to be allowed; a refusal names one, whoever gives rights wants all.
const RIGHTS: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/read, \
    …/delete, …/federatedIdentityCredentials/read, …/federatedIdentityCredentials/delete; \
    Microsoft.Authorization/roleAssignments/read, …/delete; and with Pod identities \
    Microsoft.ContainerService/managedClusters/read, …/write";

/// The identity that is to be removed, and the way to it.
#[derive(Clone)]
pub struct Removal {
    /// The subscription.
    pub azure: Azure,
    /// What was made.
    pub identity: AzureIdentity,
}

impl Removal {
    /// What is known of account and cluster.
    fn needs() -> Vec<&'static str> {
        vec![
            SUBSCRIPTION.name(),
            CLUSTER_ISSUER.name(),
            CLUSTER_PRINCIPAL.name(),
        ]
    }

    /// Returns the identity of our name.
    async fn identity(&self) -> Result<Found<ManagedIdentity>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            name,
            ownership,
            ..
        } = &self.identity;
        let found = self.azure.identity(subscription, group, name).await;
        let found = found.map_err(denied)?;
        Ok(Found::judged(found, ownership, |found| &found.tags))
    }

    /// Returns the federated credentials of an identity: ours, and those of others. Ours lets in our
    /// service account; or it has our name, and was made when the cluster had another issuer.
    async fn credentials(
        &self,
        found: &ManagedIdentity,
        facts: &Facts,
    ) -> Result<(Vec<FederatedCredential>, Vec<FederatedCredential>), StepError> {
        let held = self.azure.federated_credentials(&found.id).await;
        let (issuer, subject) = (facts.get(&CLUSTER_ISSUER)?, self.identity.subject());
        let is_ours = |one: &FederatedCredential| {
            (one.issuer == issuer && one.subject == subject) || one.name == self.identity.credential
        };
        Ok(held.map_err(denied)?.into_iter().partition(is_ours))
    }

    /// Returns the roles that an identity has, everywhere: ours on the storage account, and others.
    async fn roles(
        &self,
        found: &ManagedIdentity,
    ) -> Result<(Vec<RoleAssignment>, Vec<RoleAssignment>), StepError> {
        let subscription = format!("/subscriptions/{}", self.identity.subscription);
        let filter = RoleFilter::Principal(&found.principal_id);
        let held = self.azure.role_assignments(&subscription, filter).await;
        let account = format!("/storageaccounts/{}", self.identity.account);
        let is_ours = |role: &RoleAssignment| {
            definition(&role.role_definition_id) == DATA_ROLE_ID
                && role.scope.to_ascii_lowercase().ends_with(&account)
                && role.condition.is_none()
        };
        Ok(held.map_err(denied)?.into_iter().partition(is_ours))
    }

    /// Returns the roles that were given at the identity itself: ours for the control plane of this
    /// cluster, and others.
    async fn roles_on(
        &self,
        found: &ManagedIdentity,
        facts: &Facts,
    ) -> Result<(Vec<RoleAssignment>, Vec<RoleAssignment>), StepError> {
        let control_plane: String = facts.get(&CLUSTER_PRINCIPAL)?;
        let held = self
            .azure
            .role_assignments(&found.id, RoleFilter::AtScope)
            .await;
        let description = self.identity.assignment_description();
        let is_ours = |role: &RoleAssignment| {
            definition(&role.role_definition_id) == OPERATOR_ROLE_ID
                && (role.principal_id.eq_ignore_ascii_case(&control_plane)
                    || role.description.as_deref() == Some(&description))
        };
        let held = held.map_err(denied)?.into_iter();
        let here = held.filter(|role| is_same_id(&role.scope, &found.id));
        Ok(here.partition(is_ours))
    }

    /// Returns the Pod identities of this cluster, where it is still there and has any.
    async fn pod_identities(&self) -> Result<Option<PodIdentityProfile>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            cluster,
            ..
        } = &self.identity;
        let found = self.azure.cluster(subscription, group, cluster).await;
        Ok(found.map_err(denied)?.and_then(|found| found.pod_identity))
    }

    /// Returns what others have to do with our identity.
    async fn others(
        &self,
        found: &ManagedIdentity,
        facts: &Facts,
    ) -> Result<Vec<String>, StepError> {
        let ((_, credentials), (_, roles), (_, on_it), profile) = tokio::try_join!(
            self.credentials(found, facts),
            self.roles(found),
            self.roles_on(found, facts),
            self.pod_identities(),
        )?;
        let credentials = credentials
            .iter()
            .map(|one| format!("federated credential `{}` for `{}`", one.name, one.subject));
        let roles = roles.iter().map(|role| {
            let role_title = title(&role.role_definition_id);
            format!("its role {role_title} at `{}`", role.scope)
        });
        let on_it = on_it.iter().map(|role| {
            let role_title = title(&role.role_definition_id);
            format!("role {role_title} on it of principal {}", role.principal_id)
        });
        let identities = profile
            .map(|profile| profile.identities)
            .unwrap_or_default();
        let pods = identities
            .iter()
            .filter(|one| is_same_id(&one.identity.resource_id, &found.id) && !self.is_our_pod(one))
            .map(|one| format!("Pod identity `{}/{}`", one.namespace, one.name));
        Ok(credentials.chain(roles).chain(on_it).chain(pods).collect())
    }

    fn is_our_pod(&self, one: &AssignedPodIdentity) -> bool {
        one.name == self.identity.pod_identity && one.namespace == self.identity.namespace
    }
}

/// Turns a refusal into a step's error; one for want of a right names all that are needed.
fn denied(error: AzureError) -> StepError {
    let refused = refused(error);
    if refused.kind == ErrorKind::Permission {
        refused.hint(format!("a teardown needs {RIGHTS}"))
    } else {
        refused
    }
}

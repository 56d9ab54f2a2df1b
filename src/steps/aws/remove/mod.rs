//! Takes back what was made in the account, and nothing else: an object is removed when it has our
//! name, our tags and this cluster's name. Whatever others have to do with it keeps it.
//!
//! Every step looks at the account as it is, so it does not matter where an earlier removal broke
//! off. What is gone already is as intended.

mod attachment;
mod buckets;
mod cluster;
mod policy;
mod provider;
mod role;

use std::collections::BTreeMap;

pub use attachment::RemoveAttachment;
pub use buckets::KeptBuckets;
pub use cluster::FormerCluster;
pub use policy::RemovePolicy;
pub use provider::RemoveProvider;
pub use role::RemoveRole;

use super::identity::{Grant, Identity};
use super::ownership::Ownership;
use super::refused;
use crate::clients::aws::{Aws, AwsError, Policy, Role};
use crate::engine::{ErrorKind, Facts, Observation, StepError};

/// What a removal has to be allowed; a refusal names one, whoever gives rights wants all.
const RIGHTS: &str = "iam:GetRole, ListAttachedRolePolicies, ListRolePolicies, \
    ListInstanceProfilesForRole, DetachRolePolicy, DeleteRole; GetPolicy, ListPolicyVersions, \
    ListEntitiesForPolicy, DeletePolicyVersion, DeletePolicy; GetOpenIDConnectProvider, ListRoles, \
    DeleteOpenIDConnectProvider";

/// The identity that is to be removed, and the way to it.
#[derive(Clone)]
pub struct Removal {
    /// The account.
    pub aws: Aws,
    /// What was made.
    pub identity: Identity,
}

/// An object of our name, and whether it is ours.
enum Found<T> {
    Absent,
    Ours(T),
    /// Somebody else's, and what tells so.
    Foreign(String),
}

impl<T> Found<T> {
    fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }
}

impl Removal {
    fn grant(&self, facts: &Facts) -> Result<Grant, StepError> {
        self.identity.grant(facts)
    }

    /// Returns the role of our name.
    async fn role(&self) -> Result<Found<Role>, StepError> {
        let role = self.aws.role(&self.identity.role).await.map_err(denied)?;
        Ok(self.judged(role, |role| &role.tags))
    }

    /// Returns the policy of our name.
    async fn policy(&self, arn: &str) -> Result<Found<Policy>, StepError> {
        let policy = self.aws.policy(arn).await.map_err(denied)?;
        Ok(self.judged(policy, |policy| &policy.tags))
    }

    fn judged<T>(
        &self,
        found: Option<T>,
        tags: impl Fn(&T) -> &BTreeMap<String, String>,
    ) -> Found<T> {
        match found {
            None => Found::Absent,
            Some(found) if self.identity.ownership.is_ours(tags(&found)) => Found::Ours(found),
            Some(found) => Found::Foreign(match Ownership::cluster_of(tags(&found)) {
                Some(cluster) => format!("its tags name cluster `{cluster}`"),
                None => "it carries no tag of this tool".into(),
            }),
        }
    }
}

/// Says that something stays, and why: in the plan, and again at the end.
fn stays(what: &str, why: &str) -> Observation {
    let text = format!("{what} stays: {why}");
    Observation::satisfied(format!("stays: {why}"))
        .notice(text.clone())
        .next(text)
}

/// Turns a refusal into a step's error; one for want of a right names all that are needed.
fn denied(error: AwsError) -> StepError {
    let refused = refused(error);
    if refused.kind == ErrorKind::Permission {
        refused.hint(format!("a teardown needs {RIGHTS}"))
    } else {
        refused
    }
}

/// Does the same for a deletion: what was taken off an object a moment ago may still hold it.
fn held(error: AwsError) -> StepError {
    let conflict = error.code.as_deref() == Some("DeleteConflict");
    let denied = denied(error);
    if conflict { denied.retryable() } else { denied }
}

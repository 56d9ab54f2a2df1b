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
mod stack;

use std::collections::BTreeMap;

pub use attachment::RemoveAttachment;
pub use buckets::KeptBuckets;
pub use cluster::FormerCluster;
pub use policy::RemovePolicy;
pub use provider::RemoveProvider;
pub use role::RemoveRole;
pub use stack::RemoveStack;

use super::identity::{Grant, Identity};
use super::refused;
use crate::clients::aws::{Aws, AwsError, AwsErrorKind, Policy, Role};
use crate::engine::{ErrorKind, Facts, StepError};
use crate::steps::removal::{Found, stays};

/// What a removal has to be allowed; a refusal names one, whoever gives rights wants all.
const RIGHTS: &str = "iam:GetRole, ListAttachedRolePolicies, ListRolePolicies, \
    ListInstanceProfilesForRole, DetachRolePolicy, DeleteRole; GetPolicy, ListPolicyVersions, \
    ListEntitiesForPolicy, DeletePolicyVersion, DeletePolicy; GetOpenIDConnectProvider, ListRoles, \
    DeleteOpenIDConnectProvider; and for a stack cloudformation:DescribeStacks, \
    ListStackResources, DescribeStackEvents, DeleteStack";

/// The identity that is to be removed, and the way to it.
#[derive(Clone)]
pub struct Removal {
    /// The account.
    pub aws: Aws,
    /// What was made.
    pub identity: Identity,
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

    /// Returns what others have hung on our role; `with_stack` says that a policy of our name comes
    /// with the stack that the role comes with, and so without tags.
    async fn others_on_role(
        &self,
        facts: &Facts,
        with_stack: bool,
    ) -> Result<Vec<String>, StepError> {
        let (arn, name) = (self.grant(facts)?.policy_arn(), &self.identity.role);
        let (attached, inline, profiles) = tokio::try_join!(
            self.aws.attached_policies(name),
            self.aws.inline_policy_names(name),
            self.aws.instance_profiles(name),
        )
        .map_err(denied)?;
        // One of ours is taken off; one that only has our name is not.
        let has_foreign = !with_stack && matches!(self.policy(&arn).await?, Found::Foreign(_));
        let attached = attached
            .unwrap_or_default()
            .into_iter()
            .filter(|policy| policy.arn != arn || has_foreign)
            .map(|policy| format!("policy `{}`", policy.name));
        let inline = inline.unwrap_or_default().into_iter();
        let inline = inline.map(|name| format!("inline policy `{name}`"));
        let profiles = profiles.unwrap_or_default().into_iter();
        let profiles = profiles.map(|name| format!("instance profile `{name}`"));
        Ok(attached.chain(inline).chain(profiles).collect())
    }

    /// Returns who else has a policy than our role.
    async fn others_with_policy(&self, arn: &str) -> Result<Vec<String>, StepError> {
        let holders = async { self.aws.policy_holders(arn).await.map_err(denied) };
        let (mut holders, role) = tokio::try_join!(holders, self.role())?;
        let own = format!("role/{}", self.identity.role);
        holders.retain(|holder| *holder != own || !role.is_ours());
        Ok(holders)
    }

    /// Returns the roles that trust a provider: all but ours, where ours goes.
    async fn others_trusting(&self, arn: &str, ours_goes: bool) -> Result<Vec<String>, StepError> {
        let trusts = match self.aws.trusts().await {
            Ok(trusts) => trusts,
            Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                return Ok(vec![
                    "unknown, since the caller may not list roles (iam:ListRoles)".into(),
                ]);
            }
            Err(error) => return Err(denied(error)),
        };
        let own = ours_goes.then_some(&self.identity.role);
        let mut others: Vec<_> = trusts
            .into_iter()
            .filter(|(role, trust)| Some(role) != own && names(trust, arn))
            .map(|(role, _)| format!("role `{role}`"))
            .collect();
        others.sort();
        Ok(others)
    }

    fn judged<T>(
        &self,
        found: Option<T>,
        tags: impl Fn(&T) -> &BTreeMap<String, String>,
    ) -> Found<T> {
        Found::judged(found, &self.identity.ownership, tags)
    }
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

/// Whether a trust policy names the provider. JSON may write a slash in two ways.
fn names(trust: &str, arn: &str) -> bool {
    trust.replace("\\/", "/").contains(&format!("\"{arn}\""))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_trust_names_this_provider_and_not_one_that_begins_alike() {
        let arn = "arn:aws:iam::1:oidc-provider/oidc.example/id/1";
        assert!(names(&format!(r#"{{"Federated": "{arn}"}}"#), arn));
        assert!(names(
            r#"{"Federated":["arn:aws:iam::1:oidc-provider\/oidc.example\/id\/1"]}"#,
            arn
        ));
        assert!(!names(&format!(r#"{{"Federated": "{arn}2"}}"#), arn));
    }
}

//! Deletes our role, unless others have given it policies or instance profiles of their own.

use async_trait::async_trait;

use super::{Found, Removal, denied, held, stays};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::aws::Identity;

/// Whether a role of our name stays.
pub(super) const ROLE_STAYS: FactKey<bool> = FactKey::new("aws.remove-role.stays");

/// Deletes the role.
pub struct RemoveRole {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveRole {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            gives: vec![ROLE_STAYS.name()],
            after: vec!["aws.remove-attachment"],
            settle: Settle::IDENTITY,
            ..StepMeta::new("aws.remove-role", "IAM role is gone", Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let name = &self.removal.identity.role;
        let what = format!("role `{name}`");
        let role = match self.removal.role().await? {
            Found::Absent => {
                return Ok(Observation::satisfied("not there").with(&ROLE_STAYS, &false));
            }
            Found::Foreign(why) => return Ok(stays(&what, &why).with(&ROLE_STAYS, &true)),
            Found::Ours(role) => role,
        };
        let others = self.held_by(facts).await?;
        if others.is_empty() {
            let delete = Change::new(Verb::Delete, "role", name).before(format!("{}\n", role.arn));
            return Ok(Observation::differs(vec![delete]).with(&ROLE_STAYS, &false));
        }
        let why = format!("not ours on it: {}", others.join(", "));
        Ok(stays(&what, &why).with(&ROLE_STAYS, &true))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Removal { aws, identity } = &self.removal;
        let deleted = aws.delete_role(&identity.role).await;
        deleted.map(|_| ()).map_err(held)
    }
}

impl RemoveRole {
    /// Returns what others have hung on the role.
    async fn held_by(&self, facts: &Facts) -> Result<Vec<String>, StepError> {
        let Removal { aws, identity } = &self.removal;
        let (arn, name) = (self.removal.grant(facts)?.policy_arn(), &identity.role);
        let (attached, inline, profiles) = tokio::try_join!(
            aws.attached_policies(name),
            aws.inline_policy_names(name),
            aws.instance_profiles(name),
        )
        .map_err(denied)?;
        let attached = attached.unwrap_or_default();
        // One of ours is taken off; one that only has our name is not.
        let has_foreign = matches!(self.removal.policy(&arn).await?, Found::Foreign(_));
        let attached = attached
            .into_iter()
            .filter(|policy| policy.arn != arn || has_foreign)
            .map(|policy| format!("policy `{}`", policy.name));
        let inline = inline.unwrap_or_default().into_iter();
        let inline = inline.map(|name| format!("inline policy `{name}`"));
        let profiles = profiles.unwrap_or_default().into_iter();
        let profiles = profiles.map(|name| format!("instance profile `{name}`"));
        Ok(attached.chain(inline).chain(profiles).collect())
    }
}

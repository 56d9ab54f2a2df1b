//! Deletes our role, unless others have given it policies or instance profiles of their own.

use async_trait::async_trait;

use super::stack::{STACK, in_stack};
use super::{Found, Removal, held, stays};
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
            needs: [&Identity::NEEDS[..], &[STACK.name()]].concat(),
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
        if let Some(seen) = in_stack(facts, &what, name)? {
            // It goes with the stack or stays with it, and so does its trust.
            let stays = !seen.next.is_empty();
            return Ok(seen.with(&ROLE_STAYS, &stays));
        }
        let others = self.removal.others_on_role(facts, false).await?;
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

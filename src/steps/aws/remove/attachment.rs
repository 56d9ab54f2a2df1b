//! Detaches our policy from our role, which neither could be deleted with.

use async_trait::async_trait;

use super::stack::{STACK, in_stack};
use super::{Found, Removal, denied};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::aws::Identity;

/// Detaches the policy.
pub struct RemoveAttachment {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveAttachment {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: [&Identity::NEEDS[..], &[STACK.name()]].concat(),
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.remove-attachment",
                "IAM policy is off the role",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let removal = &self.removal;
        let (arn, role) = (removal.grant(facts)?.policy_arn(), &removal.identity.role);
        let what = format!("policy attachment of role `{role}`");
        if in_stack(facts, &what, role)?.is_some() {
            return Ok(Observation::satisfied("part of the stack"));
        }
        let attached = async {
            let attached = removal.aws.attached_policies(role).await;
            attached.map_err(denied)
        };
        let (owner, policy, attached) =
            tokio::try_join!(removal.role(), removal.policy(&arn), attached)?;
        let is_attached = attached
            .unwrap_or_default()
            .iter()
            .any(|policy| policy.arn == arn);
        Ok(match (owner, policy) {
            (Found::Ours(_), Found::Ours(_)) if is_attached => {
                let detach = Change::new(Verb::Delete, "policy attachment of role", role);
                Observation::differs(vec![detach.before(format!("{arn}\n"))])
            }
            (Found::Foreign(_), _) => Observation::satisfied("the role is not ours"),
            (_, Found::Foreign(_)) => Observation::satisfied("the policy is not ours"),
            _ => Observation::satisfied("not attached"),
        })
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Removal { aws, identity } = &self.removal;
        let arn = self.removal.grant(facts)?.policy_arn();
        let detached = aws.detach_role_policy(&identity.role, &arn).await;
        detached.map(|_| ()).map_err(denied)
    }
}

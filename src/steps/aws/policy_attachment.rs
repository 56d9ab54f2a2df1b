//! The policy on the role. Other policies of the role are not ours and stay.

use async_trait::async_trait;

use super::iam_policy::POLICY_ARN;
use super::iam_role::ROLE_ARN;
use super::{not_there_yet, refused};
use crate::clients::aws::Aws;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// Attaches the policy.
pub struct PolicyAttachment {
    /// The account.
    pub aws: Aws,
    /// The role's name.
    pub role: String,
}

#[async_trait]
impl Step for PolicyAttachment {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![POLICY_ARN.name(), ROLE_ARN.name()],
            after: vec!["aws.iam-policy", "aws.iam-role"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.policy-attachment",
                "IAM policy on the role",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let arn = facts.get(&POLICY_ARN)?;
        // A role that does not exist yet has nothing attached.
        let attached = self
            .aws
            .attached_policies(&self.role)
            .await
            .map_err(refused)?;
        let attached = attached.unwrap_or_default();
        if attached.iter().any(|policy| policy.arn == arn) {
            let others = match attached.len() - 1 {
                0 => String::new(),
                others => format!(", besides {others} of others"),
            };
            return Ok(Observation::satisfied(format!("attached{others}")));
        }
        let attach = Change::new(Verb::Attach, "policy to role", &self.role);
        Ok(Observation::differs(vec![attach.after(format!(
            "{arn}
"
        ))]))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let arn = facts.get(&POLICY_ARN)?;
        self.aws
            .attach_role_policy(&self.role, &arn)
            .await
            .map_err(not_there_yet)
    }
}

//! The policy on the role. Other policies of the role are not ours and stay.

use async_trait::async_trait;

use super::adoption::Object;
use super::iam_policy::POLICY_ARN;
use super::iam_role::ROLE_ARN;
use super::identity::Identity;
use super::{not_there_yet, refused};
use crate::clients::aws::Aws;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// How many policies AWS attaches to a role, unless the quota was raised.
const POLICY_LIMIT: usize = 10;

/// Attaches the policy.
pub struct PolicyAttachment {
    /// The account.
    pub aws: Aws,
    /// What the role is part of.
    pub identity: Identity,
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
        let role = &self.identity.role;
        // A role that does not exist yet has nothing attached.
        let attached = self.aws.attached_policies(role).await.map_err(refused)?;
        let attached = attached.unwrap_or_default();
        if attached.iter().any(|policy| policy.arn == arn) {
            let others = match attached.len() - 1 {
                0 => String::new(),
                others => format!(", besides {others} of others"),
            };
            return Ok(Observation::satisfied(format!("attached{others}")));
        }
        let names: Vec<_> = attached.iter().map(|one| one.name.as_str()).collect();
        if self.identity.adopt.kept(Object::Role).is_some() {
            let own = match names.len() {
                0 => "no managed policies".into(),
                _ => names.join(", "),
            };
            return Ok(Observation::satisfied(format!(
                "the role is used as it is, with {own}; nothing is attached to it"
            )));
        }
        // More than usual means that the quota was raised.
        if names.len() == POLICY_LIMIT {
            return Err(StepError::failed(format!(
                "role `{role}` has {POLICY_LIMIT} managed policies, as many as AWS attaches (quota \
                 PoliciesPerRole): {}",
                names.join(", ")
            ))
            .hint("detach one that it does not need, or have an administrator raise the quota")
            .hint("or take a role of its own: `--set aws_s3_role=NAME`"));
        }
        let attach = Change::new(Verb::Attach, "policy to role", role);
        Ok(Observation::differs(vec![attach.after(format!("{arn}\n"))]))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let arn = facts.get(&POLICY_ARN)?;
        self.aws
            .attach_role_policy(&self.identity.role, &arn)
            .await
            .map_err(not_there_yet)
    }
}

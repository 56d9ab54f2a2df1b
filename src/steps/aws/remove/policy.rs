//! Deletes our policy with all its versions, unless somebody else has it too.

use async_trait::async_trait;

use super::stack::{STACK, in_stack};
use super::{Found, Removal, denied, held, stays};
use crate::clients::aws::{AwsError, AwsErrorKind};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::aws::Identity;

/// Deletes the policy.
pub struct RemovePolicy {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemovePolicy {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: [&Identity::NEEDS[..], &[STACK.name()]].concat(),
            after: vec!["aws.remove-attachment"],
            settle: Settle::IDENTITY,
            ..StepMeta::new("aws.remove-policy", "IAM policy is gone", Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let removal = &self.removal;
        let (arn, name) = (removal.grant(facts)?.policy_arn(), &removal.identity.role);
        let what = format!("policy `{name}`");
        let policy = removal.policy(&arn).await?;
        match policy {
            Found::Absent => return Ok(Observation::satisfied("not there")),
            Found::Foreign(why) => {
                // CloudFormation cannot tag a policy.
                let seen = in_stack(facts, &what, &arn)?;
                return Ok(seen.unwrap_or_else(|| stays(&what, &why)));
            }
            Found::Ours(_) => {}
        }
        if let Some(seen) = in_stack(facts, &what, &arn)? {
            return Ok(seen);
        }
        let others = removal.others_with_policy(&arn).await?;
        if others.is_empty() {
            return Ok(Observation::differs(vec![
                Change::new(Verb::Delete, "policy", name).before(format!("{arn}\n")),
            ]));
        }
        let others = others.join(", ");
        Ok(stays(&what, &format!("others have it: {others}")))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let aws = &self.removal.aws;
        let arn = self.removal.grant(facts)?.policy_arn();
        let versions = match aws.policy_versions(&arn).await {
            Err(error) if is_gone(&error) => return Ok(()),
            versions => versions.map_err(denied)?,
        };
        for version in versions.iter().filter(|version| !version.is_default) {
            match aws.delete_policy_version(&arn, &version.id).await {
                Err(error) if !is_gone(&error) => return Err(held(error)),
                _ => {}
            }
        }
        aws.delete_policy(&arn).await.map(|_| ()).map_err(held)
    }
}

fn is_gone(error: &AwsError) -> bool {
    error.kind == AwsErrorKind::NotFound
}

//! Who is calling: account, partition, and whether the answers mean the same account.

use async_trait::async_trait;

use super::refused;
use crate::clients::aws::{Aws, partition_of_region};
use crate::engine::{
    Context, ErrorKind, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta,
};

/// The account's twelve digits.
pub const ACCOUNT: FactKey<String> = FactKey::new("aws.account");
/// `aws`, `aws-cn` or `aws-us-gov`.
pub const PARTITION: FactKey<String> = FactKey::new("aws.partition");
/// The caller's ARN.
pub const CALLER_ARN: FactKey<String> = FactKey::new("aws.caller-arn");

/// Looks who is calling.
pub struct Caller {
    /// The account, as its calls are answered.
    pub aws: Aws,
    /// The account of the answers.
    pub account: String,
    /// The region of the answers.
    pub region: String,
}

#[async_trait]
impl Step for Caller {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![ACCOUNT.name(), PARTITION.name(), CALLER_ARN.name()],
            ..StepMeta::new("aws.caller", "AWS account and caller", Phase::Observe)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let caller = self.aws.caller_identity().await.map_err(refused)?;
        if caller.account != self.account {
            return Err(StepError::answers(format!(
                "the credentials are of account {}, the answers are for account {}",
                caller.account, self.account
            ))
            .hint("choose the profile of that account (`--set aws_profile=NAME`), or correct `aws_account_id`"));
        }
        let found = caller.arn.split(':').nth(1).unwrap_or_default().to_owned();
        let expected = partition_of_region(&self.region).id;
        if found != expected {
            return Err(StepError::new(
                ErrorKind::Answers,
                format!(
                    "the credentials are of partition `{found}`, region `{}` is of `{expected}`",
                    self.region
                ),
            )
            .hint("choose a region of the credentials' own partition"));
        }
        Ok(
            Observation::satisfied(format!("{} in account {}", caller.arn, caller.account))
                .with(&ACCOUNT, &caller.account)
                .with(&PARTITION, &found)
                .with(&CALLER_ARN, &caller.arn),
        )
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

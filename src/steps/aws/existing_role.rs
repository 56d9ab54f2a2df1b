//! A role that the operator brings: it is found and used, and never written to.
//!
//! Whom it lets in is told here, since this is what the plan shows; whether that is the right one
//! is judged by `aws.trust`.

use async_trait::async_trait;

use super::iam_role::ROLE_ARN;
use super::policy::{admitted, parse};
use super::refused;
use crate::clients::aws::Aws;
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};

/// Finds the role.
pub struct ExistingRole {
    /// The account.
    pub aws: Aws,
    /// The role's name.
    pub name: String,
}

#[async_trait]
impl Step for ExistingRole {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![ROLE_ARN.name()],
            ..StepMeta::new(
                "aws.existing-role",
                "IAM role that you bring",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        match self.aws.role(&self.name).await.map_err(refused)? {
            Some(role) => {
                let admitted = admitted(&parse(&role.trust_policy));
                let mut notices = admitted.in_words();
                if notices.is_empty() {
                    notices.push("nobody by a token".into());
                }
                let seen = Observation::satisfied(format!("found {}", role.arn));
                let seen = notices.iter().fold(seen, |seen, who| {
                    seen.notice(format!("role `{}` lets in {who}", self.name))
                });
                let seen = admitted
                    .warnings()
                    .into_iter()
                    .fold(seen, Observation::notice);
                Ok(seen.with(&ROLE_ARN, &role.arn))
            }
            None => Err(StepError::answers(format!(
                "role `{}` does not exist; expected one, since `aws_identity_method` is `existing`",
                self.name
            ))
            .hint(
                "set `aws_s3_role` to its name, or `aws_identity_method` to `iam` to have one made",
            )),
        }
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

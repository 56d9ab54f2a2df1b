//! Verifies that the role may do on its buckets what Rok does there.

use async_trait::async_trait;

use super::adoption::Object;
use super::caller::PARTITION;
use super::iam_role::ROLE_ARN;
use super::identity::Identity;
use super::policy::{is_same, parse};
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, AwsErrorKind};
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta};
use crate::steps::names;

/// What Rok needs at the least; asked of the simulator for a role whose policies are not ours.
pub(in crate::steps) const ACTIONS: [&str; 5] = [
    "s3:ListBucketVersions",
    "s3:CreateBucket",
    "s3:PutObject",
    "s3:GetObject",
    "s3:DeleteObject",
];

/// Reads the role's policies again and judges them.
pub struct Permissions {
    /// The account.
    pub aws: Aws,
    /// What the role is part of.
    pub identity: Identity,
    /// Whether the role is one that the operator brought.
    pub existing: bool,
}

#[async_trait]
impl Step for Permissions {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: [&Identity::NEEDS[..], &[ROLE_ARN.name()]].concat(),
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.permissions",
                "Role may use the bucket prefix",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let adopt = &self.identity.adopt;
        if self.existing || adopt.kept(Object::Role).is_some() {
            return self.simulate(facts).await;
        }
        let intended = self.identity.grant(facts)?.permissions();
        let Identity { role, prefix, .. } = &self.identity;
        let attached = self.aws.attached_policies(role).await.map_err(refused)?;
        let attached = attached.unwrap_or_default();
        for policy in attached.iter().filter(|policy| policy.name == *role) {
            let Some(found) = self.aws.policy(&policy.arn).await.map_err(refused)? else {
                continue;
            };
            let document = self
                .aws
                .policy_document(&policy.arn, &found.default_version)
                .await
                .map_err(not_there_yet)?;
            if is_same(&parse(&document), &intended) {
                let note = format!("s3:* on `{prefix}*` and on nothing else of ours");
                return Ok(Observation::satisfied(note));
            }
        }
        if adopt.kept(Object::Policy).is_some() {
            return self.simulate(facts).await;
        }
        if context.has_acted("aws.") {
            return Ok(Observation::pending("the policies show their former state"));
        }
        Err(StepError::verification(format!(
            "role `{role}` has no attached policy of that name which allows s3:* on `{prefix}*`; attached: {}",
            attached.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ")
        ))
        .hint("`rok-deploy run` creates and attaches it"))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Permissions {
    /// The policies are somebody else's, so only the simulator can judge them, and where it may
    /// not be asked the proof is left to the request that follows.
    async fn simulate(&self, facts: &Facts) -> Result<Observation, StepError> {
        let role = facts.get(&ROLE_ARN)?;
        let bucket = format!(
            "arn:{}:s3:::{}",
            facts.get(&PARTITION)?,
            names::probe_bucket(&self.identity.prefix)
        );
        let objects = format!("{bucket}/*");
        let simulated = match self
            .aws
            .simulate(&role, &ACTIONS, &[&bucket, &objects])
            .await
        {
            Ok(simulated) => simulated,
            Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                return Ok(
                    Observation::satisfied("unknown: the caller may not ask the simulator").notice(
                        format!(
                            "the permissions of `{}` are proven by use only",
                            self.identity.role
                        ),
                    ),
                );
            }
            Err(error) => return Err(refused(error)),
        };
        let denied: Vec<_> = ACTIONS
            .into_iter()
            .filter(|action| {
                !simulated
                    .iter()
                    .any(|result| result.action == *action && result.allowed)
            })
            .collect();
        let observation = Observation::satisfied("the simulator allows what Rok does");
        Ok(if denied.is_empty() {
            observation
        } else {
            observation.notice(format!(
                "the simulator denies {}; it may be wrong",
                denied.join(", ")
            ))
        })
    }
}

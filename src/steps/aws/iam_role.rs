//! The IAM role that the service account assumes.
//!
//! A role is updated in place and never made anew: others may trust its unique id.

use async_trait::async_trait;

use super::caller::{ACCOUNT, PARTITION};
use super::cluster::ISSUER;
use super::ownership::Ownership;
use super::policy::{Admission, is_same, parse, pretty};
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, NewRole};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// The role's ARN, for templates and for the service account.
pub const ROLE_ARN: FactKey<String> = FactKey::new("aws.role-arn");

/// Creates the role, or brings its trust up to date.
pub struct IamRole {
    /// The account.
    pub aws: Aws,
    /// The role's name.
    pub name: String,
    /// `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
    /// Our tags.
    pub ownership: Ownership,
}

#[async_trait]
impl Step for IamRole {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![ACCOUNT.name(), PARTITION.name(), ISSUER.name()],
            gives: vec![ROLE_ARN.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.iam-role",
                "IAM role for the service account",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let admission = admission(facts, &self.subject)?;
        let intended = admission.trust_policy();
        let Some(role) = self.aws.role(&self.name).await.map_err(refused)? else {
            let create = Change::new(Verb::Create, "role", &self.name).after(pretty(&intended));
            let (partition, account) = (facts.get(&PARTITION)?, facts.get(&ACCOUNT)?);
            return Ok(Observation::differs(vec![create])
                .notice(format!("only {} may assume it", admission.in_words()))
                .with(
                    &ROLE_ARN,
                    &format!("arn:{partition}:iam::{account}:role/{}", self.name),
                ));
        };
        let found = parse(&role.trust_policy);
        let changes = if is_same(&found, &intended) {
            Vec::new()
        } else {
            vec![
                Change::new(Verb::Update, "role trust policy", &self.name)
                    .before(pretty(&found))
                    .after(pretty(&intended)),
            ]
        };
        if !self.ownership.is_ours(&role.tags) {
            return Ok(self
                .ownership
                .conflict("role", &self.name, &role.tags, changes));
        }
        let note = format!("trusts only {}, tags are ours", admission.in_words());
        Ok(Observation::of_changes(changes, note).with(&ROLE_ARN, &role.arn))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let trust = admission(facts, &self.subject)?.trust_policy().to_string();
        if self.aws.role(&self.name).await.map_err(refused)?.is_some() {
            return self
                .aws
                .update_trust_policy(&self.name, &trust)
                .await
                .map_err(not_there_yet);
        }
        let role = NewRole {
            name: self.name.clone(),
            path: "/".into(),
            trust_policy: trust,
            permissions_boundary: None,
            description: Some("Gives Rok access to its S3 buckets".into()),
            tags: self.ownership.tags(&context.run),
        };
        self.aws.create_role(role).await.map_err(refused)?;
        Ok(())
    }
}

/// Returns who is to be let in.
pub(super) fn admission(facts: &Facts, subject: &str) -> Result<Admission, StepError> {
    let (partition, account, issuer) = (
        facts.get(&PARTITION)?,
        facts.get(&ACCOUNT)?,
        facts.get(&ISSUER)?,
    );
    Ok(Admission {
        provider: format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}"),
        issuer,
        subject: subject.to_owned(),
    })
}

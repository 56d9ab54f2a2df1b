//! The IAM role that the service account assumes.
//!
//! A role is updated in place and never made anew: others may trust its unique id.

use async_trait::async_trait;

use super::identity::Identity;
use super::policy::{is_same, parse, pretty};
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
    /// What it is part of.
    pub identity: Identity,
}

#[async_trait]
impl Step for IamRole {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
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
        let grant = self.identity.grant(facts)?;
        let (admission, intended) = (grant.admission(), grant.trust_policy());
        let Identity {
            role: name,
            ownership,
            ..
        } = &self.identity;
        let Some(role) = self.aws.role(name).await.map_err(refused)? else {
            let create = Change::new(Verb::Create, "role", name).after(pretty(&intended));
            return Ok(Observation::differs(vec![create])
                .notice(format!("only {} may assume it", admission.in_words()))
                .with(&ROLE_ARN, &grant.role_arn()));
        };
        let found = parse(&role.trust_policy);
        let changes = if is_same(&found, &intended) {
            Vec::new()
        } else {
            vec![
                Change::new(Verb::Update, "role trust policy", name)
                    .before(pretty(&found))
                    .after(pretty(&intended)),
            ]
        };
        if !ownership.is_ours(&role.tags) {
            return Ok(ownership.conflict("role", name, &role.tags, changes));
        }
        let note = format!("trusts only {}, tags are ours", admission.in_words());
        Ok(Observation::of_changes(changes, note).with(&ROLE_ARN, &role.arn))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let trust = self.identity.grant(facts)?.trust_policy().to_string();
        let identity = &self.identity;
        let role = self.aws.role(&identity.role).await.map_err(refused)?;
        if role.is_some() {
            return self
                .aws
                .update_trust_policy(&identity.role, &trust)
                .await
                .map_err(not_there_yet);
        }
        let role = NewRole {
            name: identity.role.clone(),
            path: identity.path.clone(),
            trust_policy: trust,
            permissions_boundary: identity.boundary.clone(),
            description: Some(identity.role_description().into()),
            tags: identity.ownership.tags(&context.run),
        };
        self.aws.create_role(role).await.map_err(refused)?;
        Ok(())
    }
}

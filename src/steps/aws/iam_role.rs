//! The IAM role that the service account assumes.
//!
//! A role is updated in place and never made anew: others may trust its unique id. Statements of
//! others in its trust policy stay as they are.

use async_trait::async_trait;

use super::adoption::{Decisions, Object};
use super::found_role::{Bounding, FoundRole};
use super::identity::{Grant, Identity};
use super::in_the_way::{InTheWay, gone};
use super::policy::pretty;
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, NewRole, Role};
use crate::engine::{
    Change, Context, ErrorKind, FactKey, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb,
};
use crate::steps::ownership::Ownership;

/// The role's ARN, for templates and for the service account.
pub const ROLE_ARN: FactKey<String> = FactKey::new("aws.role-arn");

/// The decision about the role that followed from a hand-off, as `aws_adopt` would say it; empty
/// when there was none to make.
pub const ROLE_ADOPTED: FactKey<String> = FactKey::new("aws.iam-role.adopted");

/// Creates the role, or brings trust and boundary up to date.
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
            gives: vec![ROLE_ARN.name(), ROLE_ADOPTED.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.iam-role",
                "IAM role for the service account",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let grant = self.identity.grant(facts)?;
        let name = &self.identity.role;
        let Some(role) = self.aws.role(name).await.map_err(refused)? else {
            return Ok(self.absent(&grant).with(&ROLE_ADOPTED, &String::new()));
        };
        let found = FoundRole::new(&role, &grant);
        let observation = if let Some(accepted) = self.identity.adopt.kept(Object::Role) {
            let now = found.digest(&self.aws).await?;
            if now == accepted {
                as_it_is(&found, &role)
            } else {
                self.in_the_way(&found, &role, Some(now))
            }
        } else if context.handed_off && Ownership::is_unmarked(&role.tags) && found.is_exact() {
            let digest = found.digest(&self.aws).await?;
            let decision = Decisions::keeping(Object::Role, &digest).value;
            let note = "exactly as it was handed off, so it is used as it is";
            return Ok(Observation::satisfied(note)
                .with(&ROLE_ARN, &role.arn)
                .with(&ROLE_ADOPTED, &decision));
        } else if self.may_change(&role) && !self.is_stuck(&found) {
            found.check_size()?;
            self.compared(&found, &role, &grant)
        } else {
            let digest = found.digest_if_allowed(&self.aws).await?;
            self.in_the_way(&found, &role, digest)
        };
        Ok(observation
            .with(&ROLE_ARN, &role.arn)
            .with(&ROLE_ADOPTED, &String::new()))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let grant = self.identity.grant(facts)?;
        let name = &self.identity.role;
        let Some(role) = self.aws.role(name).await.map_err(refused)? else {
            return self.create(&grant, context).await;
        };
        let found = FoundRole::new(&role, &grant);
        if !self.may_change(&role) || self.is_stuck(&found) {
            let text = format!("role `{name}` was made or changed by somebody else meanwhile");
            return Err(StepError::new(ErrorKind::Conflict, text).retryable());
        }
        if let Some(trust) = found.new_trust() {
            let trust = trust.to_string();
            let update = self.aws.update_trust_policy(name, &trust);
            update.await.map_err(not_there_yet)?;
        }
        match found.bounding() {
            Some(Bounding::By(arn)) => self.aws.put_permissions_boundary(name, arn).await,
            Some(Bounding::No) => self.aws.delete_permissions_boundary(name).await,
            None => Ok(()),
        }
        .map_err(not_there_yet)?;
        // Last: once it carries our tags, a statement like ours counts as ours.
        if !self.identity.ownership.is_ours(&role.tags) {
            let tags = self.identity.ownership.tags(&context.run);
            self.aws
                .tag_role(name, &tags)
                .await
                .map_err(not_there_yet)?;
        }
        Ok(())
    }
}

impl IamRole {
    fn absent(&self, grant: &Grant) -> Observation {
        let Identity {
            role: name,
            path,
            boundary,
            adopt,
            ..
        } = &self.identity;
        if adopt.kept(Object::Role).is_some() {
            return gone(&self.identity, Object::Role, name).with(&ROLE_ARN, &grant.role_arn());
        }
        let mut changes =
            vec![Change::new(Verb::Create, "role", name).after(pretty(&grant.trust_policy()))];
        if let Some(arn) = boundary {
            let bounds = Change::new(Verb::Attach, "permissions boundary of role", name);
            changes.push(bounds.after(format!("{arn}\n")));
        }
        let at = if path == "/" {
            String::new()
        } else {
            format!(" at path `{path}`")
        };
        let who = grant.admission().in_words();
        Observation::differs(changes)
            .notice(format!("only {who} may assume role `{name}`{at}"))
            .with(&ROLE_ARN, &grant.role_arn())
    }

    async fn create(&self, grant: &Grant, context: &Context) -> Result<(), StepError> {
        let identity = &self.identity;
        let role = NewRole {
            name: identity.role.clone(),
            path: identity.path.clone(),
            trust_policy: grant.trust_policy().to_string(),
            permissions_boundary: identity.boundary.clone(),
            description: Some(identity.role_description().into()),
            tags: identity.ownership.tags(&context.run),
        };
        self.aws.create_role(role).await.map_err(refused)?;
        Ok(())
    }

    /// Whether the role is ours, or was given to us.
    fn may_change(&self, role: &Role) -> bool {
        let adopt = &self.identity.adopt;
        adopt.kept(Object::Role).is_none()
            && (self.identity.ownership.is_ours(&role.tags) || adopt.takes_over(Object::Role))
    }

    /// Whether it cannot become what we intend, or only by taking away what somebody has put there
    /// as a limit, which needs a word of the operator.
    fn is_stuck(&self, found: &FoundRole<'_>) -> bool {
        let unbinds = found.is_bounded_by_others() && !self.identity.adopt.takes_over(Object::Role);
        found.is_elsewhere() || found.is_denied() || unbinds
    }

    fn compared(&self, found: &FoundRole<'_>, role: &Role, grant: &Grant) -> Observation {
        let ownership = &self.identity.ownership;
        let mut changes = found.changes();
        if !ownership.is_ours(&role.tags) {
            changes.push(ownership.marking("role", &role.name, &role.tags));
        }
        let who = grant.admission().in_words();
        let only = if found.has_others() { "" } else { "only " };
        let note = format!("trusts {only}{who}, tags are ours");
        let observation = Observation::of_changes(changes, note);
        if !found.has_others() {
            return observation;
        }
        let observation = observation.notice(format!(
            "the trust policy of role `{}` lets in others too, and their statements stay as they are",
            role.name
        ));
        let others = found.others().into_iter();
        others.fold(observation, Observation::notice)
    }

    fn in_the_way(
        &self,
        found: &FoundRole<'_>,
        role: &Role,
        digest: Option<String>,
    ) -> Observation {
        let in_the_way = InTheWay {
            object: Object::Role,
            name: &role.name,
            tags: &role.tags,
            differences: found.differences(),
            changes: found.changes(),
            can_be_taken: !found.is_elsewhere() && !found.is_denied(),
            digest,
            accepting: found.accepting(),
        };
        in_the_way.conflict(&self.identity)
    }
}

/// A role that the operator has decided to use as it is.
fn as_it_is(found: &FoundRole<'_>, role: &Role) -> Observation {
    let observation = Observation::satisfied("used as it is, as it was decided");
    if found.lets_us_in() {
        return observation;
    }
    observation.notice(format!(
        "the trust policy of role `{}` does not let the service account in; it is used as it is all \
         the same",
        role.name
    ))
}

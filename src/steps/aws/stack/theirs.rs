//! A stack of others that has our name: what it holds, against what ours would.

use super::deploy::{Stage, stage};
use super::drift::Found;
use super::look::Look;
use super::parts::is_there;
use super::template::{POLICY, PROVIDER, ROLE, Template};
use crate::clients::aws::{Stack, StackResource};
use crate::engine::{Change, Choice, Observation, StepError, Verb};
use crate::steps::aws::adoption::Object;
use crate::steps::aws::found_role::FoundRole;
use crate::steps::aws::in_the_way::InTheWay;
use crate::steps::aws::refused;

impl Look<'_> {
    /// Returns the conflict about a stack of others; nothing where the operator has decided that it
    /// becomes ours, and it can.
    pub(super) async fn of_others(
        &self,
        stack: &Stack,
        found: &Found,
    ) -> Result<Option<Observation>, StepError> {
        if self.takes_over(stack).await? {
            return Ok(None);
        }
        let is_standing = stage(&stack.status) == Stage::Standing;
        let (differences, obstacles, changes) = if is_standing {
            let resources = self.resources().await?;
            let deployed = self.deployed().await?;
            let obstacles = self.obstacles(&resources, deployed.as_ref().map(|(_, known)| known));
            let mut update = Change::new(Verb::Update, "stack", self.name()).after(&self.text);
            update.before = deployed.map(|(text, _)| text);
            (self.differences(&resources, found), obstacles, vec![update])
        } else {
            let told = format!("it is {}, and is compared once it stands", stack.status);
            (Vec::new(), vec![told], Vec::new())
        };
        let can_be_taken = obstacles.is_empty();
        let in_the_way = InTheWay {
            object: Object::Stack,
            name: self.name(),
            tags: &stack.tags,
            differences: [obstacles, differences].concat(),
            changes,
            can_be_taken,
            digest: None,
            accepting: self.without_it(found),
        };
        Ok(Some(in_the_way.conflict(&self.step.identity)))
    }

    /// Whether a stack of others becomes ours, or will once it stands.
    pub(super) async fn takes_over(&self, stack: &Stack) -> Result<bool, StepError> {
        if !self.step.identity.adopt.takes_over(Object::Stack) {
            return Ok(false);
        }
        match stage(&stack.status) {
            Stage::UnderWay => Ok(true),
            Stage::Standing => {
                let (resources, deployed) =
                    futures::future::try_join(self.resources(), self.deployed()).await?;
                let deployed = deployed.as_ref().map(|(_, known)| known);
                Ok(self.obstacles(&resources, deployed).is_empty())
            }
            Stage::Review | Stage::Dead | Stage::Stuck => Ok(false),
        }
    }

    pub(super) async fn resources(&self) -> Result<Vec<StackResource>, StepError> {
        let resources = self.aws().stack_resources(self.name()).await;
        Ok(resources.map_err(refused)?.unwrap_or_default())
    }

    /// Why an update cannot make it ours without losing something, a sentence each.
    fn obstacles(&self, resources: &[StackResource], deployed: Option<&Template>) -> Vec<String> {
        let Some(deployed) = deployed else {
            return vec!["its template cannot be read".into()];
        };
        let ours = self.intended.resources();
        let obstacle = |resource: &StackResource| {
            let (name, kind) = (&resource.logical_id, resource.kind.as_str());
            let physical = resource.physical_id.as_deref().unwrap_or("not known");
            if self.is_of_the_identity(kind, physical) {
                let expected = ours.iter().find(|(_, ours)| **ours == kind)?.0;
                return (name != expected).then(|| {
                    format!(
                        "it calls the {} `{name}` where our template says `{expected}`: an update \
                         would make a second one",
                        word(kind)
                    )
                });
            }
            Some(format!(
                "it holds `{name}` ({kind} `{physical}`) too, which an update to our template would \
                 delete"
            ))
        };
        let held = resources.iter().filter(|resource| is_there(resource));
        let path = |template: &Template, kind| {
            let properties = template.properties(kind)?;
            Some(properties["Path"].as_str().unwrap_or("/").to_owned())
        };
        let moved = [ROLE, POLICY].into_iter().filter_map(|kind| {
            let (found, expected) = (path(deployed, kind)?, path(&self.intended, kind)?);
            (found != expected).then(|| {
                format!(
                    "path of the {}: found `{found}`, expected `{expected}`; it cannot be changed",
                    word(kind)
                )
            })
        });
        held.filter_map(obstacle).chain(moved).collect()
    }

    /// How the identity that it holds differs from ours, a sentence each.
    fn differences(&self, resources: &[StackResource], found: &Found) -> Vec<String> {
        let holds = |kind: &str| {
            let mut held = resources.iter().filter(|resource| is_there(resource));
            held.any(|resource| {
                let physical = resource.physical_id.as_deref();
                resource.kind == kind
                    && physical.is_some_and(|physical| self.is_of_the_identity(kind, physical))
            })
        };
        let lacking = self.intended.resources().into_values();
        let mut words: Vec<String> = lacking
            .filter(|kind| !holds(kind))
            .map(|kind| format!("it holds no {}", word(kind)))
            .collect();
        if holds(ROLE)
            && let Some(role) = &found.role
        {
            words.extend(FoundRole::new(role, &self.grant).differences());
        }
        if holds(POLICY) {
            let differences = found.permissions_differ_from(&self.grant);
            words.extend(
                differences
                    .into_iter()
                    .map(|words| format!("permissions: {words}")),
            );
        }
        words
    }

    /// Whether a resource is the very object that ours would be.
    fn is_of_the_identity(&self, kind: &str, physical: &str) -> bool {
        match kind {
            ROLE => physical == self.grant.identity.role,
            POLICY => physical == self.grant.policy_arn(),
            PROVIDER => physical == self.grant.provider_arn(),
            _ => false,
        }
    }

    /// Answers under which nothing is asked of a stack.
    fn without_it(&self, found: &Found) -> Vec<Choice> {
        let role = found.role.as_ref();
        let lets_us_in = role.is_some_and(|role| FoundRole::new(role, &self.grant).lets_us_in());
        let method = |value, label| Choice::new("aws_identity_method", value, label);
        if lets_us_in {
            vec![method(
                "existing",
                "uses the role as it is, and leaves role and stack to whom they belong",
            )]
        } else {
            vec![method("iam", "makes the identity without a stack")]
        }
    }
}

fn word(kind: &str) -> &str {
    match kind {
        ROLE => "role",
        POLICY => "policy",
        PROVIDER => "OIDC provider",
        other => other,
    }
}

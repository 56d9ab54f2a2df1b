//! The CloudFormation stack: which resources it makes, and its text.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::Standing;
use crate::clients::aws::{Aws, AwsErrorKind};
use crate::clients::templates::Renderer;
use crate::engine::StepError;
use crate::steps::aws::{Identity, refused};
use crate::steps::gitops::Repository;
use crate::steps::handoff::Part;

const PROVIDER: &str = "AWS::IAM::OIDCProvider";
const ROLE: &str = "AWS::IAM::Role";
const POLICY: &str = "AWS::IAM::ManagedPolicy";

/// A template of the stack.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// Its path in a clone.
    pub path: &'static str,
    /// Our own text.
    pub ours: &'a str,
}

/// Why no stack makes what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStack {
    /// CloudFormation changes only what it has made itself.
    #[error("CloudFormation does not change what it has not made")]
    NotItsOwn,
    /// The name of the stack is somebody else's.
    #[error("stack `{0}` exists and is not of this installation; it must not be changed")]
    Taken(String),
    /// It failed when it was made, and CloudFormation changes no such stack.
    #[error(
        "stack `{0}` failed and takes no template until it is deleted: `aws cloudformation \
         delete-stack --stack-name {0}`"
    )]
    Failed(String),
}

/// What a stack makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    provider: bool,
    role: bool,
    policy: bool,
}

impl Resources {
    /// Returns what the stack of this identity holds already.
    ///
    /// # Errors
    ///
    /// Inside, when it is somebody else's, or can take no template.
    pub async fn held(aws: &Aws, identity: &Identity) -> Result<Result<Self, NoStack>, StepError> {
        let name = &identity.stack;
        let nothing = Ok(Ok(Self::default()));
        let stack = match aws.stack(name).await {
            Ok(Some(stack)) => stack,
            Ok(None) => return nothing,
            // Whoever deploys it will be told.
            Err(error) if error.kind == AwsErrorKind::AccessDenied => return nothing,
            Err(error) => return Err(refused(error)),
        };
        let found = match aws.stack_resources(name).await {
            Ok(found) => found.unwrap_or_default(),
            Err(error) if error.kind == AwsErrorKind::AccessDenied => Vec::new(),
            Err(error) => return Err(refused(error)),
        };
        let holds = |kind: &str| {
            found.iter().any(|resource| {
                resource.kind == kind
                    && resource.physical_id.is_some()
                    && resource.status != "DELETE_COMPLETE"
            })
        };
        let is_our_role = found.iter().any(|resource| {
            resource.kind == ROLE && resource.physical_id.as_deref() == Some(&identity.role)
        });
        if !found.is_empty() && !is_our_role && !identity.ownership.is_ours(&stack.tags) {
            return Ok(Err(NoStack::Taken(name.clone())));
        }
        if ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"].contains(&stack.status.as_str()) {
            return Ok(Err(NoStack::Failed(name.clone())));
        }
        Ok(Ok(Self {
            provider: holds(PROVIDER),
            role: holds(ROLE),
            policy: holds(POLICY),
        }))
    }

    /// Returns what a stack has to make that holds this already: what it holds and no longer makes,
    /// it would delete.
    ///
    /// # Errors
    ///
    /// When a stack cannot make all that is missing.
    pub fn missing(standing: &Standing, held: Self) -> Result<Self, NoStack> {
        let Standing {
            provider,
            policy,
            role,
            attachment,
        } = *standing;
        let is_made = |part| matches!(part, Part::Missing | Part::Unknown);
        let makes = Self {
            provider: provider == Part::Missing,
            role: is_made(role),
            policy: is_made(policy),
        };
        let outdated = [provider, policy, role].contains(&Part::Outdated);
        let attaches = makes.role || makes.policy || attachment == Part::There;
        let any = makes.provider || makes.role || makes.policy;
        if !any || !attaches || outdated {
            return Err(NoStack::NotItsOwn);
        }
        Ok(Self {
            provider: makes.provider || held.provider,
            role: makes.role || held.role,
            policy: makes.policy || held.policy,
        })
    }

    /// Returns all that belongs to the identity alone, and the provider where it is missing.
    pub fn whole(standing: &Standing, held: Self) -> Self {
        Self {
            provider: standing.provider == Part::Missing || held.provider,
            role: true,
            policy: true,
        }
    }

    /// Returns the stack of these resources. The clone's template wins over ours, unless it is an
    /// older one that always makes the same.
    ///
    /// # Errors
    ///
    /// When a template cannot be read or rendered.
    pub async fn stack(
        self,
        clone: Option<&Repository>,
        template: Template<'_>,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, StepError> {
        let mut variables = variables.clone();
        for (name, makes) in [
            ("STACK_OIDC_PROVIDER", self.provider),
            ("STACK_ROLE", self.role),
            ("STACK_POLICY", self.policy),
        ] {
            let word = if makes { "yes" } else { "no" };
            variables.insert(name.into(), word.into());
        }
        if let Some(clone) = clone {
            let text = render(
                template.path,
                &clone.template(template.path).await?,
                &variables,
            )?;
            if self.are_those_of(&text) {
                return Ok(text);
            }
        }
        render(template.path, template.ours, &variables)
    }

    /// Whether the stack makes these and no others of their types.
    fn are_those_of(self, stack: &str) -> bool {
        let Ok(document) = serde_yaml::from_str::<Value>(stack) else {
            return false;
        };
        let makes = |wanted: &str| {
            let resources = document["Resources"].as_mapping();
            resources.is_some_and(|resources| resources.values().any(|one| one["Type"] == *wanted))
        };
        makes(PROVIDER) == self.provider && makes(ROLE) == self.role && makes(POLICY) == self.policy
    }
}

fn render(
    name: &str,
    template: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, StepError> {
    Renderer::new()
        .render(name, template, variables)
        .map_err(|error| StepError::answers(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Resources = Resources {
        provider: false,
        role: false,
        policy: false,
    };

    fn standing(provider: Part, policy: Part, role: Part, attachment: Part) -> Standing {
        Standing {
            provider,
            policy,
            role,
            attachment,
        }
    }

    #[test]
    fn a_stack_makes_what_is_missing_and_keeps_what_it_holds() {
        use Part::{Missing, There, Unknown};
        let made = |standing: Standing, held| Resources::missing(&standing, held);
        let of = |provider, role, policy| Resources {
            provider,
            role,
            policy,
        };
        let all = standing(Missing, Missing, Missing, Missing);
        assert_eq!(made(all, NOTHING), Ok(of(true, true, true)));
        let no_policy = standing(There, Missing, There, Missing);
        assert_eq!(made(no_policy, NOTHING), Ok(of(false, false, true)));
        assert_eq!(
            made(no_policy, of(true, true, true)),
            Ok(of(true, true, true)),
            "an update without them would delete them"
        );
        let unseen = standing(Unknown, Unknown, Unknown, Unknown);
        assert_eq!(made(unseen, NOTHING), Ok(of(false, true, true)));
    }

    #[test]
    fn a_stack_neither_changes_nor_attaches_what_it_has_not_made() {
        use Part::{Missing, Outdated, There};
        for standing in [
            standing(There, There, There, Missing),
            standing(Missing, There, There, Missing),
            standing(Missing, Outdated, There, There),
            standing(There, There, Outdated, There),
        ] {
            assert_eq!(
                Resources::missing(&standing, NOTHING),
                Err(NoStack::NotItsOwn),
                "{standing:?}"
            );
        }
    }
}

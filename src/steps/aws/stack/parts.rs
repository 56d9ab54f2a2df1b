//! What the stack is to hold: what the account lacks, and what the stack holds already.
//!
//! This decides what is rendered and committed, so it has to be the same before the stack is made,
//! while it is, and ever after.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::template::{POLICY, PROVIDER, ROLE};
use crate::clients::aws::{Aws, StackResource};
use crate::engine::{Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::aws::iam_policy::IamPolicy;
use crate::steps::aws::identity::Identity;
use crate::steps::aws::refused;

/// What the stack is to hold.
pub const STACK_PARTS: FactKey<StackParts> = FactKey::new("aws.stack-parts");

/// What a stack is to hold, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackParts {
    /// The OIDC provider.
    pub provider: bool,
    /// The role.
    pub role: bool,
    /// The policy.
    pub policy: bool,
    /// The description that the stack's policy has. It cannot be changed, and a template with
    /// another one would ask for another policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_description: Option<String>,
}

impl StackParts {
    /// Whether there is nothing for a stack to hold.
    pub fn is_empty(&self) -> bool {
        !self.provider && !self.role && !self.policy
    }

    /// Returns the switches of the template. What is usual needs none, so that a template without
    /// them is rendered as ever. `described` is how the template describes a policy.
    pub fn switches(&self, described: &str) -> Vec<(&'static str, String)> {
        let mut switches = Vec::new();
        if self.is_empty() {
            return switches;
        }
        if self.provider {
            switches.push(("STACK_OIDC_PROVIDER", "yes".to_owned()));
        }
        if !self.role {
            switches.push(("STACK_ROLE", "no".to_owned()));
        }
        if !self.policy {
            switches.push(("STACK_POLICY", "no".to_owned()));
        }
        let other = self.policy_description.as_ref();
        if let Some(other) = other.filter(|other| *other != described) {
            switches.push(("STACK_POLICY_DESCRIPTION", other.clone()));
        }
        switches
    }

    fn in_words(&self) -> String {
        let parts = [
            (self.provider, "OIDC provider"),
            (self.role, "role"),
            (self.policy, "policy"),
        ];
        let names: Vec<_> = parts
            .into_iter()
            .filter_map(|(part, name)| part.then_some(name))
            .collect();
        if names.is_empty() {
            return "everything exists already, and no stack is needed".into();
        }
        format!("the stack holds {}", names.join(", "))
    }
}

/// Finds out what the stack is to hold.
pub struct FindStackParts {
    /// The account.
    pub aws: Aws,
    /// What the stack is for.
    pub identity: Identity,
}

#[async_trait]
impl Step for FindStackParts {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            gives: vec![STACK_PARTS.name()],
            ..StepMeta::new(
                "aws.stack-parts",
                "What the stack is to hold",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let grant = self.identity.grant(facts)?;
        let Identity {
            role: name,
            stack,
            ownership,
            ..
        } = &self.identity;
        let (provider_arn, policy_arn) = (grant.provider_arn(), grant.policy_arn());
        let (resources, provider, role, policy) = tokio::try_join!(
            self.aws.stack_resources(stack),
            self.aws.oidc_provider(&provider_arn),
            self.aws.role(name),
            self.aws.policy(&policy_arn),
        )
        .map_err(refused)?;
        let resources = resources.unwrap_or_default();
        let holds = |kind, physical: &str| holds(&resources, kind, physical);
        // What is there and not ours stays in the template: the stack's own step says so and stops.
        let is_role_elsewhere =
            !holds(ROLE, name) && role.is_some_and(|role| ownership.is_ours(&role.tags));
        let holds_policy = holds(POLICY, &policy_arn);
        let is_policy_elsewhere = match &policy {
            Some(policy) if !holds_policy => {
                ownership.is_ours(&policy.tags) || self.is_on_our_role(&policy_arn).await?
            }
            _ => false,
        };
        let parts = StackParts {
            provider: provider.is_none() || holds(PROVIDER, &provider_arn),
            role: !is_role_elsewhere,
            policy: !is_policy_elsewhere,
            policy_description: policy
                .filter(|_| holds_policy)
                .and_then(|policy| policy.description),
        };
        Ok(Observation::satisfied(parts.in_words()).with(&STACK_PARTS, &parts))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl FindStackParts {
    async fn is_on_our_role(&self, arn: &str) -> Result<bool, StepError> {
        let policy = IamPolicy {
            aws: self.aws.clone(),
            identity: self.identity.clone(),
        };
        policy.is_on_our_role(arn).await
    }
}

/// Whether a stack holds this resource, or is about to make one of its type.
pub(super) fn holds(resources: &[StackResource], kind: &str, physical: &str) -> bool {
    resources.iter().any(|resource| {
        resource.kind == kind
            && is_there(resource)
            && resource
                .physical_id
                .as_deref()
                .is_none_or(|known| known == physical)
    })
}

/// Whether a resource of a stack exists, or is about to.
pub(super) fn is_there(resource: &StackResource) -> bool {
    const NOT_THERE: [&str; 3] = ["CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"];
    !NOT_THERE.contains(&resource.status.as_str())
}

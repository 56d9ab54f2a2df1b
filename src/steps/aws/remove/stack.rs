//! Deletes the CloudFormation stack that the identity came with. What it owns goes with it, or
//! stays with it: an object is never taken out of a stack.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Found, Removal, denied, stays};
use crate::clients::aws::{AwsErrorKind, Stack, StackResource};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
    lines,
};
use crate::steps::aws::stack::story::failure;
use crate::steps::aws::stack::template::{POLICY, PROVIDER, ROLE};
use crate::steps::aws::{Identity, Ownership};

/// What becomes of what a stack owns.
pub(super) const STACK: FactKey<Owned> = FactKey::new("aws.remove-stack.owned");

/// How many events are looked through for a cause.
const EVENTS: usize = 200;
/// A stack that has a change set and nothing else.
const REVIEW: &str = "REVIEW_IN_PROGRESS";
/// The tag by which IAM shows that an object belongs to a stack.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// What a stack owns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owned {
    /// The stack's name.
    stack: String,
    /// Names and ARNs.
    objects: BTreeSet<String>,
    /// Whether they go with the stack.
    goes: bool,
}

/// Returns what to say of an object that belongs to a stack: it goes with it or stays with it.
pub(super) fn in_stack(
    facts: &Facts,
    what: &str,
    id: &str,
) -> Result<Option<Observation>, StepError> {
    let owned = facts.get(&STACK)?;
    if !owned.objects.contains(id) {
        return Ok(None);
    }
    let stack = owned.stack;
    Ok(Some(if owned.goes {
        Observation::satisfied(format!("goes with stack `{stack}`"))
    } else {
        stays(what, &format!("it belongs to stack `{stack}`, which stays"))
    }))
}

/// Deletes the stack.
pub struct RemoveStack {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveStack {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            gives: vec![STACK.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.remove-stack",
                "CloudFormation stack is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let Removal { aws, identity } = &self.removal;
        let name = &identity.stack;
        let nothing = |note: String| Observation::satisfied(note).with(&STACK, &Owned::default());
        let stack = match aws.stack(name).await {
            Ok(Some(stack)) => stack,
            Ok(None) => return Ok(nothing("not there".into())),
            Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                // Without a stack nobody needs the right to look at one.
                let Found::Ours(role) = self.removal.role().await? else {
                    return Ok(nothing("unknown".into()));
                };
                if role.tags.contains_key(STACK_TAG) {
                    return Err(denied(error));
                }
                return Ok(nothing("unknown, and the role belongs to none".into()));
            }
            Err(error) => return Err(denied(error)),
        };
        let resources = aws.stack_resources(name).await.map_err(denied)?;
        let resources = resources.unwrap_or_default();
        let mut owned = Owned {
            stack: name.clone(),
            objects: ids(&resources),
            goes: true,
        };
        if stack.status == "DELETE_IN_PROGRESS" {
            let pending = format!("stack `{name}` is being deleted");
            return Ok(Observation::pending(pending).with(&STACK, &owned));
        }
        let what = format!("stack `{name}`");
        if let Some(why) = self.kept(&stack, &resources, facts).await? {
            owned.goes = false;
            return Ok(stays(&what, &why).with(&STACK, &owned));
        }
        if stack.status.ends_with("_IN_PROGRESS") && stack.status != REVIEW {
            let pending = format!("stack `{name}` is {}", stack.status);
            return Ok(Observation::pending(pending).with(&STACK, &owned));
        }
        let acted = context.has_acted("aws.remove-stack") && !context.planning;
        if stack.status == "DELETE_FAILED" && acted {
            let events = aws.stack_events(name, EVENTS).await.map_err(denied)?;
            let failure = failure(name, &stack.status, &events);
            return Err(failure.hint("remove what the cause names, then `rok-deploy resume`"));
        }
        let delete = Change::new(Verb::Delete, "stack", name).before(lines(&owned.objects));
        Ok(Observation::differs(vec![delete]).with(&STACK, &owned))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Removal { aws, identity } = &self.removal;
        aws.delete_stack(&identity.stack).await.map_err(denied)
    }
}

impl RemoveStack {
    /// Why the stack is not to be deleted, if so: it is not ours, or others use what it owns.
    async fn kept(
        &self,
        stack: &Stack,
        resources: &[StackResource],
        facts: &Facts,
    ) -> Result<Option<String>, StepError> {
        let removal = &self.removal;
        let identity = &removal.identity;
        let holds = |kind: &str, id: &str| holds(resources, kind, id);
        let has_role = holds(ROLE, &identity.role) && removal.role().await?.is_ours();
        if !self.is_ours(stack, has_role, facts, &holds).await? {
            return Ok(Some(match Ownership::cluster_of(&stack.tags) {
                Some(cluster) => format!("its tags name cluster `{cluster}`"),
                None => "neither it nor what it holds carries our tags".into(),
            }));
        }
        if has_role {
            let others = removal.others_on_role(facts, true).await?;
            if !others.is_empty() {
                let role = &identity.role;
                let others = others.join(", ");
                return Ok(Some(format!("not ours on its role `{role}`: {others}")));
            }
        }
        for resource in resources {
            let Some(id) = resource.physical_id.as_deref() else {
                continue;
            };
            let others = match resource.kind.as_str() {
                POLICY => removal.others_with_policy(id).await?,
                PROVIDER => removal.others_trusting(id, true).await?,
                _ => Vec::new(),
            };
            if !others.is_empty() {
                return Ok(Some(format!(
                    "others use its `{id}`: {}",
                    others.join(", ")
                )));
            }
        }
        Ok(None)
    }

    /// Whether a stack is ours: by its tags or, where somebody deployed our template by hand, by
    /// those that the template gives; before it holds anything, by those it would have.
    async fn is_ours(
        &self,
        stack: &Stack,
        has_role: bool,
        facts: &Facts,
        holds: &impl Fn(&str, &str) -> bool,
    ) -> Result<bool, StepError> {
        let Removal { aws, identity } = &self.removal;
        let ownership = &identity.ownership;
        if !Ownership::is_unmarked(&stack.tags) {
            return Ok(ownership.is_ours(&stack.tags));
        }
        if stack.status == REVIEW {
            for set in aws.change_sets(&stack.name).await.map_err(denied)? {
                let set = aws.change_set(&stack.name, &set).await.map_err(denied)?;
                if set.is_some_and(|set| ownership.is_ours(&set.tags)) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let provider = self.removal.grant(facts)?.provider_arn();
        if has_role || !holds(PROVIDER, &provider) {
            return Ok(has_role);
        }
        let provider = aws.oidc_provider(&provider).await.map_err(denied)?;
        Ok(provider.is_some_and(|provider| ownership.is_ours(&provider.tags)))
    }
}

fn ids(resources: &[StackResource]) -> BTreeSet<String> {
    let ids = resources
        .iter()
        .map(|resource| resource.physical_id.clone());
    ids.flatten().collect()
}

fn holds(resources: &[StackResource], kind: &str, id: &str) -> bool {
    let is = |resource: &StackResource| {
        resource.kind == kind && resource.physical_id.as_deref() == Some(id)
    };
    resources.iter().any(is)
}

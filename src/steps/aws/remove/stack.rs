//! Deletes the CloudFormation stack that the identity came with. What it owns goes with it, or
//! stays with it: an object is never taken out of a stack.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Found, Removal, denied, stays};
use crate::clients::aws::{AwsErrorKind, Stack, StackEvent, StackResource};
use crate::engine::{
    Change, Context, ErrorKind, FactKey, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb, lines,
};
use crate::steps::aws::{Identity, Ownership};

/// What becomes of what a stack owns.
pub(super) const STACK: FactKey<Owned> = FactKey::new("aws.remove-stack.owned");

/// How many events are looked through for a cause.
const EVENTS: usize = 200;
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

impl Removal {
    /// Returns what to say of an object that belongs to a stack: it goes with it or stays with it.
    pub(super) fn in_stack(
        &self,
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
        if stack.status.ends_with("_IN_PROGRESS") {
            let pending = format!("stack `{name}` is {}", stack.status);
            return Ok(Observation::pending(pending).with(&STACK, &owned));
        }
        let acted = context.has_acted("aws.remove-stack") && !context.planning;
        if stack.status == "DELETE_FAILED" && acted {
            return Err(self.failed().await?);
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
        let owns = |kind: &str, id: &str| {
            let is = |resource: &StackResource| {
                resource.kind == kind && resource.physical_id.as_deref() == Some(id)
            };
            resources.iter().any(is)
        };
        let has_role = owns("AWS::IAM::Role", &identity.role);
        if !identity.ownership.is_ours(&stack.tags) {
            // One that an administrator has made of our template is ours by its role.
            let by_role =
                Ownership::is_unmarked(&stack.tags) && has_role && removal.role().await?.is_ours();
            if !by_role {
                return Ok(Some(match Ownership::cluster_of(&stack.tags) {
                    Some(cluster) => format!("its tags name cluster `{cluster}`"),
                    None => "neither it nor a role of it carries our tags".into(),
                }));
            }
        }
        if has_role && removal.role().await?.is_ours() {
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
                "AWS::IAM::ManagedPolicy" => removal.others_with_policy(id).await?,
                "AWS::IAM::OIDCProvider" => removal.others_trusting(id, true).await?,
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

    /// Names what kept the stack from being deleted: the first failure since the deletion began.
    async fn failed(&self) -> Result<StepError, StepError> {
        let Removal { aws, identity } = &self.removal;
        let name = &identity.stack;
        let events = aws.stack_events(name, EVENTS).await.map_err(denied)?;
        let cause = root_cause(&events, name).map_or_else(
            || "its events name no cause".to_owned(),
            |event| {
                let reason = event.reason.as_deref().unwrap_or("no reason is given");
                format!("{} `{}`: {reason}", event.kind, event.logical_id)
            },
        );
        let text = format!("stack `{name}` was not deleted: {cause}");
        Ok(StepError::new(ErrorKind::Failed, text)
            .hint("remove what the cause names, then `rok-deploy resume`"))
    }
}

fn ids(resources: &[StackResource]) -> BTreeSet<String> {
    let ids = resources
        .iter()
        .map(|resource| resource.physical_id.clone());
    ids.flatten().collect()
}

/// Returns the first failure of the newest deletion; `events` come newest first.
fn root_cause<'a>(events: &'a [StackEvent], stack: &str) -> Option<&'a StackEvent> {
    let began =
        |event: &&StackEvent| event.logical_id == stack && event.status == "DELETE_IN_PROGRESS";
    let newest = events.iter().take_while(|event| !began(event));
    newest
        .filter(|event| event.status == "DELETE_FAILED" && event.logical_id != stack)
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: &str) -> StackEvent {
        StackEvent {
            id: String::new(),
            at: None,
            logical_id: logical_id.into(),
            kind: "AWS::IAM::Role".into(),
            status: status.into(),
            reason: Some(reason.into()),
        }
    }

    #[test]
    fn the_cause_is_the_first_failure_of_the_newest_deletion() {
        let events = [
            event("rok", "DELETE_FAILED", "some resources failed"),
            event("Policy", "DELETE_FAILED", "cancelled"),
            event("Role", "DELETE_FAILED", "must detach all policies first"),
            event("rok", "DELETE_IN_PROGRESS", "user"),
            event("Role", "DELETE_FAILED", "an older one"),
            event("rok", "DELETE_IN_PROGRESS", "user"),
        ];
        let cause = root_cause(&events, "rok").and_then(|event| event.reason.as_deref());
        assert_eq!(cause, Some("must detach all policies first"));
        assert_eq!(root_cause(&events[3..4], "rok"), None);
    }
}

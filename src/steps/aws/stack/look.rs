//! A look at the stack: how far it is, whose it is, what is to be done with it.

use std::collections::BTreeMap;

use super::deploy::{Attempt, DeployStack, STACK_TEMPLATE, Stage, stage};
use super::drift::Found;
use super::make::PREFIX;
use super::parts::{STACK_PARTS, StackParts, holds};
use super::story::{failure, newest, root_cause};
use super::template::{POLICY, PROVIDER, ROLE, Template};
use crate::clients::aws::{Aws, Stack, StackEvent, StackResource};
use crate::engine::{Change, Choice, Facts, Observation, StepError, Verb};
use crate::steps::aws::adoption::Object;
use crate::steps::aws::iam_policy::IamPolicy;
use crate::steps::aws::identity::Grant;
use crate::steps::aws::in_the_way::InTheWay;
use crate::steps::aws::refused;
use crate::steps::ownership::Ownership;

/// How many events tell why something failed.
const EVENTS: usize = 300;

/// One look or one act.
pub(super) struct Look<'a> {
    pub(super) step: &'a DeployStack,
    pub(super) grant: Grant,
    parts: StackParts,
    pub(super) text: String,
    pub(super) intended: Template,
}

impl<'a> Look<'a> {
    pub(super) fn of(step: &'a DeployStack, facts: &Facts) -> Result<Self, StepError> {
        let grant = step.identity.grant(facts)?;
        let text = facts.get(&STACK_TEMPLATE)?;
        let intended = Template::read(&text, &grant).ok_or_else(|| {
            StepError::answers("`rok/eks/s3-iam-resources.yaml` is no CloudFormation template")
                .hint("correct it in the clone, or remove it to have it rendered anew")
        })?;
        Ok(Self {
            step,
            grant,
            parts: facts.get(&STACK_PARTS)?,
            text,
            intended,
        })
    }

    pub(super) fn aws(&self) -> &Aws {
        &self.step.aws
    }

    pub(super) fn name(&self) -> &str {
        &self.step.identity.stack
    }

    pub(super) fn ownership(&self) -> &Ownership {
        &self.step.identity.ownership
    }

    /// A template of the operator's own may not know our switches.
    pub(super) fn check_parts(&self, found: &Found) -> Result<(), StepError> {
        let missing = self.parts.provider
            && !found.has_provider()
            && self.intended.properties(PROVIDER).is_none();
        let surplus = [
            (self.parts.role, ROLE, "role"),
            (self.parts.policy, POLICY, "policy"),
        ];
        let surplus = surplus.into_iter().find(|(wanted, kind, _)| {
            !wanted && !self.parts.is_empty() && self.intended.properties(kind).is_some()
        });
        let what = match (missing, surplus) {
            (true, _) => "makes no OIDC provider, and the account has none for this cluster".into(),
            (false, Some((_, _, word))) => {
                format!("makes the {word}, which exists already and is no part of the stack")
            }
            (false, None) => return Ok(()),
        };
        Err(
            StepError::answers(format!("`rok/eks/s3-iam-resources.yaml` {what}")).hint(
                "the template in the clone is older than its switches: remove \
                 `rok/eks/s3-iam-resources.yaml.j2` there to have this version's",
            ),
        )
    }

    /// Whether a stack is ours: by its own tags or, where somebody deployed our template by hand,
    /// by those that the template gives.
    pub(super) async fn is_ours(&self, stack: &Stack) -> Result<bool, StepError> {
        if self.ownership().is_ours(&stack.tags) {
            return Ok(true);
        }
        if !Ownership::is_unmarked(&stack.tags) {
            return Ok(false);
        }
        if stage(&stack.status) == Stage::Review {
            return self.has_change_set_of_ours().await;
        }
        let deployed = self.deployed().await?;
        Ok(deployed.is_some_and(|(_, template)| self.is_marked(&template)))
    }

    fn is_marked(&self, template: &Template) -> bool {
        let mut marked = [ROLE, PROVIDER].into_iter();
        marked.any(|kind| {
            let tags = template
                .properties(kind)
                .map(|properties| &properties["Tags"]);
            let tags = tags.and_then(serde_json::Value::as_array);
            let tags = tags.into_iter().flatten().filter_map(|tag| {
                let text = |key| tag[key].as_str().map(str::to_owned);
                Some((text("Key")?, text("Value")?))
            });
            self.ownership().is_ours(&tags.collect())
        })
    }

    async fn has_change_set_of_ours(&self) -> Result<bool, StepError> {
        let sets = self.aws().change_sets(self.name()).await.map_err(refused)?;
        for set in sets.iter().filter(|name| name.starts_with(PREFIX)) {
            let set = self.aws().change_set(self.name(), set).await;
            if let Some(set) = set.map_err(refused)?
                && self.ownership().is_ours(&set.tags)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn deployed(&self) -> Result<Option<(String, Template)>, StepError> {
        let text = self.aws().stack_template(self.name()).await;
        let Some(text) = text.map_err(refused)? else {
            return Ok(None);
        };
        Ok(Template::read(&text, &self.grant).map(|template| (text, template)))
    }

    async fn events(&self) -> Result<Vec<StackEvent>, StepError> {
        let events = self.aws().stack_events(self.name(), EVENTS).await;
        events.map_err(refused)
    }

    fn create(&self) -> Change {
        Change::new(Verb::Create, "stack", self.name()).after(&self.text)
    }

    pub(super) async fn absent(&self, found: &Found) -> Result<Observation, StepError> {
        if let Some(conflict) = self.in_the_way(found, &[]).await? {
            return Ok(conflict);
        }
        if self.parts.is_empty() {
            let note = "OIDC provider, policy and role exist already, no stack holds them";
            return Ok(Observation::satisfied(note));
        }
        if self.step.attempt() == Attempt::Going {
            return Err(StepError::failed(format!(
                "stack `{}` was deleted while it was being made",
                self.name()
            )));
        }
        Ok(self.noticed(Observation::differs(vec![self.create()])))
    }

    /// Whether an object of our name exists that the stack neither holds nor may make.
    async fn in_the_way(
        &self,
        found: &Found,
        resources: &[StackResource],
    ) -> Result<Option<Observation>, StepError> {
        let (grant, name) = (&self.grant, &self.step.identity.role);
        let outside = |part: bool, kind, physical: &str| !part || !holds(resources, kind, physical);
        if let Some(role) = &found.role
            && outside(self.parts.role, ROLE, name)
            && !self.ownership().is_ours(&role.tags)
        {
            let changes = found.differs_from_grant(true, false, grant);
            return Ok(Some(self.outside(Object::Role, name, &role.tags, changes)));
        }
        if let Some(policy) = &found.policy
            && outside(self.parts.policy, POLICY, &grant.policy_arn())
            && !self.ownership().is_ours(&policy.tags)
        {
            let ours = IamPolicy {
                aws: self.aws().clone(),
                identity: self.step.identity.clone(),
            };
            if !ours.is_on_our_role(&grant.policy_arn()).await? {
                let changes = found.differs_from_grant(false, true, grant);
                return Ok(Some(self.outside(
                    Object::Policy,
                    name,
                    &policy.tags,
                    changes,
                )));
            }
        }
        // What is ours and no part of the stack cannot be changed by it.
        let (role, policy) = (!self.parts.role, !self.parts.policy);
        let mut changes = found.differs_from_grant(role, policy, grant);
        if role && policy {
            changes.extend(found.attachment(grant));
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let what = changes.iter().map(Change::sentence).collect::<Vec<_>>();
        Ok(Some(Observation::conflict(
            format!(
                "stack `{}` does not hold all of the identity, and what it does not hold differs: \
                 {}",
                self.name(),
                what.join(", ")
            ),
            changes,
            vec!["`--set aws_identity_method=iam` changes it without a stack".into()],
        )))
    }

    /// An object of others that a stack cannot take over; requests of our own can.
    fn outside(
        &self,
        object: Object,
        name: &str,
        tags: &BTreeMap<String, String>,
        changes: Vec<Change>,
    ) -> Observation {
        let differs = |change: &Change| format!("{} `{}`", change.target, change.name);
        let label = "makes the identity without a stack, which can take it over";
        let in_the_way = InTheWay {
            object,
            name,
            tags,
            differences: changes.iter().map(differs).collect(),
            changes,
            can_be_taken: false,
            digest: None,
            accepting: vec![Choice::new("aws_identity_method", "iam", label)],
        };
        in_the_way.conflict(&self.step.identity)
    }

    /// A stack that has change sets only.
    pub(super) async fn review(&self) -> Result<Observation, StepError> {
        let changes = if self.is_going_on().await? {
            vec![self.create()]
        } else {
            vec![
                Change::new(Verb::Delete, "stack", self.name())
                    .before("REVIEW_IN_PROGRESS: change sets and no resources\n"),
                self.create(),
            ]
        };
        Ok(self.noticed(Observation::differs(changes)))
    }

    /// Whether the very change set that would be made is there, and can still lead to the stack.
    pub(super) async fn is_going_on(&self) -> Result<bool, StepError> {
        let name = self.change_set_name("");
        let set = self.aws().change_set(self.name(), &name).await;
        Ok(set
            .map_err(refused)?
            .is_some_and(|set| set.status != "FAILED"))
    }

    pub(super) async fn under_way(&self, stack: &Stack) -> Result<Observation, StepError> {
        let event = newest(&self.events().await?).unwrap_or_default();
        Ok(Observation::pending(format!(
            "stack `{}` is {}; {event}",
            self.name(),
            stack.status
        )))
    }

    pub(super) async fn standing(
        &self,
        stack: &Stack,
        found: &Found,
        is_ours: bool,
    ) -> Result<Observation, StepError> {
        let rolled_back = stack.status == "UPDATE_ROLLBACK_COMPLETE";
        if rolled_back && self.step.attempt() == Attempt::Going {
            return Err(failure(self.name(), &stack.status, &self.events().await?));
        }
        let resources = self.resources().await?;
        if let Some(conflict) = self.in_the_way(found, &resources).await? {
            return Ok(conflict);
        }
        if self.parts.is_empty() {
            return Ok(Observation::satisfied(
                "OIDC provider, policy and role exist already, the stack does not hold them",
            ));
        }
        let Some((text, deployed)) = self.deployed().await? else {
            return Err(StepError::failed(format!(
                "the template of stack `{}` cannot be read",
                self.name()
            )));
        };
        let note = format!(
            "{}, template and resources equal: {}",
            stack.status,
            self.intended
                .resources()
                .into_keys()
                .collect::<Vec<_>>()
                .join(", ")
        );
        if !deployed.means(&self.intended) {
            if self.step.attempt() == Attempt::Unchanged {
                let note = "CloudFormation finds nothing to change";
                return Ok(self.noticed(Observation::satisfied(note)));
            }
            let update = Change::new(Verb::Update, "stack", self.name());
            let update = update.before(text).after(&self.text);
            let marking =
                (!is_ours).then(|| self.ownership().marking("stack", self.name(), &stack.tags));
            let changes = marking.into_iter().chain([update]).collect();
            let mut observation = self.noticed(Observation::differs(changes));
            if rolled_back && let Some(cause) = root_cause(&self.events().await?) {
                observation = observation.notice(format!(
                    "the last update was rolled back: {}",
                    cause.reason.as_deref().unwrap_or_default()
                ));
            }
            return Ok(observation);
        }
        let drift = found.differs_from(&self.intended, &self.grant);
        if !drift.is_empty() && self.step.attempt() == Attempt::Unchanged {
            return Err(StepError::failed(format!(
                "{} differs from stack `{}`, and CloudFormation does not see it",
                drift[0].name,
                self.name()
            ))
            .hint("`--set aws_identity_method=iam` mends it without the stack"));
        }
        Ok(self.noticed(Observation::of_changes(drift, note)))
    }

    pub(super) async fn dead(&self, stack: &Stack) -> Result<Observation, StepError> {
        let events = self.events().await?;
        if self.step.attempt() == Attempt::Going {
            return Err(failure(self.name(), &stack.status, &events));
        }
        let mut observation = Observation::differs(vec![
            Change::new(Verb::Delete, "stack", self.name()).before(format!("{}\n", stack.status)),
            self.create(),
        ]);
        if let Some(cause) = root_cause(&events) {
            observation = observation.notice(format!(
                "the stack failed before: {} {}",
                cause.logical_id,
                cause.reason.as_deref().unwrap_or_default()
            ));
        }
        Ok(self.noticed(observation))
    }

    pub(super) async fn stuck(&self, stack: &Stack) -> Result<StepError, StepError> {
        let name = self.name();
        let error = failure(name, &stack.status, &self.events().await?);
        Ok(error.hint(format!(
            "`aws cloudformation continue-update-rollback --stack-name {name}`, then run again"
        )))
    }

    fn noticed(&self, observation: Observation) -> Observation {
        observation
            .notice(format!(
                "only {} may assume role `{}`",
                self.grant.admission().in_words(),
                self.grant.identity.role
            ))
            .notice(format!(
                "every bucket whose name starts with `{}` belongs to this installation; share the prefix with nothing else",
                self.grant.identity.prefix
            ))
    }
}

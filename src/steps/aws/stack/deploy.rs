//! The stack: made and changed by change sets, which say what they will do before they do it.
//!
//! A stack takes a while, in states of its own; each of them is one that a killed run may have left.
//! So every look finds out how far it is, and every act does what comes next. Change sets have names
//! that follow from what they are to do, so one that was left over is found and used.

use std::sync::Mutex;

use async_trait::async_trait;

use super::drift::Found;
use super::look::Look;
use super::parts::STACK_PARTS;
use crate::clients::aws::Aws;
use crate::engine::{
    Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta,
};
use crate::steps::aws::iam_policy::POLICY_ARN;
use crate::steps::aws::iam_role::ROLE_ARN;
use crate::steps::aws::identity::Identity;
use crate::steps::aws::oidc_provider::PROVIDER_ARN;
use crate::steps::aws::refused;

/// The template that is deployed, as the clone holds it.
pub const STACK_TEMPLATE: FactKey<String> = FactKey::new("aws.stack-template.text");

/// Makes the stack, or brings it up to date.
pub struct DeployStack {
    pub(super) aws: Aws,
    pub(super) identity: Identity,
    /// What this process has set going. A failure of that is told; one that was found is repaired.
    attempt: Mutex<Attempt>,
}

/// What a process has set going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nothing yet.
    None,
    /// The stack is on its way.
    Going,
    /// CloudFormation found nothing to change.
    Unchanged,
}

/// How far a stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has change sets and nothing else.
    Review,
    /// It is on its way.
    UnderWay,
    /// It is there, and can be changed.
    Standing,
    /// It is of no use, and can only be deleted.
    Dead,
    /// It is neither of use nor can it be deleted without losing something.
    Stuck,
}

impl DeployStack {
    /// Returns the step for one identity.
    pub fn new(aws: Aws, identity: Identity) -> Self {
        Self {
            aws,
            identity,
            attempt: Mutex::new(Attempt::None),
        }
    }

    pub(super) fn attempt(&self) -> Attempt {
        *self.attempt.lock().expect("nobody panics with it")
    }

    pub(super) fn remember(&self, attempt: Attempt) {
        *self.attempt.lock().expect("nobody panics with it") = attempt;
    }
}

#[async_trait]
impl Step for DeployStack {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: [
                &Identity::NEEDS[..],
                &[STACK_PARTS.name(), STACK_TEMPLATE.name()],
            ]
            .concat(),
            gives: vec![ROLE_ARN.name(), POLICY_ARN.name(), PROVIDER_ARN.name()],
            settle: Settle {
                reason: "waits for CloudFormation",
                ..Settle::IDENTITY
            },
            ..StepMeta::new(
                "aws.stack",
                "CloudFormation stack of the identity",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let look = Look::of(self, facts)?;
        let (stack, found) = tokio::try_join!(
            async { self.aws.stack(&self.identity.stack).await.map_err(refused) },
            Found::look(&self.aws, &look.grant),
        )?;
        look.check_parts(&found)?;
        let observation = match &stack {
            None => look.absent(&found).await?,
            Some(stack) => {
                let is_ours = look.is_ours(stack).await?;
                if !is_ours && let Some(conflict) = look.of_others(stack, &found).await? {
                    return Ok(conflict);
                }
                match stage(&stack.status) {
                    Stage::Review => look.review().await?,
                    Stage::UnderWay => {
                        if !context.planning {
                            self.remember(Attempt::Going);
                        }
                        look.under_way(stack).await?
                    }
                    Stage::Standing => look.standing(stack, &found, is_ours).await?,
                    Stage::Dead => look.dead(stack).await?,
                    Stage::Stuck => return Err(look.stuck(stack).await?),
                }
            }
        };
        let grant = &look.grant;
        Ok(observation
            .with(&ROLE_ARN, &grant.role_arn())
            .with(&POLICY_ARN, &grant.policy_arn())
            .with(&PROVIDER_ARN, &grant.provider_arn()))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let look = Look::of(self, facts)?;
        let name = &self.identity.stack;
        let stack = self.aws.stack(name).await.map_err(refused)?;
        let Some(stack) = stack else {
            return look.make(None, context).await;
        };
        if !look.is_ours(&stack).await? && !look.takes_over(&stack).await? {
            return Err(not_yet("the stack is another one by now"));
        }
        match stage(&stack.status) {
            Stage::UnderWay => Err(not_yet("the stack is on its way")),
            Stage::Standing => look.make(Some(&stack), context).await,
            Stage::Review if look.is_going_on().await? => look.make(None, context).await,
            Stage::Review | Stage::Dead | Stage::Stuck => {
                self.aws.delete_stack(name).await.map_err(refused)?;
                if self.aws.stack(name).await.map_err(refused)?.is_some() {
                    return Err(not_yet("the dead stack is being deleted"));
                }
                look.make(None, context).await
            }
        }
    }
}

pub(super) fn stage(status: &str) -> Stage {
    match status {
        "REVIEW_IN_PROGRESS" => Stage::Review,
        status if status.ends_with("_IN_PROGRESS") => Stage::UnderWay,
        "UPDATE_ROLLBACK_FAILED" => Stage::Stuck,
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => Stage::Dead,
        _ => Stage::Standing,
    }
}

/// What comes next has to wait. The engine looks again, and acts again where that is needed.
pub(super) fn not_yet(what: &str) -> StepError {
    StepError::failed(what).retryable()
}

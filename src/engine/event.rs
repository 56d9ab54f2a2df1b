//! The events of a run: all that journal, plain output, JSON and the wizard ever see of it.
//!
//! An event owns its data, and holds no secret: secrets never get into facts and changes.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, ChainKind};
use super::change::Change;
use super::choice::Choice;
use super::command::{Approval, Scope, Signal};
use super::facts::Facts;
use super::failure::StepError;
use super::question::Origin;
use super::recipe::{Phase, TaskMode};
use super::step::Finding;

/// One event: its place in the run, its time, and what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 without gaps, over all processes that worked on the run.
    pub seq: u64,
    /// When it happened.
    pub at: jiff::Timestamp,
    /// What happened.
    pub event: EventKind,
}

/// What happened. Names and fields keep their meaning once released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A process began to work on the run.
    RunStarted {
        /// The run's id.
        run: String,
        /// The recipe's name.
        recipe: String,
        /// The version of this program.
        tool_version: String,
        /// Whether this is the practice cloud.
        practice: bool,
        /// Whether an earlier process worked on the run before.
        resumed: bool,
        /// The tasks and steps, in order.
        tasks: Vec<TaskOutline>,
    },
    /// Every question has its answer.
    AnswersResolved {
        /// Key, value and origin of each.
        answers: Vec<ResolvedAnswer>,
    },
    /// A step looks at the world.
    StepObserving {
        /// The step's id.
        step: String,
    },
    /// A step has looked.
    StepObserved {
        /// The step's id.
        step: String,
        /// What it saw.
        finding: FindingKind,
        /// What was compared, what is waited for, or what is in the way.
        note: String,
        /// What would change.
        changes: Vec<Change>,
        /// Things to notice.
        notices: Vec<String>,
        /// What to do about a conflict.
        hints: Vec<String>,
        /// Rights that the plan needs and the caller seems to lack.
        missing_rights: Vec<String>,
        /// Answers that settle a conflict.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
        /// What is known of each right that the plan needs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rights: Vec<RightView>,
    },
    /// A step is left out.
    StepNotChecked {
        /// The step's id.
        step: String,
        /// Why.
        reason: String,
    },
    /// All that can be observed was observed.
    PlanReady {
        /// How many changes it holds.
        changes: usize,
        /// A hash of every step's finding and changes: what an approval is bound to.
        fingerprint: String,
        /// What verifications may write, one sentence each.
        touches: Vec<String>,
    },
    /// The run waits for an approval.
    ApprovalNeeded {
        /// What it is about.
        scope: Scope,
        /// The steps that would act.
        steps: Vec<String>,
        /// Why it is asked again, when the world changed after the plan was approved.
        reason: Option<String>,
    },
    /// It was approved.
    Approved {
        /// What it is about.
        scope: Scope,
        /// The fingerprint of the plan.
        fingerprint: String,
        /// How much is approved at a time.
        approval: Approval,
    },
    /// It was declined.
    Declined {
        /// What it was about.
        scope: Scope,
    },
    /// A task begins to act.
    TaskStarted {
        /// The task's name.
        task: String,
    },
    /// A step is about to act. Durable before the act.
    StepActing {
        /// The step's id.
        step: String,
        /// What it is about to change.
        changes: Vec<Change>,
    },
    /// A step has acted; it is not believed yet.
    StepActed {
        /// The step's id.
        step: String,
    },
    /// A step waits for the world to show what was done.
    StepSettling {
        /// The step's id.
        step: String,
        /// Why it takes a while, and what was seen last.
        reason: String,
        /// How often it looked.
        attempt: u32,
        /// How long it has waited, in milliseconds.
        waited_ms: u64,
        /// When it gives up, in milliseconds.
        limit_ms: u64,
    },
    /// The step waits for a person: for the operator to log in again, or for an administrator to
    /// make what the caller may not.
    StepPaused {
        /// The step's id.
        step: String,
        /// What the service said, and how to log in.
        error: StepError,
        /// When it gives up, in milliseconds; 0 when it does not.
        limit_ms: u64,
        /// What the administrator needs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handoff: Option<HandOff>,
    },
    /// The operator has logged in, or the administrator has acted: the step goes on where it was.
    StepWentOn {
        /// The step's id.
        step: String,
        /// How long it was paused, in milliseconds.
        paused_ms: u64,
    },
    /// A step is done.
    StepDone {
        /// The step's id.
        step: String,
        /// How.
        outcome: StepOutcome,
        /// What was compared.
        note: String,
        /// What is known now.
        facts: Facts,
        /// Things to notice.
        notices: Vec<String>,
        /// How far the chain was proven, from a step that proves it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chain: Option<Chain>,
    },
    /// A step failed.
    StepFailed {
        /// The step's id.
        step: String,
        /// What happened and what to do.
        error: StepError,
    },
    /// A task is done and verified.
    TaskFinished {
        /// The task's name.
        task: String,
    },
    /// Something the operator should know that belongs to no step.
    Warning {
        /// What.
        text: String,
    },
    /// Somebody asked the run to stop.
    StopRequested {
        /// How.
        signal: Signal,
        /// Whether it stops at once, leaving steps in doubt.
        now: bool,
    },
    /// The process ended its work on the run.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// One closing sentence.
        summary: String,
        /// What comes next.
        next: Vec<String>,
        /// What an administrator needs, when the caller lacks a right.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handoff: Option<HandOff>,
    },
}

impl EventKind {
    /// Returns the id of the step that it is about, when it is about one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::StepObserving { step }
            | Self::StepObserved { step, .. }
            | Self::StepNotChecked { step, .. }
            | Self::StepActing { step, .. }
            | Self::StepActed { step }
            | Self::StepSettling { step, .. }
            | Self::StepPaused { step, .. }
            | Self::StepWentOn { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepFailed { step, .. } => Some(step),
            _ => None,
        }
    }

    /// Whether the event must be on disk before the run goes on.
    pub fn is_durable(&self) -> bool {
        matches!(
            self,
            Self::RunStarted { .. }
                | Self::AnswersResolved { .. }
                | Self::Approved { .. }
                | Self::StepActing { .. }
                | Self::StepPaused {
                    handoff: Some(_),
                    ..
                }
                | Self::StepFailed { .. }
                | Self::RunFinished { .. }
        )
    }
}

/// What is known of a right before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightView {
    /// The action: `iam:CreateRole`.
    pub action: String,
    /// What it is wanted on.
    pub resource: String,
    /// Whether the caller has it.
    pub answer: RightAnswer,
    /// How that was found.
    pub how: String,
}

/// Whether the caller has a right. Only its use is a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightAnswer {
    /// It seems so.
    Allowed,
    /// It seems not.
    Denied,
    /// Nobody can tell before it is tried.
    Unknown,
}

/// What was written down for somebody who has the rights that the caller lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOff {
    /// The folder with the files.
    pub folder: String,
    /// What to do with them, and what happens then.
    pub hints: Vec<String>,
}

/// A task, as far as it is known before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutline {
    /// The symbolic name.
    pub name: String,
    /// For a list.
    pub title: String,
    /// How it takes part.
    pub mode: TaskMode,
    /// The chain that its verification proves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proves: Option<ChainKind>,
    /// Its steps.
    pub steps: Vec<StepOutline>,
}

/// A step, as far as it is known before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// The step's id.
    pub id: String,
    /// For a list.
    pub title: String,
    /// When in its task it runs.
    pub phase: Phase,
}

/// An answer as it was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedAnswer {
    /// The question's key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A [`Finding`] without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The world is as intended.
    Satisfied,
    /// Changes are needed.
    Differs,
    /// The world is on its way, or something before this step must come first.
    Pending,
    /// Something that is not ours is in the way.
    Conflict,
}

impl From<&Finding> for FindingKind {
    fn from(finding: &Finding) -> Self {
        match finding {
            Finding::Satisfied { .. } => Self::Satisfied,
            Finding::Differs { .. } => Self::Differs,
            Finding::Pending { .. } => Self::Pending,
            Finding::Conflict { .. } => Self::Conflict,
        }
    }
}

/// How a step was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The world was as intended.
    Unchanged,
    /// It changed the world, and saw it.
    Changed,
    /// It proved what it had to prove.
    Verified,
    /// It differs and was left, since its phase does not act in this run.
    Left,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is as intended and proven.
    Done,
    /// The plan was made; nothing would change.
    PlanEmpty,
    /// The plan was made; changes are pending.
    PlanPending,
    /// A step failed.
    Failed,
    /// An answer cannot be right.
    Answers,
    /// Something that is not ours is in the way.
    Conflict,
    /// A verification did not pass.
    Verification,
    /// A right is missing.
    Permission,
    /// The plan was not approved.
    Declined,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
}

impl Outcome {
    /// Whether the run can go on later.
    pub fn is_unfinished(self) -> bool {
        !matches!(self, Self::Done | Self::PlanEmpty | Self::PlanPending)
    }
}

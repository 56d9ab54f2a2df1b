//! What the screens make of the events: the run, and what of it only a person watching needs.

use std::collections::BTreeMap;

use crate::engine::state::{StepView, TaskView};
use crate::engine::{Chain, ChainKind, Event, EventKind, Phase, RunState};

/// What the screens need to know of the events.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// The run.
    pub state: RunState,
    /// The steps that an approval is asked for.
    pub asked: Vec<String>,
    /// When settling steps give up, in milliseconds.
    pub limits: BTreeMap<String, u64>,
    /// How far the chain holds, by the step that tells.
    pub chains: BTreeMap<String, Chain>,
    /// The chain while it is looked at for the first time.
    awaited: Option<Chain>,
}

impl Fold {
    /// Returns how far the chain holds, once it was begun to look at.
    pub fn chain(&self) -> Option<&Chain> {
        self.state.chain.as_ref().or(self.awaited.as_ref())
    }

    /// The chain that the step is a part of the proof of.
    fn proves(&self, id: &str) -> Option<ChainKind> {
        let proof = |step: &StepView| step.id == id && step.phase == Phase::Verify;
        let mut tasks = self.state.tasks.iter();
        proven_by(tasks.find(|task| task.steps.iter().any(proof))?)
    }

    fn proves_a_chain(&self, name: &str) -> bool {
        let mut tasks = self.state.tasks.iter();
        tasks.any(|task| task.name == name && proven_by(task).is_some())
    }

    /// Takes in an event.
    pub fn update(&mut self, event: &Event) {
        self.state.update(event);
        match &event.event {
            EventKind::RunStarted { .. } => (self.chains, self.awaited) = Default::default(),
            EventKind::StepObserving { step } if self.awaited.is_none() => {
                let kind = self.proves(step);
                self.awaited = kind.map(|kind| Chain::unknown(kind, "not looked at yet"));
            }
            // Not every recipe and not every run has a step that tells of the chain.
            EventKind::TaskFinished { task } if self.proves_a_chain(task) => self.awaited = None,
            EventKind::RunFinished { .. } => self.awaited = None,
            EventKind::ApprovalNeeded { steps, .. } => self.asked.clone_from(steps),
            // Who waits for an administrator may wait without limit.
            EventKind::StepPaused {
                step, limit_ms: 0, ..
            }
            | EventKind::StepWentOn { step, .. } => {
                self.limits.remove(step);
            }
            EventKind::StepSettling { step, limit_ms, .. }
            | EventKind::StepPaused { step, limit_ms, .. } => {
                self.limits.insert(step.clone(), *limit_ms);
            }
            EventKind::StepDone { step, chain, .. } => self.ended(step, chain.as_ref()),
            EventKind::StepFailed { step, error } => self.ended(step, error.chain.as_deref()),
            _ => {}
        }
    }

    fn ended(&mut self, step: &str, chain: Option<&Chain>) {
        self.limits.remove(step);
        if let Some(chain) = chain {
            self.chains.insert(step.to_owned(), chain.clone());
        }
    }
}

/// The chain that a task proves. Journals before format 1.4 do not say it: one task proved one, and
/// it was a role's.
fn proven_by(task: &TaskView) -> Option<ChainKind> {
    let unsaid = || (task.name == "objectstorage").then_some(ChainKind::IamRole);
    task.proves.or_else(unsaid)
}

//! What a run says: sentences, and values turned into events.

use std::sync::Arc;

use super::{Halt, Run, outcome_of};
use crate::engine::event::{EventKind, FindingKind, Outcome, StepOutline, TaskOutline};
use crate::engine::failure::ErrorKind;
use crate::engine::recipe::{Only, Task};
use crate::engine::step::{Finding, Observation, Step};

impl Run {
    /// How a run ended that came to its end, and its closing sentence.
    pub(super) fn conclusion(&self) -> (Outcome, String) {
        let Some(first) = self.first_failed() else {
            return (Outcome::Done, self.summary());
        };
        // A check that may not be made did not pass; there is nothing to hand off.
        let unproven =
            |kind: &ErrorKind| matches!(kind, ErrorKind::Verification | ErrorKind::Permission);
        let outcome = if self.failed.values().any(unproven) {
            Outcome::Verification
        } else {
            outcome_of(self.failed[first])
        };
        let failed = count(self.failed.len(), "check", "checks");
        let passed = self.counts.verified + self.counts.unchanged;
        (
            outcome,
            format!("{failed} failed, {passed} passed; the first to fail is `{first}`."),
        )
    }

    fn first_failed(&self) -> Option<&str> {
        let ids = self.entries.iter().map(|entry| entry.meta.id);
        ids.into_iter().find(|id| self.failed.contains_key(*id))
    }

    pub(super) fn summary(&self) -> String {
        let counts = &self.counts;
        let mut parts = Vec::new();
        if counts.changed > 0 {
            parts.push(format!("{} changed", counts.changed));
        }
        parts.push(format!("{} unchanged", counts.unchanged));
        if counts.verified > 0 {
            parts.push(format!("{} verified", counts.verified));
        }
        if counts.left > 0 {
            parts.push(format!("{} left as they are", counts.left));
        }
        if counts.not_checked > 0 {
            parts.push(format!("{} not checked", counts.not_checked));
        }
        let parts = parts.join(", ");
        if self.options.only == Only::Verify {
            format!("Everything is as intended: {parts}.")
        } else if counts.changed == 0 && !self.changed.is_empty() && self.options.earlier.is_some()
        {
            // Earlier processes made the rest.
            format!("Nothing but the proof was left: {parts}.")
        } else if counts.changed == 0 {
            format!("Nothing had to be changed: {parts}.")
        } else {
            format!("{}: {parts}.", self.recipe.closing)
        }
    }

    pub(super) fn nothing_more(&self, opening: &str) -> String {
        if self.changed.is_empty() {
            format!("{opening}; nothing was changed.")
        } else {
            let steps = count(self.changed.len(), "step has", "steps have");
            format!(
                "{opening} after {steps} changed something; `rok-deploy resume` goes on from here."
            )
        }
    }

    pub(super) fn tell_observed(
        &mut self,
        index: usize,
        observation: &Observation,
    ) -> Result<(), Halt> {
        let mut offered = Vec::new();
        let (note, changes, hints) = match &observation.finding {
            Finding::Satisfied { note } => (note.clone(), Vec::new(), Vec::new()),
            Finding::Differs { changes } => (String::new(), changes.clone(), Vec::new()),
            Finding::Pending { reason } => (reason.clone(), Vec::new(), Vec::new()),
            Finding::Conflict {
                reason,
                changes,
                hints,
                choices,
            } => {
                offered.clone_from(choices);
                (reason.clone(), changes.clone(), hints.clone())
            }
        };
        self.emit(EventKind::StepObserved {
            step: self.id(index),
            finding: FindingKind::from(&observation.finding),
            note,
            changes,
            notices: observation.notices.clone(),
            hints,
            missing_rights: observation.missing_rights.clone(),
            choices: offered,
            rights: observation.rights.clone(),
        })
    }

    pub(super) fn outline(&self) -> Vec<TaskOutline> {
        let step = |step: &Arc<dyn Step>| {
            let meta = step.meta();
            StepOutline {
                id: meta.id.into(),
                title: meta.title.into(),
                phase: meta.phase,
            }
        };
        let task = |task: &Task| TaskOutline {
            name: task.name.into(),
            title: task.title.into(),
            mode: task.mode,
            proves: task.proves,
            steps: task.steps.iter().map(step).collect(),
        };
        self.recipe.tasks.iter().map(task).collect()
    }
}

pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

pub(super) fn list(names: &[String], one: &str, many: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "{} {}",
        quoted.join(", "),
        if names.len() == 1 { one } else { many }
    )
}

//! Ways out of conflicts: which are offered under which number, and which are chosen.

use std::collections::BTreeMap;

use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Choice, RunState, StepStatus};
use crate::ui::words;

/// What is chosen: one way for each conflict, by its step.
#[derive(Debug, Default)]
pub struct Ways(BTreeMap<String, usize>);

/// A way that is offered.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The key that chooses it.
    pub number: usize,
    /// The step that is in conflict.
    pub step: &'a str,
    /// Its place among the step's.
    place: usize,
    /// What it is.
    pub choice: &'a Choice,
}

/// Returns the ways out of all conflicts, as far as there are keys for them.
pub fn offered(state: &RunState) -> impl Iterator<Item = Way<'_>> {
    let in_conflict = |step: &&StepView| step.status == StepStatus::Observed(FindingKind::Conflict);
    let ways = state.steps().filter(in_conflict).flat_map(|step| {
        let choices = step.choices.iter().enumerate();
        choices.map(|(place, choice)| (step.id.as_str(), place, choice))
    });
    (1..=9)
        .zip(ways)
        .map(|(number, (step, place, choice))| Way {
            number,
            step,
            place,
            choice,
        })
}

impl Ways {
    /// Chooses the way of that number instead of the others of its conflict, or takes it back.
    pub fn choose(&mut self, state: &RunState, number: usize) {
        let Some(way) = offered(state).find(|way| way.number == number) else {
            return;
        };
        if self.has(&way) {
            self.0.remove(way.step);
        } else {
            self.0.insert(way.step.to_owned(), way.place);
        }
    }

    /// Whether the way is chosen.
    pub fn has(&self, way: &Way<'_>) -> bool {
        self.0.get(way.step) == Some(&way.place)
    }

    /// Whether one is chosen.
    pub fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns the answers that the chosen ways come to, with those of the run.
    pub fn answers(&self, state: &RunState) -> BTreeMap<String, String> {
        let chosen = offered(state).filter(|way| self.has(way));
        words::settled(state, chosen.map(|way| way.choice))
    }
}

//! The plan: what every step saw, before anything is changed.

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::choice::Choice;
use super::event::RightView;
use super::failure::StepError;
use super::step::{Finding, Observation};

/// What became known of each step while planning.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan holds a few dozen, nearly all of the large variant"
)]
pub enum Planned {
    /// It looked.
    Observed(Observation),
    /// It will prove something later; it does not look before.
    Verifies,
    /// It cannot look before other steps have acted.
    Later {
        /// The facts it waits for.
        needs: Vec<String>,
    },
    /// It is left out of this run.
    NotChecked {
        /// Why.
        reason: String,
    },
    /// It failed to look.
    Failed(StepError),
}

impl Planned {
    /// Whether it has yet to be seen what the step will do.
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Observed(observation) => matches!(observation.finding, Finding::Pending { .. }),
            Self::Later { .. } => true,
            Self::Verifies | Self::NotChecked { .. } | Self::Failed(_) => false,
        }
    }

    /// Returns the changes it would make, as far as they are known.
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Observed(Observation {
                finding: Finding::Differs { changes } | Finding::Conflict { changes, .. },
                ..
            }) => changes,
            _ => &[],
        }
    }
}

/// A plan as a document: `plan --output json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The recipe's name.
    pub recipe: String,
    /// What an approval of this plan is bound to.
    pub fingerprint: String,
    /// The tasks, in order.
    pub tasks: Vec<PlanTask>,
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTask {
    /// The symbolic name.
    pub name: String,
    /// Its steps.
    pub steps: Vec<PlanStep>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// The step's id.
    pub id: String,
    /// For a list.
    pub title: String,
    /// `satisfied`, `differs`, `pending`, `conflict`, `verifies`, `not_checked` or `failed`.
    pub finding: String,
    /// What was compared, or why not.
    pub note: String,
    /// What would change.
    pub changes: Vec<Change>,
    /// Things to notice.
    pub notices: Vec<String>,
    /// Answers that settle a conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// What is known of each right that the plan needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<RightView>,
}

/// Returns the hash that an approval is bound to: of every step's id, finding and changes, and
/// so of the observed state, the empty one included.
pub fn fingerprint<'a>(planned: impl IntoIterator<Item = (&'a String, &'a Planned)>) -> String {
    use std::fmt::Write as _;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for (id, planned) in planned {
        let kind = match planned {
            Planned::Observed(observation) => match observation.finding {
                Finding::Satisfied { .. } => "satisfied",
                Finding::Differs { .. } => "differs",
                Finding::Pending { .. } => "pending",
                Finding::Conflict { .. } => "conflict",
            },
            Planned::Verifies => "verifies",
            Planned::Later { .. } => "later",
            Planned::NotChecked { .. } => "not_checked",
            Planned::Failed(_) => "failed",
        };
        let changes = serde_json::to_string(planned.changes()).expect("changes are plain values");
        context.update(format!("{id}\n{kind}\n{changes}\n").as_bytes());
    }
    context
        .finish()
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::Verb;

    #[test]
    fn a_fingerprint_follows_the_changes_and_knows_the_empty_state() {
        let satisfied = |note: &str| Planned::Observed(Observation::satisfied(note));
        let differs = |after: &str| {
            Planned::Observed(Observation::differs(vec![
                Change::new(Verb::Create, "role", "rok").after(after),
            ]))
        };
        let print = |planned: Planned| fingerprint(&BTreeMap::from([("a".to_owned(), planned)]));
        assert_eq!(print(satisfied("one")), print(satisfied("two")));
        assert_ne!(print(satisfied("one")), print(differs("x")));
        assert_ne!(print(differs("x")), print(differs("y")));
        assert_ne!(fingerprint(&BTreeMap::new()), print(satisfied("one")));
    }
}

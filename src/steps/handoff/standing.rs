//! What of an identity is there already, seen by the steps that would make it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Context, ErrorKind, Facts, Finding, Observation, Step, StepError, Verb};

/// How a part of the identity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// It is as intended.
    There,
    /// It has to be made.
    Missing,
    /// It is ours, and differs.
    Outdated,
    /// The caller may not look.
    #[default]
    Unknown,
}

impl Part {
    /// Whether an administrator has to do something about it, as far as is known.
    pub fn is_open(self) -> bool {
        self != Self::There
    }

    /// Returns how a part stands that a look has seen so.
    pub fn of(observation: &Observation) -> Self {
        match &observation.finding {
            Finding::Satisfied { .. } => Self::There,
            Finding::Differs { changes } => {
                let makes = |verb| matches!(verb, Verb::Create | Verb::Attach);
                if changes.iter().any(|change| makes(change.verb)) {
                    Self::Missing
                } else {
                    Self::Outdated
                }
            }
            Finding::Pending { .. } | Finding::Conflict { .. } => Self::Unknown,
        }
    }
}

/// Looks through the steps, one after the other, and returns by the step's id what was seen; what one
/// finds serves the next. What cannot be seen is left out.
///
/// # Errors
///
/// What is in the way, or fails for another reason than a missing right.
pub async fn look(
    steps: &[Arc<dyn Step>],
    facts: &mut Facts,
    context: &Context,
) -> Result<BTreeMap<&'static str, Observation>, StepError> {
    let mut seen = BTreeMap::new();
    for step in steps {
        let meta = step.meta();
        // What the step before could not find is unknown here too.
        if !meta.needs.iter().all(|name| facts.has(name)) {
            continue;
        }
        let observation = match step.check(facts, context).await {
            Ok(observation) => observation,
            Err(error) if error.kind == ErrorKind::Permission => continue,
            Err(error) => return Err(error),
        };
        if let Finding::Conflict { reason, hints, .. } = &observation.finding {
            let mut error = StepError::new(ErrorKind::Conflict, reason.clone());
            error.hints.clone_from(hints);
            return Err(error);
        }
        facts.merge(&observation.facts);
        seen.insert(meta.id, observation);
    }
    Ok(seen)
}

//! A step: one idempotent change or check.
//!
//! `check` only looks, and finds its object by a name computed from the answers. `apply` makes it
//! so, in one write where it can. The engine does the rest: it shows, asks, writes down, acts,
//! and looks again until the step is satisfied.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::chain::Chain;
use super::change::Change;
use super::choice::Choice;
use super::facts::{FactKey, Facts};
use super::failure::StepError;
use super::recipe::Phase;

/// One idempotent change or check.
#[async_trait]
pub trait Step: Send + Sync {
    /// Returns what the engine and the frontends need to know beforehand.
    fn meta(&self) -> StepMeta;

    /// Looks at the world and changes nothing.
    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError>;

    /// Makes it so. Called only after `check` said that something differs.
    ///
    /// # Errors
    ///
    /// When the world refuses.
    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError>;

    /// Makes sure that what the step took for the run ([`When::BeforeWrites`]) still is the run's.
    /// Asked right before every act of another step.
    ///
    /// # Errors
    ///
    /// When it is lost; the act does not happen.
    async fn keep(&self) -> Result<(), StepError> {
        Ok(())
    }

    /// Gives back what the step took for the run. Called when the run ends, in whatever way.
    async fn release(&self) {}
}

/// What is known of a step before it runs.
#[derive(Debug, Clone)]
pub struct StepMeta {
    /// `area.noun`; journals depend on it, so it keeps its meaning for ever.
    pub id: &'static str,
    /// What the step is about, for a list: "IAM role for the service account".
    pub title: &'static str,
    /// When in its task it runs.
    pub phase: Phase,
    /// Names of the facts it reads.
    pub needs: Vec<&'static str>,
    /// Names of the facts it provides once satisfied.
    pub gives: Vec<&'static str>,
    /// Ids of steps that must be done before this one acts. Those that a recipe leaves out are
    /// not waited for.
    pub after: Vec<&'static str>,
    /// How long the world may take to show what was done.
    pub settle: Settle,
    /// What a verification may write while it proves something, for the plan.
    pub touches: Option<&'static str>,
    /// In which runs it takes part.
    pub when: When,
}

impl StepMeta {
    /// Returns the description of a step that needs nothing and gives nothing.
    pub const fn new(id: &'static str, title: &'static str, phase: Phase) -> Self {
        Self {
            id,
            title,
            phase,
            needs: Vec::new(),
            gives: Vec::new(),
            after: Vec::new(),
            settle: Settle::SHORT,
            touches: None,
            when: When::Always,
        }
    }
}

/// In which runs a step takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In every run.
    Always,
    /// In a run that changed something, or that is for proofs only: it is costly, and what did
    /// not change was proven before.
    AfterChanges,
    /// In every run, as the last of its task, after a failure too: it removes what proofs left.
    AtLast,
    /// In a run that will write something, proofs included: it takes something for the run, which
    /// every later act depends on and which is given back at the end. That is no change.
    BeforeWrites,
}

/// How to wait for the world to show what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle {
    /// The longest pause between two looks; the first pauses are shorter.
    pub period: Duration,
    /// When to give up.
    pub limit: Duration,
    /// Why it takes a while: "IAM answers from replicas".
    pub reason: &'static str,
}

impl Settle {
    /// For what shows at once, or after a moment.
    pub const SHORT: Self = Self {
        period: Duration::from_secs(2),
        limit: Duration::from_secs(30),
        reason: "waits until the change shows",
    };

    /// For identity and permission, which spread over the cloud's replicas: mostly within seconds,
    /// at times in ten minutes. What will never come is told from that by looking, not by waiting.
    pub const IDENTITY: Self = Self {
        period: Duration::from_secs(5),
        limit: Duration::from_mins(12),
        reason: "waits until the cloud's replicas agree",
    };

    /// Returns the pause before look number `attempt` (from 1): short at first, then the period.
    pub fn pause(&self, attempt: u32) -> Duration {
        let doubled = Duration::from_millis(100) * 2_u32.saturating_pow(attempt.min(12) - 1);
        doubled.min(self.period)
    }
}

/// What `check` saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The world is as intended. Says what was compared, so that "unchanged" means something.
    Satisfied {
        /// What was found: "trust and tags equal".
        note: String,
    },
    /// The world differs; these changes make it as intended.
    Differs {
        /// At least one change.
        changes: Vec<Change>,
    },
    /// The world is on its way.
    Pending {
        /// What is waited for.
        reason: String,
    },
    /// Something with our name is there and is not ours. It is shown and left alone.
    Conflict {
        /// What was found, and what was expected.
        reason: String,
        /// How it differs from what we would make.
        changes: Vec<Change>,
        /// What to do.
        hints: Vec<String>,
        /// Answers that settle it; the first one of a list is what most people want.
        choices: Vec<Choice>,
    },
}

/// What `check` returns: a finding, what became known, and what the operator should notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What was seen.
    pub finding: Finding,
    /// What is known now, or (when it differs) will be known once the changes are made.
    pub facts: Facts,
    /// Things to notice that stop nothing.
    pub notices: Vec<String>,
    /// Rights that the plan needs and the caller seems to lack.
    pub missing_rights: Vec<String>,
    /// What the operator must act on although the step is done.
    pub warnings: Vec<String>,
    /// What to say at the end of a run that went well, besides what the recipe says.
    pub next: Vec<String>,
    /// How far the chain was proven, from a step that proves it.
    pub chain: Option<Chain>,
    /// What to fail with when a wait is over, where more is known than what was waited for.
    pub otherwise: Option<Box<StepError>>,
}

impl Observation {
    /// The world is as intended; `note` says what was compared.
    pub fn satisfied(note: impl Into<String>) -> Self {
        Self::of(Finding::Satisfied { note: note.into() })
    }

    /// The world differs by `changes`.
    pub fn differs(changes: Vec<Change>) -> Self {
        debug_assert!(!changes.is_empty(), "a difference has at least one change");
        Self::of(Finding::Differs { changes })
    }

    /// Satisfied when `changes` is empty.
    pub fn of_changes(changes: Vec<Change>, note: impl Into<String>) -> Self {
        if changes.is_empty() {
            Self::satisfied(note)
        } else {
            Self::differs(changes)
        }
    }

    /// The world is on its way.
    pub fn pending(reason: impl Into<String>) -> Self {
        Self::of(Finding::Pending {
            reason: reason.into(),
        })
    }

    /// Something is in the way.
    pub fn conflict(reason: impl Into<String>, changes: Vec<Change>, hints: Vec<String>) -> Self {
        Self::of(Finding::Conflict {
            reason: reason.into(),
            changes,
            hints,
            choices: Vec::new(),
        })
    }

    /// Adds answers that settle the conflict, for screens that can offer them.
    #[must_use]
    pub fn offers(mut self, offered: Vec<Choice>) -> Self {
        if let Finding::Conflict { choices, .. } = &mut self.finding {
            choices.extend(offered);
        }
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with<T: Serialize>(mut self, key: &FactKey<T>, value: &T) -> Self {
        self.facts.set(key, value);
        self
    }

    /// Adds something to notice.
    #[must_use]
    pub fn notice(mut self, text: impl Into<String>) -> Self {
        self.notices.push(text.into());
        self
    }

    /// Adds a right that the plan needs and the caller seems to lack.
    #[must_use]
    pub fn missing_right(mut self, right: impl Into<String>) -> Self {
        self.missing_rights.push(right.into());
        self
    }

    /// Adds what the operator must act on although the step is done.
    #[must_use]
    pub fn warning(mut self, text: impl Into<String>) -> Self {
        self.warnings.push(text.into());
        self
    }

    /// Adds what to say at the end of a run that went well.
    #[must_use]
    pub fn next(mut self, text: impl Into<String>) -> Self {
        self.next.push(text.into());
        self
    }

    /// Says what to fail with when the wait is over.
    #[must_use]
    pub fn otherwise(mut self, error: StepError) -> Self {
        self.otherwise = Some(Box::new(error));
        self
    }

    /// Says how far the chain was proven.
    #[must_use]
    pub fn with_chain(mut self, chain: Chain) -> Self {
        self.chain = Some(chain);
        self
    }

    fn of(finding: Finding) -> Self {
        Self {
            finding,
            facts: Facts::default(),
            notices: Vec::new(),
            missing_rights: Vec::new(),
            warnings: Vec::new(),
            next: Vec::new(),
            chain: None,
            otherwise: None,
        }
    }
}

/// What a step may know of the run it is part of.
#[derive(Debug, Clone)]
pub struct Context {
    /// The run's id, for tags and trailers.
    pub run: String,
    /// Ids of the steps that have acted, in this process or before a resume. What was made a
    /// moment ago may not show everywhere yet; what is old and does not show never will.
    pub acted: BTreeSet<String>,
    /// Whether this look is for the plan, and nothing is about to be done.
    pub planning: bool,
    /// Whether an administrator was asked, in this run, to make what the caller may not: what is
    /// there now, exactly as asked for, is what was asked for.
    pub handed_off: bool,
}

impl Context {
    /// Whether one of the steps whose id starts with `prefix` has acted in this run.
    pub fn has_acted(&self, prefix: &str) -> bool {
        self.acted.iter().any(|id| id.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_period() {
        let settle = Settle::IDENTITY;
        assert_eq!(settle.pause(1), Duration::from_millis(100));
        assert_eq!(settle.pause(3), Duration::from_millis(400));
        assert_eq!(settle.pause(30), settle.period);
    }
}

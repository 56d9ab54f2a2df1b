//! What is behind a failure, found out, and what to do about it.

use super::entry::{Cause, Entry};
use super::place::Place;
use super::symptom::Symptom;
use crate::engine::{Chain, Link, LinkState, StepError};

/// What is behind a failure, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The link of the chain that does not hold, where it is known.
    pub link: Option<Link>,
    /// The cause in words.
    pub cause: String,
    /// What to do, the best first; commands stand in backticks.
    pub remedies: Vec<String>,
    /// Whether it will pass by itself: the cloud has not heard of a change yet.
    pub not_yet: bool,
    /// The entry of the atlas, where there is one.
    pub entry: Option<&'static str>,
    /// The cause's own id, where it is one of the atlas.
    pub cause_id: Option<&'static str>,
}

impl Diagnosis {
    /// Puts a cause of the table in the words of a place.
    pub(super) fn of(
        entry: Option<&'static Entry>,
        cause: &'static Cause,
        place: &Place,
        found: &str,
        expected: &str,
    ) -> Self {
        let fill = |template: &&str| place.fill(template, found, expected);
        Self {
            link: cause.link,
            cause: fill(&cause.text),
            remedies: cause.remedies.iter().map(fill).collect(),
            not_yet: false,
            entry: entry.map(|entry| entry.id),
            cause_id: Some(cause.id),
        }
    }

    /// Returns the failed verification: the raw words first, then the cause.
    pub fn into_error(self, symptom: &Symptom, mut chain: Chain) -> StepError {
        if let Some(link) = self.link
            && chain.get(link).state == LinkState::Unknown
        {
            chain.set(link, LinkState::Broken, self.cause.clone());
        }
        let mut error = StepError::verification(format!("{symptom}: {}", self.cause));
        error.hints = self.remedies;
        let error = error.with_chain(chain);
        if self.not_yet {
            error.retryable()
        } else {
            error
        }
    }
}

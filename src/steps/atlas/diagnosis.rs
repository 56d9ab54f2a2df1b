//! What is behind a failure, found out, and what to do about it.

use super::bench::{Break, Judged};
use super::entry::{Cause, Entry, Response, look_up};
use super::place::Place;
use super::prober::Evidence;
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
    ) -> Self {
        let fill = |template: &&str| place.fill(template, found);
        Self {
            link: cause.link,
            cause: fill(&cause.text),
            remedies: cause.remedies.iter().map(fill).collect(),
            not_yet: false,
            entry: entry.map(|entry| entry.id),
            cause_id: Some(cause.id),
        }
    }

    /// A cause that only the chain could tell, and did not.
    pub(super) fn open(
        entry: Option<&'static Entry>,
        cause: String,
        remedies: Vec<String>,
    ) -> Self {
        Self {
            link: None,
            cause,
            remedies,
            not_yet: false,
            entry: entry.map(|entry| entry.id),
            cause_id: None,
        }
    }

    /// Returns the failed verification: the cause, then the words that it was told in.
    pub fn into_error(self, symptom: &Symptom, chain: Chain) -> StepError {
        // What it means, then the words that it was told in; where nobody knows, only the words.
        let message = if self.cause_id.is_some() {
            format!("{}: {symptom}", self.cause)
        } else {
            format!("{symptom}; {}", self.cause)
        };
        self.saying(message, chain)
    }

    /// Returns the failed verification of what was looked at before anything went wrong.
    pub fn into_verdict(self, chain: Chain) -> StepError {
        let message = self.cause.clone();
        self.saying(message, chain)
    }

    fn saying(self, message: String, mut chain: Chain) -> StepError {
        if let Some(link) = self.link
            && !self.not_yet
            && let Some(found) = chain.get(link)
            && found.state == LinkState::Unknown
        {
            chain.set(link, LinkState::Broken, self.cause);
        }
        let mut error = StepError::verification(message);
        error.hints = self.remedies;
        let error = error.with_chain(chain);
        if self.not_yet {
            error.retryable()
        } else {
            error
        }
    }
}

/// Says what to do about a refusal where nobody looks any further: the remedies of the likeliest
/// cause, in the words that the refusal itself gives.
pub(in crate::steps) fn advice(symptom: &Symptom) -> Vec<String> {
    let Some(entry) = look_up(symptom) else {
        return Vec::new();
    };
    let place = Place::told_by(symptom);
    Diagnosis::of(Some(entry), entry.causes[0], &place, &symptom.found(entry)).remedies
}

/// Picks the cause of a symptom from what breaks the chain.
///
/// After a change of this very run a chain that holds means "not yet"; one that does not hold will
/// not mend itself, however long one waits.
pub(super) fn conclude(
    place: &Place,
    symptom: &Symptom,
    evidence: &dyn Evidence,
    judged: &Judged,
    acted: bool,
) -> Diagnosis {
    if let Some(diagnosis) = evidence.told_outright(place, symptom) {
        return diagnosis;
    }
    let Some(entry) = look_up(symptom) else {
        return match judged.breaks.first() {
            Some(Break { cause, found }) => Diagnosis::of(None, cause, place, found),
            None => Diagnosis::open(None, "the cause is not known".into(), Vec::new()),
        };
    };
    let is_cause = |found: &&Break| entry.causes.contains(&found.cause);
    if let Some(Break { cause, found }) = judged.breaks.iter().find(is_cause) {
        return Diagnosis::of(Some(entry), cause, place, found);
    }
    let first = entry.causes[0];
    if !entry.in_chain {
        let found = evidence
            .detail(first)
            .unwrap_or_else(|| symptom.found(entry));
        let diagnosis = Diagnosis::of(Some(entry), first, place, &found);
        let not_yet = entry.response == Response::Wait;
        return Diagnosis {
            not_yet,
            ..diagnosis
        };
    }
    let cloud = evidence.cloud();
    let not_yet = |cause: String| Diagnosis {
        not_yet: true,
        ..Diagnosis::open(Some(entry), cause, Vec::new())
    };
    if evidence.answers(symptom) {
        return not_yet(format!(
            "the same request succeeds by now: {cloud} had not heard of a change yet"
        ));
    }
    if !acted && let Some(Break { cause, found }) = judged.breaks.first() {
        // It is none of the usual causes; but what is broken is broken.
        return Diagnosis::of(Some(entry), cause, place, found);
    }
    if acted {
        return not_yet(format!(
            "nothing differs from what is intended: {cloud} has not heard of this run's change yet"
        ));
    }
    let doubtful: Vec<_> = entry
        .causes
        .iter()
        .filter_map(|cause| cause.link)
        .filter_map(|link| judged.chain.get(link))
        .filter(|link| link.state == LinkState::Unknown)
        .map(|found| format!("{}: {}", found.link, found.note))
        .collect();
    if doubtful.is_empty() {
        let remedy = "wait a few minutes, then `rok-deploy verify`".to_owned();
        let cause = format!(
            "nothing differs from what is intended; {cloud} may not have heard of a change that was made elsewhere"
        );
        // Where a cloud is known to take its time, that is what it does.
        return Diagnosis {
            not_yet: entry.response == Response::Wait,
            ..Diagnosis::open(Some(entry), cause, vec![remedy])
        };
    }
    let mut seen = doubtful.clone();
    seen.dedup();
    let likely = Diagnosis::of(Some(entry), first, place, &symptom.found(entry));
    Diagnosis {
        cause_id: None,
        cause: format!(
            "what is behind it may not be looked at: {}",
            seen.join("; ")
        ),
        ..likely
    }
}

//! What is behind a failure, found out, and what to do about it.

use super::causes::{NODE_ROLE, SESSION_TOO_LONG, THUMBPRINT};
use super::entry::{Cause, Entry, Response, look_up};
use super::evidence::{Evidence, Walk};
use super::place::Place;
use super::symptom::{Source, Symptom};
use super::verdict::{Break, Judged};
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
    fn open(entry: Option<&'static Entry>, cause: String, remedies: Vec<String>) -> Self {
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
    pub fn into_error(self, symptom: &Symptom, mut chain: Chain) -> StepError {
        if let Some(link) = self.link
            && !self.not_yet
            && let Some(found) = chain.get(link)
            && found.state == LinkState::Unknown
        {
            chain.set(link, LinkState::Broken, self.cause.clone());
        }
        // What it means, then the words that it was told in; where nobody knows, only the words.
        let message = if self.cause_id.is_some() {
            format!("{}: {symptom}", self.cause)
        } else {
            format!("{symptom}; {}", self.cause)
        };
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
    evidence: &Evidence,
    judged: &Judged,
    acted: bool,
) -> Diagnosis {
    if let Some(role) = symptom.other_role(place) {
        return Diagnosis::of(look_up(symptom), &NODE_ROLE, place, &role);
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
        let found = detail(first, evidence).unwrap_or_else(|| symptom.found(entry));
        let diagnosis = Diagnosis::of(Some(entry), first, place, &found);
        let not_yet = entry.response == Response::Wait;
        return Diagnosis {
            not_yet,
            ..diagnosis
        };
    }
    let not_yet = |cause: &str| Diagnosis {
        not_yet: true,
        ..Diagnosis::open(Some(entry), cause.into(), Vec::new())
    };
    if symptom.is_answered_by(&evidence.walk) {
        return not_yet("the same request succeeds by now: AWS had not heard of a change yet");
    }
    if !acted && let Some(Break { cause, found }) = judged.breaks.first() {
        // It is none of the usual causes; but what is broken is broken.
        return Diagnosis::of(Some(entry), cause, place, found);
    }
    if acted {
        return not_yet(
            "nothing differs from what is intended: AWS has not heard of this run's change yet",
        );
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
        return Diagnosis::open(
            Some(entry),
            "nothing differs from what is intended; AWS may not have heard of a change that was made elsewhere".into(),
            vec![remedy],
        );
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

/// What a cause outside of the chain needs to name.
fn detail(cause: &'static Cause, evidence: &Evidence) -> Option<String> {
    if cause == &SESSION_TOO_LONG {
        let role = evidence.role.as_ref().ok()?.as_ref()?;
        return Some(role.max_session_seconds?.to_string());
    }
    if cause == &THUMBPRINT {
        let provider = evidence.provider.as_ref().ok()?.as_ref()?;
        return Some(match &provider.thumbprints[..] {
            [] => "none".into(),
            thumbprints => thumbprints.join(", "),
        });
    }
    None
}

impl Symptom {
    /// Whether what was refused has been tried again by now, and was not refused.
    fn is_answered_by(&self, walk: &Walk) -> bool {
        match (self.source, walk) {
            (Source::Sts, Walk::Answered(..)) | (Source::S3, Walk::Answered(_, Ok(_))) => true,
            (Source::S3, Walk::Answered(_, Err(error))) => {
                error.code.as_deref() == Some("NoSuchBucket")
            }
            _ => false,
        }
    }

    /// The role that AWS took the caller for, where it is not the right one.
    fn other_role(&self, place: &Place) -> Option<String> {
        let refused = self.text.contains("is not authorized to perform");
        let (_, role) = self.text.split_once(":assumed-role/")?;
        let role = role.split('/').next()?;
        (refused && role != place.role).then(|| role.to_owned())
    }
}

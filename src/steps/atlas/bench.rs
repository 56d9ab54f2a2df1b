//! Judges what was seen of a chain: what clouds have in common.

use serde_json::Value;

use super::entry::Cause;
use super::in_cluster::Seen;
use super::place::Place;
use crate::engine::{Chain, ChainKind, Link, LinkState};

/// The chain as it was found, and what breaks it, in the order of its links.
#[derive(Debug)]
pub struct Judged {
    pub(super) chain: Chain,
    pub(super) breaks: Vec<Break>,
}

/// What breaks a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) cause: &'static Cause,
    /// What was seen there.
    pub(super) found: String,
}

/// Where links are judged, one after the other.
pub(super) struct Bench<'a> {
    pub(super) place: &'a Place,
    pub(super) chain: Chain,
    pub(super) breaks: Vec<Break>,
}

/// What may be wrong with a service account.
pub(super) struct AccountCauses {
    pub(super) missing: &'static Cause,
    pub(super) not_annotated: &'static Cause,
    pub(super) other: &'static Cause,
}

impl<'a> Bench<'a> {
    pub(super) fn new(place: &'a Place, kind: ChainKind) -> Self {
        Self {
            place,
            chain: Chain::unknown(kind, "not looked at"),
            breaks: Vec::new(),
        }
    }

    pub(super) fn judged(self) -> Judged {
        Judged {
            chain: self.chain,
            breaks: self.breaks,
        }
    }

    pub(super) fn proven(&mut self, link: Link, note: impl Into<String>) {
        self.chain.set(link, LinkState::Proven, note);
    }

    pub(super) fn unknown(&mut self, link: Link, why: impl Into<String>) {
        self.chain.set(link, LinkState::Unknown, why);
    }

    pub(super) fn broken(&mut self, link: Link, cause: &'static Cause, found: impl Into<String>) {
        let found = found.into();
        let note = self.place.fill(cause.text, &found);
        self.chain.set(link, LinkState::Broken, note);
        self.breaks.push(Break { cause, found });
    }

    pub(super) fn is(&self, link: Link, state: LinkState) -> bool {
        self.chain
            .get(link)
            .is_some_and(|found| found.state == state)
    }

    /// The service account has to be there, annotated with the identity it may become.
    pub(super) fn account(
        &mut self,
        account: &Seen<Option<Value>>,
        annotation: &str,
        expected: &str,
        causes: &AccountCauses,
    ) {
        let link = Link::ServiceAccount;
        let account = match account {
            Err(why) => return self.unknown(link, why),
            Ok(None) => return self.broken(link, causes.missing, "none"),
            Ok(Some(account)) => account,
        };
        match account["metadata"]["annotations"][annotation].as_str() {
            Some(found) if found == expected => {
                self.proven(link, format!("annotated with {found}"));
            }
            Some(found) => self.broken(link, causes.other, found),
            None => {
                // A token leads to the object store all the same; only a Pod misses the annotation.
                self.broken(link, causes.not_annotated, "none");
                let note = self.chain[link].note.clone();
                self.unknown(link, note);
            }
        }
    }

    /// The token has to be the service account's, and for those who are to read it.
    pub(super) fn token(
        &mut self,
        claims: &Seen<Value>,
        audience: &str,
        (other_subject, other_audience): (&'static Cause, &'static Cause),
    ) {
        let claims = match claims {
            Err(why) => return self.unknown(Link::Token, why),
            Ok(claims) => claims,
        };
        let subject = text(&claims["sub"]);
        let audiences = match &claims["aud"] {
            Value::Array(audiences) => audiences.iter().map(text).collect(),
            single => vec![text(single)],
        };
        if subject != self.place.subject() {
            self.broken(Link::Token, other_subject, subject);
        } else if !audiences.iter().any(|found| found == audience) {
            self.broken(Link::Token, other_audience, audiences.join(", "));
        } else {
            self.proven(Link::Token, format!("sub {subject}, aud {audience}"));
        }
    }
}

/// Writes a claim for people.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".into(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

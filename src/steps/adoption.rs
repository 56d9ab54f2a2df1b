//! What the operator decided about objects that have our names and do not carry our tags, whatever the
//! cloud.
//!
//! A decision is made once, by an answer, and kept with the other choices in `deploy/env.*`: it never
//! follows from what happens to be there. Either an object is taken over, and then it gets our tags and
//! becomes what we intend; or it is used exactly as it is, and then the decision holds a digest of what
//! it meant, so that a later change of it is noticed.

use std::collections::BTreeMap;
use std::fmt;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::names;
use crate::engine::Choice;

/// How many hexadecimal digits of a digest tell two meanings apart.
const DIGITS: usize = 12;

/// What may be there already.
pub trait Adoptable: fmt::Debug + Copy + Ord + Send + Sync + 'static {
    /// The key of the answer.
    const KEY: &'static str;
    /// What an answer may hold, in words.
    const EXPECTED: &'static str;
    /// All of them.
    const ALL: &'static [Self];

    /// Returns the word for it in an answer.
    fn word(self) -> &'static str;

    /// Returns how messages call it.
    fn title(self) -> &'static str;

    /// Returns what to answer instead, where it cannot be used as it is.
    fn instead_of_keeping(self) -> Option<&'static str>;

    /// Returns what using it as it is does, in the present tense.
    fn keeping(self) -> &'static str {
        "uses it exactly as it is now; nothing is written to it"
    }
}

/// What is to become of an object that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It gets our tags, and what differs is changed.
    TakeOver,
    /// It is used as it is, as long as it means what this digest was made of.
    Keep(String),
}

/// The decisions of an answer: `policy,role@3fa9c1d2e4b5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisions<O>(BTreeMap<O, Decision>);

impl<O> Default for Decisions<O> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<O: Adoptable> Decisions<O> {
    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// A sentence that says what was found and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut decisions = BTreeMap::new();
        for item in text.split(',').map(str::trim) {
            if item.is_empty() {
                continue;
            }
            let (word, kept) = match item.split_once('@') {
                Some((word, digest)) => (word, Some(digest)),
                None => (item, None),
            };
            let object = O::ALL.iter().copied().find(|object| object.word() == word);
            let Some(object) = object else {
                return Err(format!("holds `{item}`; expected {}", O::EXPECTED));
            };
            let decision = match (kept, object.instead_of_keeping()) {
                (None, _) => Decision::TakeOver,
                (Some(_), Some(instead)) => {
                    return Err(format!("holds `{item}`; expected {instead}"));
                }
                (Some(kept), None) if is_digest(kept) => Decision::Keep(kept.to_owned()),
                (Some(kept), None) => {
                    return Err(format!(
                        "holds `{item}`; expected {DIGITS} hexadecimal digits after the `@`, found \
                         `{kept}`; `rok-deploy plan` tells them"
                    ));
                }
            };
            if decisions.insert(object, decision).is_some() {
                return Err(format!(
                    "decides about `{word}` twice; expected one decision about each"
                ));
            }
        }
        Ok(Self(decisions))
    }

    /// Returns what was decided about the object.
    pub fn of(&self, object: O) -> Option<&Decision> {
        self.0.get(&object)
    }

    /// Whether the object may be taken over.
    pub fn takes_over(&self, object: O) -> bool {
        self.of(object) == Some(&Decision::TakeOver)
    }

    /// Returns the digest that was accepted of an object which is used as it is.
    pub fn kept(&self, object: O) -> Option<&str> {
        match self.of(object)? {
            Decision::Keep(digest) => Some(digest),
            Decision::TakeOver => None,
        }
    }

    /// Adds those of another answer, which win.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the decisions about everything else.
    #[must_use]
    pub fn without(&self, object: O) -> Self {
        let mut others = self.clone();
        others.0.remove(&object);
        others
    }

    /// Returns the choice to take the object over.
    pub fn taking_over(object: O, label: &str) -> Choice {
        Choice::item(O::KEY, object.word(), label)
    }

    /// Returns the choice to use the object as it is.
    pub fn keeping(object: O, digest: &str) -> Choice {
        let answer = format!("{}@{digest}", object.word());
        Choice::item(O::KEY, answer, object.keeping())
    }
}

/// Written as it is read.
impl<O: Adoptable> fmt::Display for Decisions<O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (object, decision)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(formatter, "{comma}{}", object.word())?;
            if let Decision::Keep(digest) = decision {
                write!(formatter, "@{digest}")?;
            }
        }
        Ok(())
    }
}

/// Returns the digest of what an object means; the same meaning has to come as the same value.
pub fn meaning_digest(meaning: &Value) -> String {
    let hash = digest(&SHA256, meaning.to_string().as_bytes());
    names::hex(&hash.as_ref()[..DIGITS / 2])
}

/// Whether the text is such a digest.
pub(in crate::steps) fn is_digest(text: &str) -> bool {
    let digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    text.len() == DIGITS && text.chars().all(digit)
}

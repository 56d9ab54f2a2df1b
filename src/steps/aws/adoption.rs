//! What the operator decided about objects that have our names and do not carry our tags.
//!
//! A decision is made once, by the answer `aws_adopt`, and kept with the other choices in
//! `deploy/env.*`: it never follows from what happens to be there. Either an object is taken over,
//! and then it gets our tags and becomes what we intend; or it is used exactly as it is, and then
//! the decision holds a digest of what it meant, so that a later change of it is noticed.

use std::collections::BTreeMap;
use std::fmt;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::engine::Choice;
use crate::steps::names;

/// The key of the answer.
pub const ADOPT: &str = "aws_adopt";

/// How many hexadecimal digits of a digest tell two meanings apart.
const DIGITS: usize = 12;

/// What may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The IAM OIDC provider of the cluster.
    Provider,
    /// The managed policy.
    Policy,
    /// The role.
    Role,
    /// The CloudFormation stack.
    Stack,
}

const OBJECTS: [Object; 4] = [
    Object::Provider,
    Object::Policy,
    Object::Role,
    Object::Stack,
];

impl Object {
    /// Returns the word for it in an answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::Stack => "stack",
        }
    }

    /// Returns how messages call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Provider => "OIDC provider",
            Self::Stack => "stack",
            Self::Policy => "policy",
            Self::Role => "role",
        }
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions(BTreeMap<Object, Decision>);

impl Decisions {
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
            let Some(object) = OBJECTS.into_iter().find(|object| object.word() == word) else {
                return Err(format!(
                    "holds `{item}`; expected `role`, `policy`, `provider` or `stack`, or one of \
                     them with the digest of what it is now, as in `role@3fa9c1d2e4b5`"
                ));
            };
            let decision = match kept {
                None => Decision::TakeOver,
                Some(_) if object == Object::Provider => {
                    return Err(format!(
                        "holds `{item}`; expected `provider`: one that is good enough is used as it \
                         is without being asked about"
                    ));
                }
                Some(_) if object == Object::Stack => {
                    return Err(format!(
                        "holds `{item}`; expected `stack`: what a stack of others holds is used as it \
                         is with `aws_identity_method=existing`"
                    ));
                }
                Some(kept) if is_digest(kept) => Decision::Keep(kept.to_owned()),
                Some(kept) => {
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
    pub fn of(&self, object: Object) -> Option<&Decision> {
        self.0.get(&object)
    }

    /// Whether the object may be taken over.
    pub fn takes_over(&self, object: Object) -> bool {
        self.of(object) == Some(&Decision::TakeOver)
    }

    /// Returns the digest that was accepted of an object which is used as it is.
    pub fn kept(&self, object: Object) -> Option<&str> {
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
    pub fn without(&self, object: Object) -> Self {
        let mut others = self.clone();
        others.0.remove(&object);
        others
    }

    /// Returns the choice to take the object over.
    pub fn taking_over(object: Object, label: &str) -> Choice {
        Choice::item(ADOPT, object.word(), label)
    }

    /// Returns the choice to use the object as it is.
    pub fn keeping(object: Object, digest: &str) -> Choice {
        let label = "uses it exactly as it is now; nothing is written to it";
        Choice::item(ADOPT, format!("{}@{digest}", object.word()), label)
    }
}

/// Written as it is read.
impl fmt::Display for Decisions {
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

fn is_digest(text: &str) -> bool {
    let digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    text.len() == DIGITS && text.chars().all(digit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::aws::policy::normal;

    #[test]
    fn decisions_read_back_as_they_were_written() {
        for text in [
            "",
            "role",
            "provider,policy,role@3fa9c1d2e4b5,stack",
            "policy@000000000000,role",
        ] {
            assert_eq!(Decisions::parse(text).unwrap().to_string(), text);
        }
        let decisions = Decisions::parse(" role@3fa9c1d2e4b5 , policy,").unwrap();
        assert_eq!(decisions.to_string(), "policy,role@3fa9c1d2e4b5");
        assert_eq!(decisions.kept(Object::Role), Some("3fa9c1d2e4b5"));
        assert!(decisions.takes_over(Object::Policy) && !decisions.takes_over(Object::Role));
        assert_eq!(decisions.of(Object::Stack), None);
    }

    #[test]
    fn what_is_no_decision_is_named() {
        for (text, said) in [
            ("rolle", "`rolle`; expected `role`"),
            ("role,Policy", "`Policy`"),
            ("role@", "12 hexadecimal digits"),
            ("role@3FA9C1D2E4B5", "found `3FA9C1D2E4B5`"),
            ("role@3fa9c1d2e4b5,role", "`role` twice"),
            ("provider@3fa9c1d2e4b5", "expected `provider`"),
            ("stack@3fa9c1d2e4b5", "expected `stack`"),
        ] {
            let problem = Decisions::parse(text).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn a_later_answer_wins() {
        let mut decisions = Decisions::parse("policy,role").unwrap();
        decisions.merge(Decisions::parse("role@3fa9c1d2e4b5").unwrap());
        assert_eq!(decisions.to_string(), "policy,role@3fa9c1d2e4b5");
    }

    #[test]
    fn a_digest_follows_the_meaning() {
        let of = |statement: Value| {
            let trust = json!({ "Version": "2012-10-17", "Statement": statement });
            meaning_digest(&json!({ "path": "/", "trust": normal(&trust) }))
        };
        let one = of(json!([{
            "Sid": "x", "Effect": "Allow", "Action": ["S3:Get*", "s3:put*"], "Resource": ["*"],
        }]));
        assert_eq!(
            one,
            of(json!({ "Effect": "Allow", "Action": ["s3:Put*", "s3:get*"], "Resource": "*" }))
        );
        assert_ne!(
            one,
            of(json!({ "Effect": "Deny", "Action": ["s3:Put*", "s3:get*"], "Resource": "*" }))
        );
        assert!(is_digest(&one));
    }
}

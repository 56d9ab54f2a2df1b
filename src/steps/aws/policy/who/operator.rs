//! Condition operators: `StringEquals` and its kin, with their prefixes and suffixes.
//!
//! The rules are those of "Condition operators" and "Multivalued context keys" in the IAM User
//! Guide:
//!
//! - of several values in the policy one is enough; under a negated operator none may match;
//! - a missing key fails, unless the operator is negated or ends in `IfExists`;
//! - `ForAllValues:` wants every value of the request to pass, and passes when there is none;
//! - `ForAnyValue:` wants one value of the request to pass, and fails when there is none;
//! - `Null` asks only whether the key is missing (`true`) or there (`false`).
//!
//! The names of operators are not said to be free of case, so an odd spelling is not understood.

use super::super::pattern::is_like;
use super::certainty::Certainty;

/// An operator that compares strings, or looks whether there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) set: Set,
    pub(super) comparison: Comparison,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

/// Which values of the request have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// No prefix: any will do.
    Plain,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
    Null,
}

impl Operator {
    /// Reads an operator such as `ForAnyValue:StringNotLikeIfExists`; nothing if it is another.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (set, name) = match name.split_once(':') {
            None => (Set::Plain, name),
            Some(("ForAnyValue", name)) => (Set::Any, name),
            Some(("ForAllValues", name)) => (Set::All, name),
            Some(_) => return None,
        };
        if name == "Null" {
            // "You can add IfExists to any operator except Null", and a set has no place there.
            return (set == Set::Plain).then_some(Self {
                set,
                comparison: Comparison::Null,
                negated: false,
                if_exists: false,
            });
        }
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.strip_prefix("String")?;
        let (name, negated) = match name.strip_prefix("Not") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let comparison = match name {
            "Equals" => Comparison::Equals,
            "EqualsIgnoreCase" => Comparison::EqualsIgnoreCase,
            "Like" => Comparison::Like,
            _ => return None,
        };
        Some(Self {
            set,
            comparison,
            negated,
            if_exists,
        })
    }

    /// Whether the values of the request pass against those of the policy.
    pub(super) fn passes(self, given: &[String], wanted: &[String]) -> Certainty {
        if self.comparison == Comparison::Null {
            return Certainty::any(wanted.iter().map(|wanted| match wanted.as_str() {
                "true" => given.is_empty().into(),
                "false" => (!given.is_empty()).into(),
                _ => Certainty::Unsure,
            }));
        }
        if given.is_empty() {
            return self.passes_without_values();
        }
        let mut each = given.iter().map(|value| {
            let matches = wanted
                .iter()
                .map(|wanted| self.comparison.matches(wanted, value));
            let matches = Certainty::any(matches);
            if self.negated {
                matches.opposite()
            } else {
                matches
            }
        });
        match self.set {
            Set::Plain if self.negated => Certainty::all(&mut each),
            Set::Plain | Set::Any => Certainty::any(&mut each),
            Set::All => Certainty::all(&mut each),
        }
    }

    fn passes_without_values(self) -> Certainty {
        match self.set {
            // The guide lets every `IfExists` pass; others have seen this one fail.
            Set::Any if self.if_exists => Certainty::Unsure,
            Set::Any => Certainty::No,
            Set::All => Certainty::Yes,
            Set::Plain => (self.negated || self.if_exists).into(),
        }
    }

    /// Whether it names what it lets through, rather than what it keeps out.
    pub(super) fn is_positive(self) -> bool {
        !self.negated && self.comparison != Comparison::Null
    }

    /// Whether it keeps out the values it names, and nothing else.
    pub(super) fn is_exclusion(self) -> bool {
        self.negated && self.set == Set::Plain && self.comparison != Comparison::EqualsIgnoreCase
    }
}

impl Comparison {
    /// Whether a value of the request is the one, or one of those, that the policy says. A policy
    /// variable (`${…}`) stands for what is not known here.
    fn matches(self, wanted: &str, value: &str) -> Certainty {
        if wanted.contains("${") {
            return Certainty::Unsure;
        }
        let matches = match self {
            Self::Equals => wanted == value,
            Self::EqualsIgnoreCase => wanted.eq_ignore_ascii_case(value),
            Self::Like => is_like(wanted, value),
            Self::Null => false,
        };
        matches.into()
    }
}

//! One condition of a statement: an operator, a key of the request, values.

use serde_json::Value;

use super::super::document::list;
use super::admitted::{Token, issuer_of};
use super::certainty::Certainty;
use super::operator::{Comparison, Operator};

/// The key that names the provider itself.
const PROVIDER: &str = "aws:federatedprovider";

/// A condition of a statement.
#[derive(Debug, Clone)]
pub(in crate::steps) struct Condition {
    /// The operator as it is written.
    pub(in crate::steps) name: String,
    /// None when the name is not understood.
    pub(super) operator: Option<Operator>,
    /// The key as it is written.
    pub(in crate::steps) key: String,
    /// The key as it is compared: "Context key names are not case-sensitive".
    folded: String,
    pub(in crate::steps) values: Vec<String>,
}

/// What is known of a key.
enum Given<'a> {
    /// Its values; none when the request does not have it.
    Values(&'a [String]),
    Unknown,
}

impl Condition {
    /// Reads a condition; nothing when its values are no plain ones.
    pub(super) fn parse(name: &str, key: &str, values: &Value) -> Option<Self> {
        let values = list(values).iter().map(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        });
        Some(Self {
            name: name.into(),
            operator: Operator::parse(name),
            key: key.into(),
            folded: key.to_ascii_lowercase(),
            values: values.collect::<Option<_>>()?,
        })
    }

    /// Whether it holds for whoever shows the token.
    pub(in crate::steps) fn holds(&self, token: &Token) -> Certainty {
        match (self.operator, self.given(token)) {
            (Some(operator), Given::Values(given)) => operator.passes(given, &self.values),
            _ => Certainty::Unsure,
        }
    }

    /// Returns the claim that it is about, of tokens of this issuer.
    pub(in crate::steps) fn claim(&self, issuer: &str) -> Option<&str> {
        let (before, after) = self.folded.split_at_checked(issuer.len())?;
        let claim = after.strip_prefix(':')?;
        before.eq_ignore_ascii_case(issuer).then_some(claim)
    }

    /// A token has the claims of its own issuer and none of another's. Of the other keys a request
    /// without a caller has some, and they are not known here.
    fn given<'a>(&self, token: &'a Token) -> Given<'a> {
        if let Some(claim) = self.claim(issuer_of(&token.provider)) {
            return Given::Values(token.claims.get(claim).map_or(&[], Vec::as_slice));
        }
        if self.folded == PROVIDER {
            return Given::Values(std::slice::from_ref(&token.provider));
        }
        if self.is_about_tokens() {
            return Given::Values(&[]);
        }
        Given::Unknown
    }

    /// Whether the token alone decides it.
    pub(super) fn is_about_tokens(&self) -> bool {
        self.folded == PROVIDER || self.is_of_an_issuer()
    }

    /// Whether the key begins with a host's name, as those of issuers do, and not with the name of
    /// a service.
    pub(in crate::steps) fn is_of_an_issuer(&self) -> bool {
        let host = self.folded.split([':', '/']).next();
        host.is_some_and(|host| host.contains('.'))
    }

    /// Whether it holds for a request whose key has this one value.
    pub(super) fn passes(&self, value: &str) -> Certainty {
        self.operator.map_or(Certainty::Unsure, |operator| {
            operator.passes(&[value.to_owned()], &self.values)
        })
    }

    /// Whether it holds for a request that does not have the key.
    pub(super) fn passes_without(&self) -> Certainty {
        self.operator.map_or(Certainty::Unsure, |operator| {
            operator.passes(&[], &self.values)
        })
    }

    pub(super) fn is_about_the_key_of(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// Whether nothing in it is left open, its key apart.
    pub(super) fn is_understood(&self) -> bool {
        self.operator.is_some() && !self.values.iter().any(|value| value.contains("${"))
    }

    /// Whether it asks only if there is such a key.
    pub(super) fn is_about_presence(&self) -> bool {
        self.operator
            .is_some_and(|operator| operator.comparison == Comparison::Null)
    }

    /// Returns the words for it.
    pub(super) fn in_words(&self, issuer: &str) -> String {
        let key = self.claim(issuer).unwrap_or(&self.key);
        let values: Vec<_> = self
            .values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect();
        format!("`{key}` {} {}", self.name, values.join(" or "))
    }
}

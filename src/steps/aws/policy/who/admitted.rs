//! The web identities that a trust policy lets in.
//!
//! "Policy evaluation logic" in the IAM User Guide: nobody is let in unless a statement allows it,
//! and a statement that denies beats every one that allows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::document::list;
use super::certainty::Certainty;
use super::statement::{Effect, Statement};

/// A token that somebody shows to STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The IAM OIDC provider that it comes from: an ARN, or the name of one that AWS knows by
    /// itself.
    pub provider: String,
    /// Its claims by the last part of their condition keys, in lower case. One that is missing is
    /// not among them.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// Whom a trust policy lets in.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub(super) statements: Vec<Statement>,
    /// What of the document is no policy.
    pub(super) unclear: Vec<String>,
}

/// Reads from a trust policy who can assume its role with a web identity. Garbage admits nobody.
pub fn admitted(trust: &Value) -> Admitted {
    let statements: Vec<Statement> = trust
        .get("Statement")
        .map(list)
        .unwrap_or_default()
        .iter()
        .map(Statement::parse)
        .collect();
    let mut unclear = Vec::new();
    if statements.is_empty() {
        unclear.push("the trust policy has no statements".into());
    }
    for (place, statement) in statements.iter().enumerate() {
        let found = statement.unclear.iter();
        unclear.extend(found.map(|what| format!("statement {}: {what}", place + 1)));
    }
    Admitted {
        statements,
        unclear,
    }
}

impl Admitted {
    /// Whether whoever shows the token is certainly let in.
    pub fn admits(&self, token: &Token) -> bool {
        self.judge(token) == Certainty::Yes
    }

    /// Whether whoever shows the token is let in, as far as it can be told.
    pub fn judge(&self, token: &Token) -> Certainty {
        let statements = || self.statements.iter();
        match Certainty::any(statements().map(|statement| statement.allows(token))) {
            Certainty::No => Certainty::No,
            allowed => {
                let denied = Certainty::any(statements().map(|statement| statement.denies(token)));
                allowed.min(denied.opposite())
            }
        }
    }

    /// Returns what of the policy was not understood.
    pub fn unclear(&self) -> &[String] {
        &self.unclear
    }

    /// The statements that may let somebody in, or may keep somebody out.
    pub(super) fn about_tokens(&self, effect: Effect) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| {
            statement.has(effect).min(statement.is_about_tokens()) != Certainty::No
        })
    }
}

/// The issuer of a provider's tokens, which stands before their claims in condition keys.
pub(super) fn issuer_of(provider: &str) -> &str {
    match provider.split_once(":oidc-provider/") {
        Some((_, issuer)) => issuer,
        None => provider,
    }
}

//! What goes wrong in a step, in the shape a person and a frontend can use.

use serde::{Deserialize, Serialize};

use super::chain::Chain;

/// The sort of failure; it decides how a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Something went wrong.
    Failed,
    /// An answer cannot be right: an unknown cluster, a clone of something else.
    Answers,
    /// Something with our name exists and is not ours.
    Conflict,
    /// A check of the installed state did not pass.
    Verification,
    /// The caller lacks a right.
    Permission,
    /// The caller's credentials are missing, wrong or expired.
    Credentials,
}

/// A failure of a step: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// Decides how the run ends.
    pub kind: ErrorKind,
    /// A lowercase fragment that names the thing, what was found and what was expected.
    pub message: String,
    /// What to do next, one suggestion each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Whether looking again and acting again may help. The engine retries, steps do not.
    #[serde(default)]
    pub retry: bool,
    /// How far the chain holds, from a step that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Box<Chain>>,
}

impl StepError {
    /// Returns an error of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            retry: false,
            chain: None,
        }
    }

    /// Returns an error of no special kind.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Returns an error about an answer.
    pub fn answers(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Answers, message)
    }

    /// Returns a failed verification.
    pub fn verification(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Verification, message)
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says how far the chain holds.
    #[must_use]
    pub fn with_chain(mut self, chain: Chain) -> Self {
        self.chain = Some(Box::new(chain));
        self
    }

    /// Whether it will be the same later: a right is missing, or an answer is wrong. All else may pass.
    pub fn is_lasting(&self) -> bool {
        matches!(self.kind, ErrorKind::Permission | ErrorKind::Answers) && !self.retry
    }

    /// Says that another try may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }
}

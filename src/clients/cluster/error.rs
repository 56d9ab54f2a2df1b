//! What can go wrong with a cluster, in words.

use std::error::Error;
use std::iter;

use kube::client::AuthError;
use kube::core::Status;
use serde::{Deserialize, Serialize};

use crate::clients::secret::hushed;

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation}: {}{message}", before(reason))]
pub struct ClusterError {
    /// What was tried: `get serviceaccounts/rok`; `connect`; `kubeconfig`.
    pub operation: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The server's reason: `Forbidden`; empty when there was no answer.
    pub reason: String,
    /// The server's message, or what kept the request from being answered.
    pub message: String,
    /// What a caller may treat differently.
    pub kind: ClusterErrorKind,
    /// Whose fields are in the way of an apply.
    pub conflicts: Vec<FieldConflict>,
    hint: Option<Box<str>>,
}

/// What a caller may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterErrorKind {
    /// No answer came.
    Unreachable,
    /// The server does not know the caller, or the exec plugin gave no credentials.
    Unauthorized,
    /// The caller is known and may not do this.
    Forbidden,
    /// What the request names does not exist.
    NotFound,
    /// Something of that name exists.
    AlreadyExists,
    /// Somebody else owns a field, or changed the object since it was read.
    Conflict,
    /// The request would fail the same way again.
    Invalid,
    /// The kubeconfig, or a program it names, is missing or wrong.
    Kubeconfig,
    /// Anything else, such as a fault on the server's side.
    Other,
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldConflict {
    /// Who owns it: `kubectl-client-side-apply`, `kustomize-controller`.
    pub manager: String,
    /// Which one: `.metadata.labels.app`.
    pub field: String,
}

impl ClusterError {
    /// Returns what somebody who knows better advises, such as the author of an exec plugin.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns whether the same request may succeed a little later: nobody answered, the server was
    /// in trouble or busy, or the object was changed while it was being changed.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ClusterErrorKind::Unreachable => true,
            ClusterErrorKind::Conflict => self.conflicts.is_empty(),
            _ => self
                .status
                .is_some_and(|status| status == 429 || status >= 500),
        }
    }

    pub(super) fn new(operation: &str, kind: ClusterErrorKind, message: &str) -> Self {
        Self {
            operation: operation.into(),
            status: None,
            reason: String::new(),
            message: message.into(),
            kind,
            conflicts: Vec::new(),
            hint: None,
        }
    }

    /// Writes the error down, for whoever keeps the gate.
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).expect("an error is plain values")
    }

    /// Reads an error that was written down.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Self::new("connect", ClusterErrorKind::Other, text))
    }

    pub(super) fn kubeconfig(message: &str) -> Self {
        Self::new("kubeconfig", ClusterErrorKind::Kubeconfig, message)
    }

    pub(super) fn with_hint(self, hint: &str) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Turns `kube`'s error of `operation` into ours.
    pub(super) fn from_kube(operation: &str, error: &kube::Error) -> Self {
        if let kube::Error::Api(status) = error {
            return Self::from_status(operation, status);
        }
        for cause in causes(error) {
            // The transport's own errors come back inside `kube`'s.
            if let Some(ours) = cause.downcast_ref::<Self>() {
                return Self {
                    operation: operation.into(),
                    ..ours.clone()
                };
            }
            if let Some(error) = cause.downcast_ref::<AuthError>() {
                return Self::new(
                    operation,
                    ClusterErrorKind::Unauthorized,
                    &one_line(&error.to_string()),
                );
            }
        }
        let kind = match error {
            kube::Error::Service(_) | kube::Error::HyperError(_) => ClusterErrorKind::Unreachable,
            kube::Error::Discovery(_) => ClusterErrorKind::NotFound,
            kube::Error::BuildRequest(_) => ClusterErrorKind::Invalid,
            _ => ClusterErrorKind::Other,
        };
        let root = causes(error)
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let root = hushed(&root, []);
        let message = if root.contains("close_notify") {
            // The TLS library says more about it than helps, with a link.
            "no answer: the connection was cut off".to_owned()
        } else if kind == ClusterErrorKind::Unreachable {
            format!("no answer: {root}")
        } else {
            root
        };
        Self::new(operation, kind, &message)
    }

    pub(super) fn from_status(operation: &str, status: &Status) -> Self {
        use ClusterErrorKind as Kind;
        let kind = match (status.code, status.reason.as_str()) {
            (401, _) => Kind::Unauthorized,
            (403, _) => Kind::Forbidden,
            (404, _) => Kind::NotFound,
            (409, "AlreadyExists") => Kind::AlreadyExists,
            (409, _) => Kind::Conflict,
            (400 | 405 | 413 | 415 | 422, _) => Kind::Invalid,
            _ => Kind::Other,
        };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        Self {
            operation: operation.into(),
            status: Some(status.code),
            reason: status.reason.clone(),
            message: one_line(&hushed(&status.message, [])),
            kind,
            conflicts: causes
                .filter(|cause| cause.reason == "FieldManagerConflict")
                .map(|cause| FieldConflict {
                    // The message is `conflict with "NAME" using VERSION`.
                    manager: cause
                        .message
                        .split('"')
                        .nth(1)
                        .unwrap_or(&cause.message)
                        .to_owned(),
                    field: cause.field.clone(),
                })
                .collect(),
            hint: None,
        }
    }
}

/// Makes "no such thing" an answer instead of an error.
pub(super) fn found<T>(result: Result<T, ClusterError>) -> Result<Option<T>, ClusterError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ClusterErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn before(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!("{reason}: ")
    }
}

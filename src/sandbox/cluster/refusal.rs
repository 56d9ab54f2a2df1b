//! What the server says when it does not do as asked: a `Status` object with its HTTP code.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::kinds::Kind;

/// A refused request. Reasons and messages are those of a real API server, as clients match them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    /// A refusal about one object.
    fn about(mut self, kind: &Kind, name: &str) -> Self {
        let mut details = json!({ "name": name, "kind": kind.resource });
        if !kind.group.is_empty() {
            details["group"] = kind.group.into();
        }
        self.details = Some(details);
        self
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message)
    }

    pub(super) fn forbidden_object(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.qualified());
        Self::forbidden(message).about(kind, name)
    }

    /// A whole kind of objects, or a new one of it, is out of bounds.
    pub(super) fn forbidden_kind(kind: &Kind, why: &str) -> Self {
        let message = format!("{} is forbidden: {why}", kind.qualified());
        let mut refusal = Self::forbidden(message);
        refusal.details = Some(json!({ "kind": kind.resource }));
        if !kind.group.is_empty() {
            refusal.details = Some(json!({ "kind": kind.resource, "group": kind.group }));
        }
        refusal
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", message).about(kind, name)
    }

    pub(super) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            kind.qualified()
        );
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object was changed since the caller read it.
    pub(super) fn stale(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// Someone else owns fields that were applied: who, and which.
    pub(super) fn apply_conflict(conflicts: Vec<(String, String)>) -> Self {
        let message = if let [(who, path)] = &conflicts[..] {
            format!("Apply failed with 1 conflict: conflict with {who}: {path}")
        } else {
            let mut by_owner: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (who, path) in &conflicts {
                by_owner.entry(who).or_default().push(path);
            }
            let owners: Vec<String> = by_owner
                .iter()
                .map(|(who, paths)| format!("conflicts with {who}:\n- {}", paths.join("\n- ")))
                .collect();
            let count = conflicts.len();
            format!("Apply failed with {count} conflicts: {}", owners.join("\n"))
        };
        let causes: Vec<Value> = conflicts
            .into_iter()
            .map(|(who, path)| {
                json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {who}"),
                    "field": path,
                })
            })
            .collect();
        let mut refusal = Self::new(409, "Conflict", message);
        refusal.details = Some(json!({ "causes": causes }));
        refusal
    }

    /// A JSON patch that cannot be carried out. A real server does not tell why.
    pub(super) fn unfit_patch() -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut refusal = Self::new(422, "Invalid", message);
        refusal.details = Some(json!({}));
        refusal
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unsupported_media_type(found: &str, expected: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {expected} (found {found})"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A field of an object is wrong. `kind` is the name for people, such as `Namespace`.
    pub(super) fn invalid(kind: &str, name: &str, field: &str, problem: &FieldProblem) -> Self {
        let (reason, problem) = problem.words();
        let mut refusal = Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {field}: {problem}"),
        );
        let (short, group) = kind.split_once('.').unwrap_or((kind, ""));
        let mut details = json!({
            "name": name,
            "kind": short,
            "causes": [{ "reason": reason, "message": problem, "field": field }],
        });
        if !group.is_empty() {
            details["group"] = group.into();
        }
        refusal.details = Some(details);
        refusal
    }

    /// An option of the request, not a field of an object, is wrong.
    pub(super) fn invalid_option(field: &str, problem: &FieldProblem) -> Self {
        Self::invalid("ListOptions.meta.k8s.io", "", field, problem)
    }

    /// The changes after this version are forgotten.
    pub(super) fn expired(version: u64, newest: u64) -> Self {
        let message = format!("too old resource version: {version} ({newest})");
        Self::new(410, "Expired", message)
    }

    /// A real server has no better words for this than a failure without a reason.
    pub(super) fn version_on_create() -> Self {
        let message = "resourceVersion should not be set on objects to be created";
        Self::new(500, "", message)
    }

    /// What is applied has fields that its kind does not have.
    pub(super) fn undeclared(kind: &Kind, namespace: &str, name: &str, fields: &[String]) -> Self {
        let fields: Vec<String> = fields
            .iter()
            .map(|field| format!(".{field}: field not declared in schema"))
            .collect();
        let message = format!(
            "failed to create typed patch object ({namespace}/{name}; {}/{}, Kind={}): {}",
            kind.group,
            kind.version,
            kind.name,
            match &fields[..] {
                [one] => one.clone(),
                many => format!("errors:\n  {}", many.join("\n  ")),
            }
        );
        Self::new(500, "", message)
    }

    /// The object was changed since the server began to apply this to it.
    pub(super) fn modified() -> Self {
        let message = "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again";
        Self::new(409, "Conflict", message)
    }

    pub(super) fn too_many_requests() -> Self {
        let message = "Too many requests, please try again later.";
        Self::new(429, "TooManyRequests", message)
    }

    pub(super) fn unavailable() -> Self {
        let message = "apiserver is shutting down.";
        Self::new(503, "ServiceUnavailable", message)
    }

    pub(super) fn timeout() -> Self {
        let message = "Timeout: request did not complete within requested timeout - context deadline exceeded";
        Self::new(504, "Timeout", message)
    }

    /// The server itself failed.
    pub(super) fn internal(message: impl std::fmt::Display) -> Self {
        let message = format!("Internal error occurred: {message}");
        Self::new(500, "InternalError", message)
    }

    /// The `Status` object that says so.
    pub(super) fn body(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).expect("refusals carry HTTP codes");
        (code, Json(self.body())).into_response()
    }
}

/// What is wrong with a field.
#[derive(Debug)]
pub(super) enum FieldProblem {
    /// It is missing.
    Required(&'static str),
    /// It must not be there, or not so.
    Forbidden(&'static str),
    /// It is there and cannot be accepted: the value as it is printed, and why.
    Invalid(String, &'static str),
}

impl FieldProblem {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Required(why) => ("FieldValueRequired", format!("Required value: {why}")),
            Self::Forbidden(why) => ("FieldValueForbidden", format!("Forbidden: {why}")),
            Self::Invalid(value, why) => (
                "FieldValueInvalid",
                format!("Invalid value: {value}: {why}"),
            ),
        }
    }
}

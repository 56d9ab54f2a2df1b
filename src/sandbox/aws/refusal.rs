//! What the practice cloud says when it does not do what was asked, in AWS's own codes.

use std::io;

use super::text;
use super::xml::Xml;

/// An error answer; the protocol it is written in depends on the service asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Further fields of the error body, such as `Region` or `clusterName`.
    pub(super) details: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    pub(super) fn no_such_entity(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "EntityAlreadyExists", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "DeleteConflict", message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(409, "LimitExceeded", message)
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub(super) fn malformed_policy(message: impl Into<String>) -> Self {
        Self::new(400, "MalformedPolicyDocument", message)
    }

    /// The world could not be saved. Nothing was changed, and the caller may try again.
    pub(super) fn not_saved(error: &io::Error) -> Self {
        Self::new(
            500,
            "InternalFailure",
            format!("the practice world could not be saved: {error}"),
        )
    }

    /// The error document of STS and IAM.
    pub(super) fn query_document(&self, namespace: &str, request_id: &str) -> String {
        let side = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let error = Xml::new()
            .text("Type", side)
            .text("Code", self.code)
            .text("Message", &self.message);
        Xml::new()
            .node("Error", error)
            .text("RequestId", request_id)
            .document("ErrorResponse", Some(namespace))
    }

    /// The error document of S3.
    pub(super) fn s3_document(&self, resource: &str, request_id: &str) -> String {
        let mut error = Xml::new()
            .text("Code", self.code)
            .text("Message", &self.message);
        for (name, value) in &self.details {
            error = error.text(name, value);
        }
        error
            .text("Resource", resource)
            .text("RequestId", request_id)
            .text("HostId", text::sha256_hex(request_id.as_bytes()))
            .document("Error", None)
    }

    /// The error body of EKS; the code travels in a header.
    pub(super) fn json_document(&self) -> serde_json::Value {
        let mut body = serde_json::Map::new();
        for (name, value) in &self.details {
            body.insert((*name).into(), value.clone().into());
        }
        body.insert("message".into(), self.message.clone().into());
        body.into()
    }
}

//! What Resource Manager says when it does not do what was asked, in Azure's own codes.

use std::borrow::Cow;
use std::io;

use serde_json::{Value, json};

use super::authority::Principal;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
    /// Further fields of the error.
    pub(super) details: Vec<(&'static str, Value)>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.details.push((name, value));
        self
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameter", message)
    }

    pub(super) fn content(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestContent", message)
    }

    pub(super) fn forbidden(principal: &Principal, action: &str, scope: &str) -> Self {
        let Principal {
            client_id,
            object_id,
            ..
        } = principal;
        Self::new(
            403,
            "AuthorizationFailed",
            format!(
                "The client '{client_id}' with object id '{object_id}' does not have \
                 authorization to perform action '{action}' over scope '{scope}' or the scope is \
                 invalid. If access was recently granted, please refresh your credentials."
            ),
        )
    }

    /// The caller may write a resource and not use another one that it names.
    pub(super) fn linked(
        principal: &Principal,
        action: (&str, &str),
        linked: (&str, &str),
    ) -> Self {
        let Principal {
            client_id,
            object_id,
            ..
        } = principal;
        let ((action, scope), (linked_action, linked_scope)) = (action, linked);
        Self::new(
            403,
            "LinkedAuthorizationFailed",
            format!(
                "The client '{client_id}' with object id '{object_id}' has permission to perform \
                 action '{action}' on scope '{scope}'; however, it does not have permission to \
                 perform action '{linked_action}' on the linked scope(s) '{linked_scope}' or the \
                 linked scope(s) are invalid."
            ),
        )
    }

    pub(super) fn no_resource(kind: &str, name: &str, group: &str) -> Self {
        Self::new(
            404,
            "ResourceNotFound",
            format!(
                "The Resource '{kind}/{name}' under resource group '{group}' was not found. For \
                 more details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    pub(super) fn no_group(name: &str) -> Self {
        Self::new(
            404,
            "ResourceGroupNotFound",
            format!("Resource group '{name}' could not be found."),
        )
    }

    pub(super) fn no_subscription(id: &str) -> Self {
        Self::new(
            404,
            "SubscriptionNotFound",
            format!("The subscription '{id}' could not be found."),
        )
    }

    pub(super) fn no_parent(action: &str, kind: &str, parent: &str) -> Self {
        Self::new(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform '{action}' on resource(s) of type '{kind}', because the parent \
                 resource '{parent}' could not be found."
            ),
        )
    }

    /// The world could not be saved. Nothing was changed, and the caller may try again.
    pub(super) fn not_saved(error: &io::Error) -> Self {
        Self::new(
            500,
            "InternalServerError",
            format!("the practice world could not be saved: {error}"),
        )
    }

    /// The body of the answer.
    pub(super) fn document(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        for (name, value) in &self.details {
            error[*name] = value.clone();
        }
        json!({ "error": error })
    }
}

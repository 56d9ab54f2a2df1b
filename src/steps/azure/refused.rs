//! What Azure refuses, as a step's error: the kind decides how the run ends, the atlas what to do.

use crate::clients::azure::{AzureError, AzureErrorKind};
use crate::engine::{ErrorKind, StepError};
use crate::steps::atlas::{Symptom, advice};

/// What passes by itself, minutes after something was made: replicas have not heard of it.
const PASSING: [&str; 5] = [
    "PrincipalNotFound",
    "ParentResourceNotFound",
    "RoleDefinitionDoesNotExist",
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
    "RoleAssignmentExists",
];

/// What the control plane says while it has not heard of its right to an identity.
const NO_ASSIGNMENT_PERMISSION: &str = "has no assignment permission over identity";

/// Turns a refusal of Azure into a step's error.
pub(in crate::steps) fn refused(error: AzureError) -> StepError {
    let kind = match error.kind {
        AzureErrorKind::AccessDenied => ErrorKind::Permission,
        AzureErrorKind::Credentials if is_renewable(&error) => ErrorKind::Credentials,
        AzureErrorKind::Configuration => ErrorKind::Answers,
        _ => ErrorKind::Failed,
    };
    let code = error.code.as_deref().unwrap_or_default();
    // Somebody was faster, or an answer to our own request was lost: the next look tells which.
    let again = error.is_transient()
        || error.kind == AzureErrorKind::AlreadyExists
        || PASSING.contains(&code)
        || error.message.contains(NO_ASSIGNMENT_PERMISSION);
    let mut refused = StepError::new(kind, error.to_string());
    refused.hints = advice(&Symptom::from(&error));
    if again { refused.retryable() } else { refused }
}

/// Whether waiting for the operator to log in again can help.
fn is_renewable(error: &AzureError) -> bool {
    let surroundings = error.surroundings.as_ref();
    surroundings.is_some_and(|surroundings| surroundings.is_renewable)
}

/// An object that was made a moment ago may be missing from the answers of other replicas.
pub(in crate::steps) fn not_there_yet(error: AzureError) -> StepError {
    let missing = error.kind == AzureErrorKind::NotFound;
    let refused = refused(error);
    if missing {
        refused.retryable()
    } else {
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: AzureErrorKind, code: &str, message: &str) -> AzureError {
        AzureError {
            operation: "PUT Microsoft.Authorization/roleAssignments".into(),
            code: Some(code.into()),
            message: message.into(),
            status: Some(400),
            request_id: None,
            kind,
            surroundings: None,
        }
    }

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        for (code, message) in [
            ("PrincipalNotFound", "does not exist in the directory"),
            ("ParentResourceNotFound", "no identity"),
            (
                "BadRequest",
                "Cluster identity has no assignment permission over identity 'resourceId: x'",
            ),
        ] {
            assert!(refused(error(AzureErrorKind::Invalid, code, message)).retry);
        }
        let denied = refused(error(
            AzureErrorKind::AccessDenied,
            "AuthorizationFailed",
            "no",
        ));
        assert_eq!((denied.kind, denied.retry), (ErrorKind::Permission, false));
        let gone = || error(AzureErrorKind::NotFound, "ResourceNotFound", "gone");
        assert!(!refused(gone()).retry && not_there_yet(gone()).retry);
    }
}

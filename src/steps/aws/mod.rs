//! Steps on an AWS account.

pub mod adoption;
mod caller;
mod cluster;
mod discovery;
mod existing_role;
mod found_role;
pub mod handoff;
mod iam_policy;
mod iam_role;
mod identity;
mod in_the_way;
mod oidc_provider;
mod overlap;

pub(in crate::steps) mod permissions;
pub mod policy;
mod policy_attachment;
pub mod remove;
mod rights;
mod stack;
mod trust;
mod trust_statement;

pub use crate::steps::ownership::{Ownership, TagNames};
pub use adoption::{ADOPT, Decision, Decisions, Object, meaning_digest};
pub use caller::{ACCOUNT, CALLER_ARN, Caller, PARTITION};
pub use cluster::{CERTIFICATE_AUTHORITY, Cluster, ENDPOINT, ISSUER, chosen};
pub use discovery::{AwsDiscovery, Connector};
pub use existing_role::ExistingRole;
pub use iam_policy::{IamPolicy, POLICY_ADOPTED, POLICY_ARN};
pub use iam_role::{IamRole, ROLE_ADOPTED, ROLE_ARN};
pub use identity::{Grant, Identity, s3_endpoint};
pub use in_the_way::InTheWay;
pub use oidc_provider::{OidcProvider, PROVIDER_ARN};
pub use overlap::Overlap;
pub use permissions::Permissions;
pub use policy_attachment::PolicyAttachment;
pub use rights::Rights;
pub use stack::{DeployStack, FindStackParts, STACK_PARTS, STACK_TEMPLATE, StackParts};
pub use trust::Trust;

pub use crate::clients::aws::Aws as Client;

use crate::clients::aws::{AwsError, AwsErrorKind};
use crate::engine::{ErrorKind, StepError};
use crate::steps::atlas::{Symptom, advice};

/// Turns a refusal of AWS into a step's error: the kind decides how the run ends, the atlas what
/// to do.
pub(crate) fn refused(error: AwsError) -> StepError {
    let kind = match error.kind {
        AwsErrorKind::AccessDenied => ErrorKind::Permission,
        AwsErrorKind::Credentials if is_renewable(&error) => ErrorKind::Credentials,
        _ => ErrorKind::Failed,
    };
    // Somebody was faster, or an answer to our own request was lost: the next look tells which.
    let again = error.is_transient() || error.kind == AwsErrorKind::AlreadyExists;
    let mut refused = StepError::new(kind, error.to_string());
    refused.hints = advice(&Symptom::from(&error));
    if again { refused.retryable() } else { refused }
}

/// Whether waiting for the operator to log in again can help.
fn is_renewable(error: &AwsError) -> bool {
    let surroundings = error.surroundings.as_ref();
    surroundings.is_some_and(|surroundings| surroundings.is_renewable)
}

/// An object that was made a moment ago may be missing from the answers of other replicas.
pub(crate) fn not_there_yet(error: AwsError) -> StepError {
    let missing = error.kind == AwsErrorKind::NotFound;
    let refused = refused(error);
    if missing {
        refused.retryable()
    } else {
        refused
    }
}

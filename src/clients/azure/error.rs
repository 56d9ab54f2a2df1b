//! What can go wrong with an Azure call, in words and without the SDK's debug forms: those carry
//! whole responses.

use super::caller::CredentialSource;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}{message}{}", before(code.as_deref()), after(request_id.as_deref()))]
pub struct AzureError {
    /// The call: `PUT Microsoft.ManagedIdentity/userAssignedIdentities rok-arrikto-cluster`;
    /// `connect` when the clients could not be built.
    pub operation: String,
    /// The service's error code, when it answered with one: `AuthorizationFailed`, `AADSTS700213`.
    pub code: Option<String>,
    /// The service's message, or what kept the call from being answered.
    pub message: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The id that Azure support asks for: the correlation id, else the request id.
    pub request_id: Option<String>,
    /// What a caller may treat differently.
    pub kind: AzureErrorKind,
    /// Where the call was made from.
    pub surroundings: Option<Box<Surroundings>>,
}

/// Where a call was made from, as far as the client knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The tenant in force, when anything names one.
    pub tenant: Option<String>,
    /// The endpoint of Resource Manager.
    pub endpoint: Option<String>,
    /// Where the credentials came from, once they were found.
    pub source: Option<CredentialSource>,
    /// By how much the server's clock was ahead of ours.
    pub skew: Option<jiff::SignedDuration>,
    /// Whether a new login of the operator can reach this process.
    pub is_renewable: bool,
}

/// What a caller may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureErrorKind {
    /// The caller is known and may not do this.
    AccessDenied,
    /// What the call names does not exist.
    NotFound,
    /// Something of that name, or with that meaning, exists.
    AlreadyExists,
    /// Somebody else is changing it, or has changed it since it was read.
    Conflict,
    /// Too many requests.
    Throttled,
    /// No answer came, or the service cannot give one now.
    Unavailable,
    /// Credentials are missing, expired, wrong, or refused.
    Credentials,
    /// The settings of this program do not lead to a cloud.
    Configuration,
    /// The request would fail the same way again.
    Invalid,
    /// Anything else.
    Other,
}

impl AzureError {
    /// Returns whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            AzureErrorKind::Throttled | AzureErrorKind::Unavailable | AzureErrorKind::Conflict
        )
    }
}

fn before(code: Option<&str>) -> String {
    code.map(|code| format!("{code}: ")).unwrap_or_default()
}

fn after(request_id: Option<&str>) -> String {
    request_id
        .map(|id| format!(" (correlation id {id})"))
        .unwrap_or_default()
}

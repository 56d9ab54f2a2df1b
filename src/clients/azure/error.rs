//! What can go wrong with an Azure call, in words and without the SDK's debug forms: those carry
//! whole responses.

use std::error::Error;
use std::iter;

use super::caller::CredentialSource;
use super::connect::Azure;
use super::unanswered::{How, Unanswered};
use crate::clients::secret::hushed;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}{message}{}", before(code.as_deref()), after(request_id.as_deref()))]
pub struct AzureError {
    /// The call: `PUT Microsoft.ManagedIdentity/userAssignedIdentities rok-arrikto-cluster`;
    /// `connect` when the clients could not be built, `credentials` when nobody is logged in.
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

/// Refusals of something that was made a moment ago and is not known everywhere yet.
const TOO_EARLY: [&str; 3] = [
    "PrincipalNotFound",
    "ParentResourceNotFound",
    "RoleDefinitionDoesNotExist",
];

impl AzureError {
    /// Returns whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        use AzureErrorKind as Kind;
        matches!(
            self.kind,
            Kind::Throttled | Kind::Unavailable | Kind::Conflict
        ) || self
            .code
            .as_deref()
            .is_some_and(|code| TOO_EARLY.contains(&code))
    }

    /// Returns an error of building the clients.
    pub(super) fn configuration(message: &str) -> Self {
        Self {
            operation: "connect".into(),
            code: None,
            message: message.into(),
            status: None,
            request_id: None,
            kind: AzureErrorKind::Configuration,
            surroundings: None,
        }
    }

    /// Returns an error of looking for credentials.
    pub(super) fn credentials(message: &str) -> Self {
        Self {
            operation: "credentials".into(),
            kind: AzureErrorKind::Credentials,
            ..Self::configuration(message)
        }
    }

    /// Returns an error about an answer that lacks what it must have.
    pub(super) fn incomplete(operation: &str, what: &str) -> Self {
        Self {
            operation: operation.into(),
            kind: AzureErrorKind::Other,
            ..Self::configuration(&format!("the answer has no {what}"))
        }
    }

    /// Returns an error about a name that nothing can have.
    pub(super) fn invalid(operation: &str, message: &str) -> Self {
        Self {
            operation: operation.into(),
            kind: AzureErrorKind::Invalid,
            ..Self::configuration(message)
        }
    }

    /// Puts it into words that [`AzureError::told`] understands.
    pub(super) fn tell(&self) -> String {
        let kind = match self.kind {
            AzureErrorKind::Unavailable => "unavailable",
            AzureErrorKind::Credentials => "credentials",
            _ => "configuration",
        };
        let code = self.code.as_deref().unwrap_or("-");
        format!("{kind} {code}: {}", self.message)
    }

    /// Reads what was told of an earlier one.
    pub(super) fn told(operation: &str, text: &str) -> Self {
        let (head, message) = text.split_once(": ").unwrap_or(("", text));
        let (kind, code) = head.split_once(' ').unwrap_or((head, "-"));
        Self {
            operation: operation.into(),
            kind: match kind {
                "unavailable" => AzureErrorKind::Unavailable,
                "credentials" => AzureErrorKind::Credentials,
                _ => AzureErrorKind::Configuration,
            },
            code: (code != "-").then(|| code.to_owned()),
            ..Self::configuration(message)
        }
    }

    /// Takes our own error out of the pipeline's, or tells why there was no answer.
    pub(super) fn of_pipeline(operation: &str, error: &(dyn Error + 'static)) -> Self {
        if let Some(ours) = causes(error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return ours.clone();
        }
        let unanswered = causes(error).find_map(|cause| cause.downcast_ref::<Unanswered>());
        let (kind, message) = match unanswered {
            Some(unanswered) => (
                match unanswered.how {
                    How::Never => AzureErrorKind::Other,
                    _ => AzureErrorKind::Unavailable,
                },
                match unanswered.how {
                    How::CutOff => format!("the answer cannot be read: {}", unanswered.reason),
                    How::TimedOut | How::Never => unanswered.reason.clone(),
                    How::NotSent => format!("no answer: {}", unanswered.reason),
                },
            ),
            None => (AzureErrorKind::Other, root_cause(error).to_string()),
        };
        Self {
            operation: operation.into(),
            kind,
            ..Self::configuration(&one_line(&message))
        }
    }
}

impl Azure {
    /// Adds to an error where it was made, and has the login looked up anew where it was refused.
    pub(super) fn failed(&self, mut error: AzureError) -> AzureError {
        if error.kind == AzureErrorKind::Credentials {
            self.renew_login();
        }
        error.surroundings = Some(Box::new(self.surroundings()));
        error
    }
}

/// Makes "no such thing" an answer instead of an error.
pub(super) fn found<T>(result: Result<T, AzureError>) -> Result<Option<T>, AzureError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == AzureErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes "gone already" a success.
pub(super) fn gone<T>(result: Result<T, AzureError>) -> Result<(), AzureError> {
    found(result).map(|_| ())
}

pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// What was said, in one line and without the credentials that it repeats.
pub(super) fn one_line(text: &str) -> String {
    let text = hushed(text, []);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn before(code: Option<&str>) -> String {
    code.map(|code| format!("{code}: ")).unwrap_or_default()
}

fn after(request_id: Option<&str>) -> String {
    request_id
        .map(|id| format!(" (correlation id {id})"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_of_an_error_is_understood() {
        let refused = AzureError {
            code: Some("AADSTS7000215".into()),
            ..AzureError::credentials("environment: Invalid client secret")
        };
        assert_eq!(AzureError::told("credentials", &refused.tell()), refused);
        let nowhere = AzureError {
            kind: AzureErrorKind::Unavailable,
            ..AzureError::configuration("GET metadata/endpoints: no answer: refused")
        };
        assert_eq!(AzureError::told("connect", &nowhere.tell()), nowhere);
    }
}

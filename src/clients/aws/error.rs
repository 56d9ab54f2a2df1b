//! What can go wrong with an AWS call, in words and without the SDK's debug forms:
//! those carry whole responses.

use std::error::Error;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::connect::Aws;
use super::wire;
use crate::clients::secret::hushed;

/// The message when nothing names a region.
pub(super) const NO_REGION: &str = "no region is set";

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}{message}{}", before(code.as_deref()), after(request_id.as_deref()))]
pub struct AwsError {
    /// The call: `iam:CreateRole`; `connect` when the clients could not be built.
    pub operation: String,
    /// The service's error code, when it answered with one.
    pub code: Option<String>,
    /// The service's message, or what kept the call from being answered.
    pub message: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The id that AWS support asks for.
    pub request_id: Option<String>,
    /// What a caller may treat differently.
    pub kind: AwsErrorKind,
    /// Where the call was made from.
    pub surroundings: Option<Box<Surroundings>>,
}

/// Where a call was made from, as far as the client knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The operator's profile, when one was named.
    pub profile: Option<String>,
    /// The region in force, when anything names one.
    pub region: Option<String>,
    /// The endpoint, when it is not Amazon's own.
    pub endpoint: Option<String>,
    /// By how much the server's clock was ahead of ours.
    pub skew: Option<jiff::SignedDuration>,
    /// Whether a new login of the operator can reach this process.
    pub is_renewable: bool,
}

/// What a caller may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The caller is known and may not do this.
    AccessDenied,
    /// Credentials are missing, expired, wrong, or signed with a wrong clock.
    Credentials,
    /// Something of that name exists.
    AlreadyExists,
    /// What the call names does not exist.
    NotFound,
    /// Too many requests.
    Throttling,
    /// The request would fail the same way again.
    Invalid,
    /// No answer came.
    Network,
    /// Anything else, such as a fault on the server's side.
    Other,
}

impl AwsError {
    /// Returns whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, AwsErrorKind::Throttling | AwsErrorKind::Network)
            || self.status.is_some_and(|status| status >= 500)
            || self.code.as_deref().is_some_and(|code| {
                matches!(code, "ConcurrentModification" | "IDPCommunicationError")
            })
    }

    /// Returns an error of building the clients.
    pub(super) fn configuration(message: &str) -> Self {
        Self {
            operation: "connect".into(),
            code: None,
            message: message.into(),
            status: None,
            request_id: None,
            kind: AwsErrorKind::Invalid,
            surroundings: None,
        }
    }

    /// Returns an error about an answer that lacks what it must have.
    pub(super) fn incomplete(operation: &str, what: &str) -> Self {
        Self {
            operation: operation.into(),
            message: format!("the answer has no {what}"),
            kind: AwsErrorKind::Other,
            ..Self::configuration("")
        }
    }

    fn from_sdk<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let response = error.raw_response();
        let code = error
            .as_service_error()
            .and_then(ProvideErrorMetadata::code);
        let status = response.map(|response| response.status().as_u16());
        let (kind, message) = match error {
            SdkError::ServiceError(service) => (
                match code {
                    None => kind_of_status(status),
                    Some(_) if is_no_stack(operation, code, service.err().message()) => {
                        AwsErrorKind::NotFound
                    }
                    Some(code) => kind_of(operation, code),
                },
                service
                    .err()
                    .message()
                    .map_or_else(|| format!("HTTP status {}", status.unwrap_or(0)), one_line),
            ),
            SdkError::ResponseError(_) => (
                kind_of_status(status),
                format!(
                    "the answer cannot be read: {}",
                    one_line(&root_cause(error).to_string())
                ),
            ),
            SdkError::TimeoutError(_) => (AwsErrorKind::Network, "no answer in time".to_owned()),
            _ => not_sent(error),
        };
        Self {
            operation: operation.into(),
            code: code.map(str::to_owned),
            message,
            status,
            request_id: response.and_then(wire::request_id),
            kind,
            surroundings: None,
        }
    }
}

impl Aws {
    /// Turns the SDK's error of `operation` into ours.
    pub(super) fn failed<E>(
        &self,
        operation: &'static str,
    ) -> impl FnOnce(SdkError<E, HttpResponse>) -> AwsError + use<'_, E>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        move |error| {
            let mut ours = AwsError::from_sdk(operation, &error);
            if ours.kind == AwsErrorKind::Credentials {
                self.forget_login();
            }
            ours.surroundings = Some(Box::new(self.surroundings()));
            ours
        }
    }
}

/// Makes "no such thing" an answer instead of an error.
pub(super) fn found<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// CloudFormation has no code for a stack that does not exist.
fn is_no_stack(operation: &str, code: Option<&str>, message: Option<&str>) -> bool {
    operation.starts_with("cloudformation:")
        && code == Some("ValidationError")
        && message.is_some_and(|message| {
            message.starts_with("Stack")
                && message.trim_end_matches('.').ends_with("does not exist")
        })
}

/// Only codes tell: a 404 without one comes from a proxy or from a server that is no AWS.
fn kind_of(operation: &str, code: &str) -> AwsErrorKind {
    use AwsErrorKind as Kind;
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Kind::AccessDenied,
        // Here it is the workload's token that expired, not the operator's.
        "ExpiredToken" | "ExpiredTokenException"
            if operation == "sts:AssumeRoleWithWebIdentity" =>
        {
            Kind::Invalid
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure"
        | "RequestTimeTooSkewed"
        | "RegionDisabledException" => Kind::Credentials,
        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "AlreadyExistsException"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "ResourceInUseException" => Kind::AlreadyExists,
        "NoSuchEntity"
        | "NoSuchEntityException"
        | "NoSuchBucket"
        | "ResourceNotFoundException"
        | "ChangeSetNotFound"
        | "ChangeSetNotFoundException" => Kind::NotFound,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => Kind::Throttling,
        "InternalFailure"
        | "InternalError"
        | "ServiceFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ServerException"
        | "ConcurrentModification"
        | "IDPCommunicationError" => Kind::Other,
        _ => Kind::Invalid,
    }
}

fn kind_of_status(status: Option<u16>) -> AwsErrorKind {
    if status == Some(429) {
        AwsErrorKind::Throttling
    } else {
        AwsErrorKind::Other
    }
}

/// Tells missing credentials, missing settings and a dead network from one another. The SDK wraps
/// all three alike.
fn not_sent<E>(error: &SdkError<E, HttpResponse>) -> (AwsErrorKind, String)
where
    E: Error + 'static,
{
    let credentials = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>());
    if let Some(credentials) = credentials {
        let message = match credentials {
            CredentialsError::CredentialsNotLoaded(_) => {
                "no credentials found in the environment, the profile or on this machine".to_owned()
            }
            CredentialsError::ProviderTimedOut(_) => "loading credentials took too long".to_owned(),
            other => {
                let reasons: Vec<String> = causes(other)
                    .skip(1)
                    .map(|cause| one_line(&cause.to_string()))
                    .collect();
                format!("no credentials: {}", reasons.join(": "))
            }
        };
        return (AwsErrorKind::Credentials, message);
    }
    let root = one_line(&root_cause(error).to_string());
    if root.contains("Missing Region") {
        return (AwsErrorKind::Invalid, NO_REGION.to_owned());
    }
    if matches!(error, SdkError::ConstructionFailure(_)) {
        return (AwsErrorKind::Invalid, root);
    }
    (AwsErrorKind::Network, format!("no answer: {root}"))
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
fn one_line(text: &str) -> String {
    let text = hushed(text, []);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn before(code: Option<&str>) -> String {
    code.map(|code| format!("{code}: ")).unwrap_or_default()
}

fn after(request_id: Option<&str>) -> String {
    request_id
        .map(|id| format!(" (request id {id})"))
        .unwrap_or_default()
}

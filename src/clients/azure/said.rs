//! What services answer instead of what was asked for: three dialects, and which kind of refusal it
//! is.

use serde_json::Value;

use super::error::{AzureError, AzureErrorKind, one_line};
use super::gated::header;
use crate::clients::gate::Answer;

impl AzureError {
    /// Reads what a service answered instead of what was asked for.
    pub(super) fn of_answer(operation: &str, answer: &Answer) -> Self {
        let said = Said::of(answer);
        let status = answer.status;
        let message = said
            .message
            .as_deref()
            .map(one_line)
            .filter(|message| !message.is_empty());
        Self {
            operation: operation.into(),
            kind: kind_of(status, said.code.as_deref(), message.as_deref()),
            message: message.unwrap_or_else(|| format!("HTTP status {status}")),
            code: said.code,
            status: Some(status),
            request_id: request_id(answer),
            surroundings: None,
        }
    }
}

/// What the three dialects say: Resource Manager in an `error`, Entra in an `error_description`,
/// storage in XML and a header.
struct Said {
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    fn of(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut said = match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of_json(&value),
            Err(_) => Self::of_xml(text),
        };
        said.code = said
            .code
            .or_else(|| header(answer, "x-ms-error-code").map(str::to_owned));
        said
    }

    fn of_json(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(description) = value["error_description"].as_str() {
            let said = description.split("Trace ID:").next().unwrap_or(description);
            let code = aadsts(said);
            let message = match &code {
                Some(code) => said.trim_start_matches(&format!("{code}:")[..]).to_owned(),
                None => said.to_owned(),
            };
            return Self {
                code: code.or_else(|| text(&value["error"])),
                message: Some(message),
            };
        }
        // AKS and Compute leave out the wrapping, and the IMDS has words for an `error`.
        let error = if value["error"].is_object() {
            &value["error"]
        } else {
            value
        };
        let mut message = text(&error["message"]);
        // What is said at the top is often only that there are details.
        let details = error["details"].as_array().into_iter().flatten();
        for detail in details.filter_map(|detail| detail["message"].as_str()) {
            let said = message.get_or_insert_default();
            if !said.contains(detail) {
                said.push_str(": ");
                said.push_str(detail);
            }
        }
        Self {
            code: text(&error["code"]),
            message,
        }
    }

    fn of_xml(text: &str) -> Self {
        Self {
            code: element(text, "Code").map(str::to_owned),
            // Storage adds the request id and the time in further lines.
            message: element(text, "Message")
                .map(|message| message.lines().next().unwrap_or(message).to_owned()),
        }
    }
}

/// Returns the text of the first element of that name.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after
        .split_once(&format!("</{name}>"))
        .map(|(text, _)| text)
}

/// Returns the error code of an answer, for the wire log.
pub(super) fn code_of(answer: &Answer) -> Option<String> {
    Said::of(answer).code
}

/// Returns the id that support asks for.
pub(super) fn request_id(answer: &Answer) -> Option<String> {
    ["x-ms-correlation-request-id", "x-ms-request-id"]
        .into_iter()
        .find_map(|name| header(answer, name))
        .map(str::to_owned)
}

/// Finds `AADSTS700213` in what Entra says.
pub(super) fn aadsts(text: &str) -> Option<String> {
    const PREFIX: &str = "AADSTS";
    let (_, after) = text.split_once(PREFIX)?;
    let digits = after
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(after.len());
    (digits > 0).then(|| format!("{PREFIX}{}", &after[..digits]))
}

fn kind_of(status: u16, code: Option<&str>, message: Option<&str>) -> AzureErrorKind {
    use AzureErrorKind as Kind;
    match code {
        // Known by their code, whatever status they come with.
        Some(
            "RoleAssignmentExists"
            | "RoleDefinitionWithSameNameExists"
            | "StorageAccountAlreadyExists"
            | "StorageAccountAlreadyTaken"
            | "ContainerAlreadyExists",
        ) => return Kind::AlreadyExists,
        Some("PrincipalNotFound" | "RoleDefinitionDoesNotExist" | "ParentResourceNotFound") => {
            return Kind::NotFound;
        }
        // A lock, a policy or a registration needs somebody to act.
        Some(
            "ScopeLocked"
            | "RequestDisallowedByPolicy"
            | "MissingSubscriptionRegistration"
            | "ReadOnlyDisabledSubscription"
            | "InvalidResourceType"
            | "InvalidResourceNamespace"
            | "NoRegisteredProviderFound",
        ) => return Kind::Invalid,
        Some(
            "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "InvalidAuthenticationToken"
            | "InvalidAuthenticationTokenTenant"
            | "ExpiredAuthenticationToken"
            | "NoAuthenticationInformation",
        ) => return Kind::Credentials,
        Some("TooManyRequests" | "ServerBusy" | "SubscriptionRequestsThrottled") => {
            return Kind::Throttled;
        }
        _ => {}
    }
    let is_taken = message
        .is_some_and(|message| message.contains("Issuer and subject combination already exists"));
    if is_taken {
        return Kind::AlreadyExists;
    }
    match status {
        401 => Kind::Credentials,
        403 => Kind::AccessDenied,
        // Only a code tells: a 404 without one comes from a proxy or from a server that is no Azure.
        404 if code.is_some() => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        429 => Kind::Throttled,
        408 | 500.. => Kind::Unavailable,
        400..500 if code.is_some() => Kind::Invalid,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> AzureError {
        let answer = Answer {
            status,
            headers: vec![("X-Ms-Request-Id".into(), "id-1".into())],
            body: body.to_owned().into(),
        };
        AzureError::of_answer("GET x", &answer)
    }

    #[test]
    fn three_dialects_are_understood() {
        let arm = r#"{"error":{"code":"AuthorizationFailed","message":"The client 'x' does not\n have authorization"}}"#;
        let error = answered(403, arm);
        assert_eq!(error.kind, AzureErrorKind::AccessDenied);
        assert_eq!(
            error.to_string(),
            "GET x: AuthorizationFailed: The client 'x' does not have authorization (correlation id id-1)"
        );

        let entra = r#"{"error":"invalid_request","error_description":"AADSTS700213: No matching federated identity record found for presented assertion subject 'x'.\r\nTrace ID: 1\r\nCorrelation ID: 2","error_codes":[700213]}"#;
        let error = answered(400, entra);
        assert_eq!(error.code.as_deref(), Some("AADSTS700213"));
        assert_eq!(
            error.message,
            "No matching federated identity record found for presented assertion subject 'x'."
        );

        let blob = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ContainerNotFound</Code><Message>The specified container does not exist.\nRequestId:1\nTime:2</Message></Error>";
        let error = answered(404, blob);
        assert_eq!(error.kind, AzureErrorKind::NotFound);
        assert_eq!(error.message, "The specified container does not exist.");

        let aks = r#"{"code":"BadRequest","details":null,"message":"Cluster identity has no assignment permission"}"#;
        let error = answered(400, aks);
        assert_eq!(
            (error.kind, error.code.as_deref()),
            (AzureErrorKind::Invalid, Some("BadRequest"))
        );
    }

    #[test]
    fn what_is_only_told_in_details_is_told() {
        let error = answered(
            400,
            r#"{"error":{"code":"X","message":"See details","details":[{"code":"Y","message":"the reason"}]}}"#,
        );
        assert_eq!(error.message, "See details: the reason");
    }

    #[test]
    fn codes_and_statuses_tell_the_kind() {
        use AzureErrorKind as Kind;
        for (status, code, kind) in [
            (401, Some("ExpiredAuthenticationToken"), Kind::Credentials),
            (403, Some("AuthenticationFailed"), Kind::Credentials),
            (
                403,
                Some("AuthorizationPermissionMismatch"),
                Kind::AccessDenied,
            ),
            (403, Some("RequestDisallowedByPolicy"), Kind::Invalid),
            (404, Some("ResourceNotFound"), Kind::NotFound),
            (404, Some("InvalidResourceType"), Kind::Invalid),
            (404, None, Kind::Other),
            (400, Some("PrincipalNotFound"), Kind::NotFound),
            (409, Some("RoleAssignmentExists"), Kind::AlreadyExists),
            (409, Some("ScopeLocked"), Kind::Invalid),
            (
                409,
                Some("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"),
                Kind::Conflict,
            ),
            (412, Some("EtagMismatch"), Kind::Conflict),
            (429, None, Kind::Throttled),
            (503, Some("ServerBusy"), Kind::Throttled),
            (502, None, Kind::Unavailable),
            (400, Some("InvalidParameter"), Kind::Invalid),
            (302, None, Kind::Other),
        ] {
            assert_eq!(kind_of(status, code, None), kind, "{status} {code:?}");
        }
        let taken = "Issuer and subject combination already exists for this Managed Identity.";
        assert_eq!(
            kind_of(409, Some("Conflict"), Some(taken)),
            Kind::AlreadyExists
        );
    }

    #[test]
    fn what_was_just_made_may_be_known_later() {
        let early = answered(
            400,
            r#"{"error":{"code":"PrincipalNotFound","message":"x"}}"#,
        );
        assert!(early.is_transient());
        let never = answered(
            403,
            r#"{"error":{"code":"AuthorizationFailed","message":"x"}}"#,
        );
        assert!(!never.is_transient());
    }

    #[test]
    fn what_a_server_repeats_of_a_token_is_hushed() {
        let error = answered(
            400,
            r#"{"error":{"code":"X","message":"bad Authorization: Bearer eyJhbGciOi.eyJzdWIi.canary"}}"#,
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

//! What Blob storage says when it does not do what was asked.

use std::io;

use super::super::call::moment;
use super::xml::Xml;
use super::{Answer, Call};
use crate::sandbox::faults::Refused;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What is wrong with the credentials, for people.
    pub(super) detail: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn not_served() -> Self {
        Self::new(
            400,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
        )
    }

    /// Outside, the host of an account that is not there has no address.
    pub(super) fn no_account() -> Self {
        Self::new(
            404,
            "ResourceNotFound",
            "The specified resource does not exist.",
        )
    }

    pub(super) fn no_container() -> Self {
        Self::new(
            404,
            "ContainerNotFound",
            "The specified container does not exist.",
        )
    }

    pub(super) fn no_blob() -> Self {
        Self::new(404, "BlobNotFound", "The specified blob does not exist.")
    }

    /// Azure's own spelling.
    pub(super) fn bad_name() -> Self {
        Self::new(
            400,
            "InvalidResourceName",
            "The specifed resource name contains invalid characters.",
        )
    }

    pub(super) fn name_out_of_range() -> Self {
        Self::new(
            400,
            "OutOfRangeInput",
            "The specified resource name length is not within the permissible limits.",
        )
    }

    /// The token is no good here. The header says where to get one that is.
    pub(super) fn bad_token(tenant: &str, detail: impl Into<String>) -> Self {
        let mut refusal = Self::challenge("InvalidAuthenticationInfo", tenant);
        refusal.detail = Some(detail.into());
        refusal
    }

    /// Nobody says who asks.
    pub(super) fn no_credentials(tenant: &str) -> Self {
        Self::challenge("NoAuthenticationInformation", tenant)
    }

    fn challenge(code: &'static str, tenant: &str) -> Self {
        let mut refusal = Self::new(
            401,
            code,
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        );
        refusal.headers.push((
            "www-authenticate",
            format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize resource_id=https://storage.azure.com"
            ),
        ));
        refusal
    }

    pub(super) fn malformed_credentials() -> Self {
        Self::new(
            400,
            "InvalidAuthenticationInfo",
            "Authentication information is not given in the correct format. Check the value of Authorization header.",
        )
    }

    pub(super) fn bad_signature() -> Self {
        Self::new(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
        )
    }

    pub(super) fn keys_are_off() -> Self {
        Self::new(
            403,
            "KeyBasedAuthenticationNotPermitted",
            "Key based authentication is not permitted on this storage account.",
        )
    }

    pub(super) fn not_public() -> Self {
        Self::new(
            409,
            "PublicAccessNotPermitted",
            "Public access is not permitted on this storage account.",
        )
    }

    /// The account does not talk to this network.
    pub(super) fn network() -> Self {
        Self::new(
            403,
            "AuthorizationFailure",
            "This request is not authorized to perform this operation.",
        )
    }

    pub(super) fn forbidden() -> Self {
        Self::new(
            403,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        )
    }

    pub(super) fn missing_header() -> Self {
        Self::new(
            400,
            "MissingRequiredHeader",
            "An HTTP header that's mandatory for this request is not specified.",
        )
    }

    pub(super) fn exists(code: &'static str, what: &str) -> Self {
        Self::new(409, code, format!("The specified {what} already exists."))
    }

    pub(super) fn condition() -> Self {
        Self::new(
            412,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        )
    }

    pub(super) fn range() -> Self {
        Self::new(
            416,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
        )
    }

    /// The world could not be saved, and nothing was changed.
    pub(super) fn internal(error: &io::Error) -> Self {
        let message = format!("The server encountered an internal error: {error}");
        Self::new(500, "InternalError", message)
    }

    pub(super) fn of_fault(refused: Refused) -> Self {
        match refused {
            Refused::Internal => Self::new(
                500,
                "InternalError",
                "The server encountered an internal error. Please retry the request.",
            ),
            Refused::GatewayTimeout => Self::new(
                500,
                "OperationTimedOut",
                "The operation could not be completed within the permitted time.",
            ),
            Refused::Throttled(_) | Refused::Unavailable | Refused::Expired | Refused::Conflict => {
                let mut busy = Self::new(
                    503,
                    "ServerBusy",
                    "The server is currently unable to receive requests. Please retry your request.",
                );
                busy.headers.push(("retry-after", "1".into()));
                busy
            }
        }
    }

    pub(super) fn answer(self, call: &Call<'_>) -> Answer {
        let message = format!(
            "{}\nRequestId:{}\nTime:{}",
            self.message,
            call.id,
            moment(call.now)
        );
        let error = Xml::default()
            .text("Code", self.code)
            .text("Message", &message)
            .maybe("AuthenticationErrorDetail", self.detail.as_deref());
        let mut answer = error.document("Error", "", self.status);
        answer
            .headers
            .push(("x-ms-error-code", self.code.to_owned()));
        answer.headers.extend(self.headers);
        answer
    }
}

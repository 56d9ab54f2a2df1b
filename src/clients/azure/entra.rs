//! Entra: a service account's token in exchange for one of the identity that it stands for.

use azure_core::http::{Method, Url};
use serde::Deserialize;

use super::caller::Claims;
use super::connect::Azure;
use super::error::{AzureError, AzureErrorKind};
use super::request::{Asked, read, segment, send};
use crate::clients::secret::Secret;

/// How a token is told to be one.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const FORM: &str = "application/x-www-form-urlencoded";

/// A token of an identity that is not the caller's. `Debug` does not show it.
#[derive(Debug)]
pub struct AccessToken {
    /// When it ends.
    pub expires: jiff::Timestamp,
    /// The identity's object id, when the token tells.
    pub object_id: Option<String>,
    /// The identity's client id, when the token tells.
    pub client_id: Option<String>,
    pub(super) token: Secret,
}

/// What Entra answers.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<i64>,
}

impl Azure {
    /// Exchanges a service account's token for one of the identity `client_id`, as a Pod does.
    /// `scope` is such as `https://storage.azure.com/.default`. What Entra refuses has its `AADSTS…`
    /// as the error's code.
    pub async fn exchange(
        &self,
        tenant: &str,
        client_id: &str,
        assertion: &str,
        scope: &str,
    ) -> Result<AccessToken, AzureError> {
        let login = &self.inner.cloud.login;
        let url = format!("{login}/{}/oauth2/v2.0/token", segment(tenant));
        let url = Url::parse(&url).map_err(|error| {
            AzureError::configuration(&format!("`{url}` is no endpoint: {error}"))
        })?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client_id)
            .append_pair("client_assertion_type", ASSERTION_TYPE)
            .append_pair("client_assertion", assertion)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope)
            .finish();
        let asked = Asked::new(Method::Post, url).body(FORM, form);
        let operation = asked.operation();
        let answer = send(&self.inner.pipeline, asked)
            .await
            .map_err(|error| self.of_workload(error))?;
        let token: Token = read(&operation, &answer)?;
        let claims = Claims::of(&token.access_token).unwrap_or_default();
        let lasts = jiff::SignedDuration::from_secs(token.expires_in.unwrap_or(0));
        Ok(AccessToken {
            expires: claims
                .until()
                .unwrap_or_else(|| self.inner.login.now() + lasts),
            object_id: claims.oid.clone(),
            client_id: claims.app_id().cloned(),
            token: Secret::new(token.access_token),
        })
    }

    /// It is the workload's token that was refused, not the operator's login.
    pub(super) fn of_workload(&self, mut error: AzureError) -> AzureError {
        if error.kind == AzureErrorKind::Credentials {
            error.kind = AzureErrorKind::Invalid;
        }
        // The identity was made a moment ago, or Entra did not reach the cluster's issuer.
        match error.code.as_deref() {
            Some("AADSTS700016") => error.kind = AzureErrorKind::NotFound,
            Some("AADSTS90061") => error.kind = AzureErrorKind::Unavailable,
            _ => {}
        }
        self.failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AccessToken {
            expires: jiff::Timestamp::UNIX_EPOCH,
            object_id: None,
            client_id: None,
            token: Secret::new("canary"),
        };
        assert!(!format!("{token:?}").contains("canary"));
    }
}

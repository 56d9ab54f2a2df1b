//! Tokens: from the node's metadata service for managed identities, from Entra for everyone who
//! shows a secret or somebody else's token.

use std::time::Duration;

use http::Request;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::{Failure, Session, text, unreachable};

/// How often the CLI asks the metadata service before it gives up, and how long it waits between.
const ATTEMPTS: usize = 12;
const PAUSE: Duration = Duration::from_millis(5);

/// What one logs in with. It is shown again whenever a token is needed.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// The identity of the machine, or one of several.
    Machine { client_id: Option<String> },
    /// A token of somebody whom Entra trusts.
    Assertion {
        client_id: String,
        tenant: String,
        assertion: String,
    },
    /// A password.
    Secret {
        client_id: String,
        tenant: String,
        secret: String,
    },
}

/// A token and when it ends, in seconds since 1970.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) expires_on: i64,
}

impl Session<'_> {
    /// Gets a token for a resource.
    pub(super) async fn token(
        &self,
        credential: &Credential,
        resource: &str,
    ) -> Result<Token, Failure> {
        match credential {
            Credential::Machine { client_id } => {
                self.machine_token(client_id.as_deref(), resource).await
            }
            Credential::Assertion {
                client_id,
                tenant,
                assertion,
            } => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let form = [
                    ("client_id", client_id.as_str()),
                    ("client_assertion_type", kind),
                    ("client_assertion", assertion),
                ];
                self.directory_token(tenant, &form, resource).await
            }
            Credential::Secret {
                client_id,
                tenant,
                secret,
            } => {
                let form = [("client_id", client_id.as_str()), ("client_secret", secret)];
                self.directory_token(tenant, &form, resource).await
            }
        }
    }

    async fn machine_token(
        &self,
        client_id: Option<&str>,
        resource: &str,
    ) -> Result<Token, Failure> {
        let url = machine_url(client_id, resource);
        let request = Request::get(url)
            .header("Metadata", "true")
            .body(Vec::new())
            .expect("the URL is well formed");
        for _ in 0..ATTEMPTS {
            let answer = self.network.send(self.process, request.clone()).await;
            let answer = answer.map_err(|why| {
                let Failure(code, detail) = unreachable(&request, &why);
                Failure(code, format!("Failed to connect to MSI. Please make sure MSI is configured correctly and check the network connection.\nError detail: {detail}"))
            })?;
            let status = answer.status();
            if status.is_success() {
                return read(answer.body(), self.network.clock().now().as_second())
                    .ok_or_else(|| Failure::general("Can't find token from MSI's answer."));
            }
            if !matches!(status.as_u16(), 404 | 429 | 500..) {
                return Err(Failure::general(format!(
                    "Failed to connect to MSI. Please make sure MSI is configured correctly.\nGet Token request returned http error: {}, reason: {}",
                    status.as_u16(),
                    String::from_utf8_lossy(answer.body()).trim_end(),
                )));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Failure::general(format!(
            "MSI endpoint is not responding. Please make sure MSI is configured correctly.\nError detail: MSI: Failed to acquire tokens after {ATTEMPTS} times"
        )))
    }

    async fn directory_token(
        &self,
        tenant: &str,
        credential: &[(&str, &str)],
        resource: &str,
    ) -> Result<Token, Failure> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &format!("{resource}/.default"))
            .extend_pairs(credential)
            .finish();
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .map_err(|error| Failure::general(format!("{tenant}: {error}")))?;
        let answer = self.send(&request).await?;
        let now = self.network.clock().now().as_second();
        if answer.status().is_success()
            && let Some(token) = read(answer.body(), now)
        {
            return Ok(token);
        }
        let refused: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        Err(Failure::general(text(&refused, "error_description")))
    }
}

fn machine_url(client_id: Option<&str>, resource: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("resource", resource)
        .append_pair("api-version", "2018-02-01");
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id);
    }
    format!(
        "http://169.254.169.254/metadata/identity/oauth2/token?{}",
        query.finish()
    )
}

/// The token in an answer. The metadata service writes numbers as texts.
fn read(body: &[u8], now: i64) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let number = |name: &str| {
        let value = &answer[name];
        value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    };
    Some(Token {
        text: answer["access_token"].as_str()?.to_owned(),
        expires_on: number("expires_on").or_else(|| Some(now + number("expires_in")?))?,
    })
}

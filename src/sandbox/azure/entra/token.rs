//! The token endpoint: client credentials, by a secret or by somebody else's token.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::authority::{Audience, LIFE, Principal};
use super::super::cloud::Cloud;
use super::super::state::AzureState;
use super::{Denial, Version, assertion};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The fields of a request.
struct Form(BTreeMap<String, String>);

impl Form {
    fn required(&self, name: &str) -> Result<&str, Denial> {
        self.get(name).ok_or_else(|| Denial::missing(name))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

pub(super) fn answer(
    cloud: &Cloud,
    body: &[u8],
    version: Version,
    now: Timestamp,
) -> Result<Value, Denial> {
    let form = Form(form_urlencoded::parse(body).into_owned().collect());
    let grant = form.required("grant_type")?;
    if grant != "client_credentials" {
        return Err(Denial::new(
            400,
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{grant}'."),
        ));
    }
    let client = form.required("client_id")?;
    let resource = resource(cloud, &form, version)?;
    let principal = match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), _) => cloud.store.read(|state| by_secret(state, client, secret)),
        (None, Some(assertion)) => {
            if form.required("client_assertion_type")? != ASSERTION_TYPE {
                return Err(Denial::new(
                    400,
                    "invalid_request",
                    900_144,
                    format!("The parameter 'client_assertion_type' must be '{ASSERTION_TYPE}'."),
                ));
            }
            assertion::check(cloud, client, assertion, now)
        }
        (None, None) => Err(Denial::client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or \
             'client_secret'.",
        )),
    }?;
    let token = cloud
        .store
        .read(|state| state.tokens.issue(&principal, &resource, now));
    let seconds = LIFE.as_secs() - 1;
    Ok(match version {
        Version::Two => json!({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }),
        // The first version writes its numbers as text.
        Version::One => json!({
            "token_type": "Bearer",
            "expires_in": seconds.to_string(),
            "ext_expires_in": seconds.to_string(),
            "expires_on": (now + LIFE).as_second().to_string(),
            "not_before": now.as_second().to_string(),
            "resource": resource,
            "access_token": token,
        }),
    })
}

/// What the token is to be for.
fn resource(cloud: &Cloud, form: &Form, version: Version) -> Result<String, Denial> {
    let asked = match version {
        Version::One => form.required("resource")?,
        Version::Two => {
            let scope = form.required("scope")?;
            let mut scopes = scope.split_whitespace();
            scopes
                .find_map(|scope| scope.strip_suffix("/.default"))
                .ok_or_else(|| {
                    Denial::new(
                        400,
                        "invalid_scope",
                        1_002_012,
                        format!(
                            "The provided value for scope {scope} is not valid. Client credential \
                             flows must have a scope value with /.default suffixed to the resource \
                             identifier (application ID URI)."
                        ),
                    )
                })?
        }
    };
    if Audience::of(asked).is_some() {
        return Ok(asked.to_owned());
    }
    let tenant = cloud.store.read(|state| state.tenant.clone());
    Err(Denial::new(
        400,
        "invalid_resource",
        500_011,
        format!(
            "The resource principal named {asked} was not found in the tenant named {tenant}. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You might have sent your \
             authentication request to the wrong tenant."
        ),
    ))
}

fn by_secret(state: &AzureState, client: &str, secret: &str) -> Result<Principal, Denial> {
    let application = state
        .applications
        .get(&client.to_ascii_lowercase())
        .ok_or_else(|| unknown(client))?;
    if application.secrets.iter().any(|known| known == secret) {
        return Ok(Principal::of_application(application));
    }
    Err(Denial::client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID, for a secret added to app '{client}'."
        ),
    ))
}

/// Nobody has that client id.
pub(super) fn unknown(client: &str) -> Denial {
    Denial::new(
        400,
        "unauthorized_client",
        700_016,
        format!(
            "Application with identifier '{client}' was not found in the directory 'Practice'. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You may have sent your \
             authentication request to the wrong tenant."
        ),
    )
}

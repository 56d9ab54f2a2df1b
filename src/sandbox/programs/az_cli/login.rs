//! `az login`: as the Pod's own identity, or as somebody who can show something.

use http::Request;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::arguments::{Arguments, Known, flag, value};
use super::credentials::Credential;
use super::{Failure, Login, Session, text};

pub(super) const OPTIONS: &[Known] = &[
    flag(&["--identity", "-i"]),
    flag(&["--service-principal"]),
    flag(&["--allow-no-subscriptions"]),
    value(&["--username", "-u"]),
    value(&["--client-id"]),
    value(&["--password", "-p"]),
    value(&["--tenant", "-t"]),
    value(&["--federated-token"]),
];

/// What the CLI asks tokens of Resource Manager for.
const RESOURCE: &str = "https://management.core.windows.net/";

impl Session<'_> {
    pub(super) async fn login(&self, options: &Arguments) -> Result<Value, Failure> {
        let credential = credential(options)?;
        let token = self.token(&credential, RESOURCE).await?;
        let tenant =
            tenant_of(&token.text).ok_or_else(|| Failure::general("Not enough segments"))?;
        let mut subscriptions = self.subscriptions(&token.text, &tenant).await?;
        if subscriptions.is_empty() {
            if !options.has("--allow-no-subscriptions") {
                return Err(nothing_found(&credential));
            }
            subscriptions.push(json!({
                "environmentName": "AzureCloud",
                "homeTenantId": tenant,
                "id": tenant,
                "managedByTenants": [],
                "name": "N/A(tenant level account)",
                "state": "Enabled",
                "tenantId": tenant,
            }));
        }
        for (index, subscription) in subscriptions.iter_mut().enumerate() {
            subscription["isDefault"] = (index == 0).into();
            subscription["user"] = user(&credential);
        }
        self.remember(Login {
            credential,
            tenant,
            subscriptions: subscriptions.clone(),
        });
        Ok(subscriptions.into())
    }

    /// The subscriptions that somebody sees, as the CLI shows them.
    async fn subscriptions(&self, token: &str, tenant: &str) -> Result<Vec<Value>, Failure> {
        let url = "https://management.azure.com/subscriptions?api-version=2019-11-01";
        let request = Request::get(url)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new())
            .expect("tokens are letters and dots");
        let answer = self.send(&request).await?;
        let list: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if !answer.status().is_success() {
            let error = &list["error"];
            let words = format!("({}) {}", text(error, "code"), text(error, "message"));
            return Err(Failure::general(words));
        }
        let all = list["value"].as_array().into_iter().flatten();
        Ok(all
            .map(|subscription| {
                json!({
                    "environmentName": "AzureCloud",
                    "homeTenantId": tenant,
                    "id": subscription["subscriptionId"],
                    "managedByTenants": [],
                    "name": subscription["displayName"],
                    "state": subscription["state"],
                    "tenantId": tenant,
                })
            })
            .collect())
    }
}

fn credential(options: &Arguments) -> Result<Credential, Failure> {
    let text = |name: &str| options.get(name).map(str::to_owned);
    let username = text("--username");
    if options.has("--identity") {
        let others = ["--password", "--service-principal", "--tenant"];
        if others.iter().any(|option| options.has(option)) {
            let words = "usage error: '--identity' is not applicable with other arguments";
            return Err(Failure::general(words));
        }
        return Ok(Credential::Machine {
            client_id: username.or_else(|| text("--client-id")),
        });
    }
    let usage =
        "usage error: --service-principal --username NAME --password SECRET --tenant TENANT";
    let is_principal = options.has("--service-principal");
    let (true, Some(client_id), Some(tenant)) = (is_principal, username, text("--tenant")) else {
        return Err(Failure::general(usage));
    };
    match (text("--federated-token"), text("--password")) {
        (Some(assertion), _) => Ok(Credential::Assertion {
            client_id,
            tenant,
            assertion,
        }),
        (None, Some(secret)) => Ok(Credential::Secret {
            client_id,
            tenant,
            secret,
        }),
        (None, None) => Err(Failure::general(
            "Please specify both username and password in non-interactive mode.",
        )),
    }
}

/// Whom the CLI says that it has logged in.
fn user(credential: &Credential) -> Value {
    match credential {
        Credential::Machine { client_id: None } => json!({
            "assignedIdentityInfo": "MSI",
            "name": "systemAssignedIdentity",
            "type": "servicePrincipal",
        }),
        Credential::Machine {
            client_id: Some(client_id),
        } => json!({
            "assignedIdentityInfo": format!("MSIClient-{client_id}"),
            "name": "userAssignedIdentity",
            "type": "servicePrincipal",
        }),
        Credential::Assertion { client_id, .. } | Credential::Secret { client_id, .. } => {
            json!({ "name": client_id, "type": "servicePrincipal" })
        }
    }
}

fn nothing_found(credential: &Credential) -> Failure {
    Failure::general(match credential {
        Credential::Machine { .. } => {
            "No access was configured for the VM, hence no subscriptions were found. If this is expected, use '--allow-no-subscriptions' to have tenant level access.".to_owned()
        }
        Credential::Assertion { client_id, .. } | Credential::Secret { client_id, .. } => {
            format!("No subscriptions found for {client_id}.")
        }
    })
}

/// The tenant that a token names.
fn tenant_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = token.split('.').nth(1)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    let claims: Value = serde_json::from_slice(&payload.ok()?).ok()?;
    claims["tid"].as_str().map(str::to_owned)
}

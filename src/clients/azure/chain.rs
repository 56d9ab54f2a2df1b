//! Where credentials are looked for, one place after the other, every time anew.
//!
//! A link that somebody has set up on purpose, by variables, ends the chain when it is refused: to go
//! on with somebody else's login would be a surprise. When none has credentials, one message tells
//! what was found at each and what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret as SdkSecret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::attempts::Attempts;
use super::caller::{Caller, Claims, CredentialSource};
use super::error::{AzureError, AzureErrorKind, causes, one_line};
use super::gated::Gated;
use super::login::{Fresh, Told};
use super::programs::{Programs, find};
use super::said::aadsts;
use super::unanswered::Unanswered;
use crate::clients::secret::Secret;

/// A program may have to ask Entra itself, and is written in Python.
const LIMIT: Duration = Duration::from_secs(30);

/// How long a machine's metadata service may take to accept a connection. Elsewhere nobody answers
/// at that address at all.
const PROBE: Duration = Duration::from_secs(1);

/// How long that service may take to answer. It waits long for identities that are just assigned.
const MACHINE: Duration = Duration::from_secs(10);

/// Where the metadata service of a machine is.
const METADATA: &str = "169.254.169.254:80";

/// Reads a variable of the environment; an empty one is none.
pub(super) type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The places, and what all of them need.
#[derive(Clone)]
pub(super) struct Chain {
    /// The tenant that was asked for.
    pub(super) tenant: Option<String>,
    /// A client's id and secret that were given to us.
    pub(super) given: Option<(String, Arc<Secret>)>,
    /// Where Entra is.
    pub(super) login: String,
    pub(super) variables: Variables,
    /// The network, for what the SDK asks on its own.
    pub(super) gated: Gated,
}

impl fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Chain")
    }
}

/// Why a link has no token.
enum No {
    /// It is not in use here.
    Unused(String),
    /// It is, and was refused.
    Refused(AzureError),
}

type Link = Result<AccessToken, No>;

impl Chain {
    /// Returns a token of the first link that has one.
    pub(super) async fn token(&self, scope: &str) -> Result<Fresh, AzureError> {
        use CredentialSource as Source;
        if self.given.is_some() {
            let token = self.given(scope).await;
            return self.only(Source::Given, token);
        }
        let mut tried: Vec<(Source, AzureError)> = Vec::new();
        for source in [
            Source::Environment,
            Source::WorkloadIdentity,
            Source::AzureCli,
            Source::AzureDeveloperCli,
            Source::ManagedIdentity,
        ] {
            let link = match source {
                Source::Environment => self.environment(scope).await,
                Source::WorkloadIdentity => self.workload_identity(scope).await,
                Source::AzureCli => self.azure_cli(scope).await,
                Source::AzureDeveloperCli => self.developer_cli(scope).await,
                Source::ManagedIdentity | Source::Given => self.managed_identity(scope).await,
            };
            let is_on_purpose = matches!(source, Source::Environment | Source::WorkloadIdentity);
            match link {
                Ok(_) => return self.only(source, link),
                Err(No::Refused(_)) if is_on_purpose => return self.only(source, link),
                Err(No::Refused(error)) => tried.push((source, error)),
                Err(No::Unused(why)) => tried.push((source, AzureError::credentials(&why))),
            }
        }
        Err(self.nobody(&tried))
    }

    /// Reads what a link's token tells, or says whose refusal it was.
    fn only(&self, source: CredentialSource, link: Link) -> Result<Fresh, AzureError> {
        let token = match link {
            Ok(token) => token,
            Err(No::Unused(why)) => return Err(AzureError::credentials(&why)),
            Err(No::Refused(mut error)) => {
                error.message = format!("{source}: {}", error.message);
                return Err(error);
            }
        };
        let claims = Claims::of(token.token.secret());
        let until = claims
            .as_ref()
            .and_then(Claims::until)
            .or_else(|| jiff::Timestamp::from_second(token.expires_on.unix_timestamp()).ok())
            .unwrap_or_else(|| self.gated.wire.now());
        Ok(Fresh {
            token: Secret::new(token.token.secret()),
            told: Told {
                until,
                source,
                caller: claims.and_then(|claims| Caller::of(&claims, source)),
            },
        })
    }

    fn nobody(&self, tried: &[(CredentialSource, AzureError)]) -> AzureError {
        let said: Vec<String> = tried
            .iter()
            .map(|(source, error)| format!("{source}: {}", error.message))
            .collect();
        let tenant = self.tenant.as_deref().unwrap_or("TENANT");
        let is_network = |(_, error): &(_, AzureError)| error.kind == AzureErrorKind::Unavailable;
        AzureError {
            code: tried.iter().find_map(|(_, error)| error.code.clone()),
            kind: if tried.iter().any(is_network) {
                AzureErrorKind::Unavailable
            } else {
                AzureErrorKind::Credentials
            },
            ..AzureError::credentials(&format!(
                "nobody is logged in to Azure; run `az login --tenant {tenant}`, or set \
                 AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID ({})",
                said.join("; ")
            ))
        }
    }

    async fn given(&self, scope: &str) -> Link {
        let (Some((client, secret)), Some(tenant)) = (&self.given, self.tenant()) else {
            return Err(No::Unused("no tenant is known for the client".into()));
        };
        self.secret(&tenant, client, secret.expose(), scope).await
    }

    async fn environment(&self, scope: &str) -> Link {
        let client = self.variable("AZURE_CLIENT_ID");
        let Some(secret) = self.variable("AZURE_CLIENT_SECRET") else {
            return Err(No::Unused("AZURE_CLIENT_SECRET is not set".into()));
        };
        match (client, self.tenant()) {
            (Some(client), Some(tenant)) => self.secret(&tenant, &client, &secret, scope).await,
            (None, _) => Err(incomplete(
                "AZURE_CLIENT_SECRET is set, AZURE_CLIENT_ID is not",
            )),
            (_, None) => Err(incomplete(
                "AZURE_CLIENT_SECRET is set, AZURE_TENANT_ID is not",
            )),
        }
    }

    async fn secret(&self, tenant: &str, client: &str, secret: &str, scope: &str) -> Link {
        let options = ClientSecretCredentialOptions {
            client_options: self.options(),
        };
        let secret = SdkSecret::new(secret.to_owned());
        let credential =
            ClientSecretCredential::new(tenant, client.to_owned(), secret, Some(options))
                .map_err(refused)?;
        ask(credential.as_ref(), scope, LIMIT).await
    }

    async fn workload_identity(&self, scope: &str) -> Link {
        let Some(path) = self.variable("AZURE_FEDERATED_TOKEN_FILE") else {
            return Err(No::Unused("AZURE_FEDERATED_TOKEN_FILE is not set".into()));
        };
        let Some(client) = self.variable("AZURE_CLIENT_ID") else {
            return Err(incomplete(
                "AZURE_FEDERATED_TOKEN_FILE is set, AZURE_CLIENT_ID is not",
            ));
        };
        let Some(tenant) = self.tenant() else {
            return Err(incomplete(
                "AZURE_FEDERATED_TOKEN_FILE is set, AZURE_TENANT_ID is not",
            ));
        };
        let mut options = WorkloadIdentityCredentialOptions::default();
        options.credential_options = ClientAssertionCredentialOptions {
            client_options: self.options(),
        };
        options.client_id = Some(client);
        options.tenant_id = Some(tenant);
        options.token_file_path = Some(path.into());
        let credential = WorkloadIdentityCredential::new(Some(options)).map_err(refused)?;
        ask(credential.as_ref(), scope, LIMIT).await
    }

    async fn azure_cli(&self, scope: &str) -> Link {
        let programs = self.program("az")?;
        let options = AzureCliCredentialOptions {
            tenant_id: self.tenant(),
            executor: Some(programs),
            ..AzureCliCredentialOptions::default()
        };
        let credential = AzureCliCredential::new(Some(options)).map_err(refused)?;
        ask(credential.as_ref(), scope, LIMIT).await
    }

    async fn developer_cli(&self, scope: &str) -> Link {
        let programs = self.program("azd")?;
        let options = AzureDeveloperCliCredentialOptions {
            tenant_id: self.tenant(),
            executor: Some(programs),
        };
        let credential = AzureDeveloperCliCredential::new(Some(options)).map_err(refused)?;
        ask(credential.as_ref(), scope, LIMIT).await
    }

    async fn managed_identity(&self, scope: &str) -> Link {
        let is_service = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"]
            .into_iter()
            .any(|name| self.variable(name).is_some());
        if !is_service {
            let probe = timeout(PROBE, TcpStream::connect(METADATA)).await;
            if !matches!(probe, Ok(Ok(_))) {
                return Err(No::Unused(format!("nobody answers at {METADATA}")));
            }
        }
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: self
                .variable("AZURE_CLIENT_ID")
                .map(UserAssignedId::ClientId),
            client_options: self.options(),
        };
        let credential = ManagedIdentityCredential::new(Some(options)).map_err(refused)?;
        ask(credential.as_ref(), scope, MACHINE).await
    }

    fn program(&self, name: &str) -> Result<Arc<Programs>, No> {
        let path = self.variable("PATH").unwrap_or_default();
        match find(name, &path) {
            Some(found) => Ok(Arc::new(Programs::new(name, found))),
            None => Err(No::Unused(format!("there is no `{name}` on the PATH"))),
        }
    }

    /// The tenant that was asked for, else that of the environment.
    fn tenant(&self) -> Option<String> {
        self.tenant
            .clone()
            .or_else(|| self.variable("AZURE_TENANT_ID"))
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// How the SDK asks Entra: over our network, with our patience.
    fn options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host.clone_from(&self.login);
        let attempts = Attempts {
            login: None,
            wire: self.gated.wire.clone(),
        };
        ClientOptions {
            per_call_policies: vec![Arc::new(attempts)],
            retry: RetryOptions::none(),
            transport: Some(Transport::with_policy(Arc::new(self.gated.clone()))),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            ..ClientOptions::default()
        }
    }
}

async fn ask(credential: &dyn TokenCredential, scope: &str, limit: Duration) -> Link {
    let answered = timeout(limit, credential.get_token(&[scope], None)).await;
    answered.map_or_else(
        |_| {
            Err(incomplete(&format!(
                "no answer within {} s",
                limit.as_secs()
            )))
        },
        |answered| answered.map_err(refused),
    )
}

fn incomplete(what: &str) -> No {
    No::Refused(AzureError::credentials(what))
}

/// Takes the SDK's error apart: whose it is stands in our message, and where to read on does not help.
fn refused(error: azure_core::Error) -> No {
    let text = error.to_string();
    let text = text
        .split_once("\nTo troubleshoot")
        .map_or(text.as_str(), |(text, _)| text);
    let text = text
        .split_once(" authentication failed.")
        .map_or(text, |(_, text)| text);
    let text = one_line(text.split("Trace ID:").next().unwrap_or(text));
    let unanswered = causes(&error).find_map(|cause| cause.downcast_ref::<Unanswered>());
    let mut refused = AzureError::credentials(&shortened(&text));
    refused.code = aadsts(&text);
    if let Some(unanswered) = unanswered {
        refused.kind = AzureErrorKind::Unavailable;
        refused.message = format!("no answer from Entra: {}", one_line(&unanswered.reason));
    }
    No::Refused(refused)
}

/// Programs say a lot.
fn shortened(text: &str) -> String {
    const ENOUGH: usize = 400;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

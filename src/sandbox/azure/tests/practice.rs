//! A practice Azure in a temporary directory, with a client for it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Mutex;
use tempfile::TempDir;

use crate::sandbox::aws::tests::issuer::Issuer;
use crate::sandbox::azure::{AzureServer, ClusterSeed, Seed};
use crate::sandbox::{Clock, Conduct, Lag};

pub(super) const TENANT: &str = "c0ffee00-0000-4000-8000-00000000000a";
pub(super) const SUBSCRIPTION: &str = "c0ffee00-0000-4000-8000-00000000000b";
pub(super) const CLIENT: &str = "c0ffee00-0000-4000-8000-00000000000c";
pub(super) const SECRET: &str = "practice~secret";
pub(super) const ISSUER: &str = "https://eastus.oic.prod-aks.azure.com/t/c/";
pub(super) const SUBJECT: &str = "system:serviceaccount:rok:rok";
pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";
pub(super) const MANAGEMENT: &str = "https://management.azure.com";
pub(super) const STORAGE: &str = "https://storage.azure.com";

pub(super) struct Practice {
    pub(super) server: AzureServer,
    pub(super) issuer: Arc<Issuer>,
    http: reqwest::Client,
    time: Arc<Mutex<Timestamp>>,
    _directory: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: reqwest::header::HeaderMap,
}

impl Answered {
    /// The code and the message of an error.
    pub(super) fn error(&self) -> (u16, &str, &str) {
        let error = &self.body["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        (self.status, text("code"), text("message"))
    }

    pub(super) fn code(&self) -> (u16, &str) {
        let (status, code, _) = self.error();
        (status, code)
    }

    /// The body of a success.
    pub(super) fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }
}

impl Practice {
    pub(super) async fn start() -> Self {
        Self::with_lag(Duration::ZERO).await
    }

    /// Starts with a clock that stands still until it is told to go on.
    pub(super) async fn with_lag(lag: Duration) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let directory = tempfile::tempdir().unwrap();
        let issuer = Arc::new(Issuer::new(ISSUER));
        let time = Arc::new(Mutex::new(Timestamp::now()));
        let clock = Arc::clone(&time);
        let conduct = Conduct {
            clock: Clock::of(move || *clock.lock().unwrap()),
            lag: Lag::of(lag),
            ..Conduct::default()
        };
        let keys = Arc::clone(&issuer);
        let server = AzureServer::start(
            &directory.path().join("azure.json"),
            seed("https://127.0.0.1:6443"),
            Arc::new(move |asked| (asked == ISSUER).then(|| keys.keys())),
            conduct,
        )
        .await
        .unwrap();
        let ca = reqwest::Certificate::from_pem(server.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .build()
            .unwrap();
        Self {
            server,
            issuer,
            http,
            time,
            _directory: directory,
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: Duration) {
        let mut now = self.time.lock().unwrap();
        *now += SignedDuration::try_from(time).unwrap();
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.time.lock().unwrap()
    }

    pub(super) async fn token_request(&self, tenant: &str, form: &[(&str, &str)]) -> Answered {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.server.endpoint());
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        answered(request).await
    }

    /// A token by client id and secret.
    pub(super) async fn token_of(&self, client: &str, secret: &str, resource: &str) -> Answered {
        self.token_request(
            TENANT,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_secret", secret),
                ("scope", &format!("{resource}/.default")),
            ],
        )
        .await
    }

    /// A token by an assertion of the cluster's issuer.
    pub(super) async fn exchange(&self, client: &str, assertion: &str) -> Answered {
        self.token_request(
            TENANT,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_assertion", assertion),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("scope", &format!("{STORAGE}/.default")),
            ],
        )
        .await
    }

    pub(super) fn assertion(&self, subject: &str, audience: &str) -> String {
        let now = self.now().as_second();
        self.issuer.token(&json!({
            "iss": ISSUER, "sub": subject, "aud": [audience],
            "iat": now, "nbf": now, "exp": now + 3600,
        }))
    }

    /// Asks Resource Manager as the operator.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        let token = self.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
        let token = token["access_token"].as_str().unwrap().to_owned();
        self.ask_as(&token, method, path, body).await
    }

    pub(super) async fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answered {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!(
            "{}{path}{separator}api-version=2023-01-31",
            self.server.endpoint()
        );
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        answered(request).await
    }

    /// Asks a storage account, by its host or by its name in the path. The answer is not JSON.
    pub(super) async fn blob(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, reqwest::header::HeaderMap, String) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{url}", self.server.endpoint());
        let mut request = self.http.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.text().await.unwrap())
    }

    /// Writes as the operator what must still be of a version.
    pub(super) async fn put_if_match(&self, path: &str, etag: &str, body: Value) -> Answered {
        let token = self.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
        let url = format!("{}{path}?api-version=2024-01-01", self.server.endpoint());
        let request = self
            .http
            .put(url)
            .bearer_auth(token["access_token"].as_str().unwrap())
            .header("if-match", etag)
            .body(body.to_string());
        answered(request).await
    }

    /// Asks for anything, with no token.
    pub(super) async fn open(&self, path: &str) -> Answered {
        let url = format!("{}{path}", self.server.endpoint());
        answered(self.http.get(url)).await
    }

    /// Adds a service principal with one role and returns a token of it, and its object id.
    pub(super) async fn somebody(&self, role: Option<(&str, &str)>) -> (String, String) {
        let client = crate::sandbox::random::uuid();
        let now = self.now();
        let Ok(object_id) = self
            .server
            .state()
            .write(|state| {
                let object_id = state.add_application("somebody", &client, "s3cret");
                if let Some((role, scope)) = role {
                    state.assign(&object_id, role, scope, now);
                }
                Ok::<_, std::convert::Infallible>(object_id)
            })
            .unwrap();
        let token = self.token_of(&client, "s3cret", MANAGEMENT).await.good();
        (token["access_token"].as_str().unwrap().into(), object_id)
    }

    /// Creates the identity `rok` and returns it.
    pub(super) async fn identity(&self) -> Value {
        let body = json!({ "location": "eastus" });
        self.ask("PUT", &identity("rok"), Some(body)).await.good()
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answered {
        status,
        body: serde_json::from_str(&text).unwrap_or_default(),
        headers,
    }
}

pub(super) fn group() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/arrikto")
}

pub(super) fn identity(name: &str) -> String {
    format!(
        "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
        group()
    )
}

pub(super) fn account() -> String {
    format!(
        "{}/providers/Microsoft.Storage/storageAccounts/rokpractice",
        group()
    )
}

pub(super) fn cluster() -> String {
    format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/arrikto-cluster",
        group()
    )
}

pub(super) fn assignment(scope: &str, name: u32) -> String {
    format!(
        "{scope}/providers/Microsoft.Authorization/roleAssignments/c0ffee00-0000-4000-8000-{name:012}"
    )
}

pub(super) fn role(guid: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
    )
}

pub(super) fn seed(endpoint: &str) -> Seed {
    Seed {
        tenant: TENANT.into(),
        subscription: SUBSCRIPTION.into(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        group: "arrikto".into(),
        location: "eastus".into(),
        storage_account: "rokpractice".into(),
        cluster: ClusterSeed {
            name: "arrikto-cluster".into(),
            endpoint: endpoint.into(),
            certificate_authority_pem: "PEM".into(),
            issuer: ISSUER.into(),
            token: "admin".into(),
            version: "1.33.5".into(),
        },
    }
}

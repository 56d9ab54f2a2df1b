//! The Azure half as its clients find it: by the environment alone.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::sandbox::{Conduct, Options, Sandbox};

const AUDIENCE: &str = "api://AzureADTokenExchange";

struct World {
    sandbox: Sandbox,
    http: reqwest::Client,
    _directory: TempDir,
}

impl World {
    async fn open() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let directory = TempDir::new().unwrap();
        let sandbox = Sandbox::open(options(&directory)).await.unwrap();
        let bundle = std::fs::read(&sandbox.environment()["SSL_CERT_FILE"]).unwrap();
        let certificates = reqwest::Certificate::from_pem_bundle(&bundle).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only(certificates)
            .build()
            .unwrap();
        Self {
            sandbox,
            http,
            _directory: directory,
        }
    }

    fn variable(&self, name: &str) -> &str {
        &self.sandbox.environment()[name]
    }

    async fn token(&self, fields: &[(&str, &str)]) -> reqwest::Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .extend_pairs(fields)
            .finish();
        let url = format!(
            "{}/{}/oauth2/v2.0/token",
            self.variable("AZURE_AUTHORITY_HOST"),
            self.variable("AZURE_TENANT_ID")
        );
        let request = self.http.post(url).body(body);
        request.send().await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let operator = [
            ("client_id", self.variable("AZURE_CLIENT_ID")),
            ("client_secret", self.variable("AZURE_CLIENT_SECRET")),
            ("scope", "https://management.azure.com/.default"),
        ];
        let token = json_of(self.token(&operator).await).await;
        let url = format!(
            "{}{path}?api-version=2024-01-01",
            self.variable("ROK_AZURE_ARM_ENDPOINT")
        );
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, url);
        let request = request.bearer_auth(token["access_token"].as_str().unwrap());
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        json_of(request.body(body).send().await.unwrap()).await
    }

    async fn identity(&self) -> Value {
        let body = json!({ "location": "eastus" });
        self.ask("PUT", &identity(), &body).await
    }

    async fn aks(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.variable("KUBECONFIG")).unwrap();
        assert_eq!(kubeconfig.current_context.as_deref(), Some(CLUSTER));
        let context = KubeConfigOptions {
            context: Some(CONTEXT.into()),
            ..Default::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &context);
        Client::try_from(config.await.unwrap()).unwrap()
    }
}

fn options(directory: &TempDir) -> Options {
    Options {
        directory: directory.path().join("practice"),
        skeleton: Vec::new(),
        fresh: false,
        conduct: Conduct::default(),
        faults: None,
    }
}

async fn json_of(response: reqwest::Response) -> Value {
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

fn group() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}")
}

fn identity() -> String {
    format!(
        "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok",
        group()
    )
}

fn cluster_id() -> String {
    format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/{CLUSTER}",
        group()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_of_the_cluster_becomes_the_identity_that_trusts_it() {
    let world = World::open().await;
    let made = world.identity().await;
    let cluster = world.ask("GET", &cluster_id(), &Value::Null).await;
    let issuer = &cluster["properties"]["oidcIssuerProfile"]["issuerURL"];
    assert!(issuer.as_str().unwrap().contains(TENANT), "{issuer}");
    let credential = format!("{}/federatedIdentityCredentials/rok", identity());
    let properties = json!({
        "issuer": issuer,
        "subject": "system:serviceaccount:kube-system:default",
        "audiences": [AUDIENCE],
    });
    world
        .ask("PUT", &credential, &json!({ "properties": properties }))
        .await;

    let client = world.aks().await;
    let exchange = async |namespace: &str| {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![AUDIENCE.into()],
                ..Default::default()
            },
            ..Default::default()
        };
        let answer = accounts
            .create_token_request("default", &PostParams::default(), &request)
            .await
            .unwrap();
        let assertion = answer.status.unwrap().token;
        let fields = [
            (
                "client_id",
                made["properties"]["clientId"].as_str().unwrap(),
            ),
            ("client_assertion", &assertion),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("scope", "https://storage.azure.com/.default"),
        ];
        world.token(&fields).await
    };
    let token = json_of(exchange("kube-system").await).await;
    assert!(token["access_token"].is_string());
    assert_eq!(exchange("default").await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_identity_that_resource_manager_takes_is_in_the_cluster() {
    let world = World::open().await;
    world.identity().await;
    let mut cluster = world.ask("GET", &cluster_id(), &Value::Null).await;
    let azure = world.sandbox.azure().unwrap();
    let principal = cluster["identity"]["principalId"].as_str().unwrap();
    let grant = |state: &mut azure::AzureState| {
        let id = state.identities[&azure::state::key(&identity())].id.clone();
        state.assign(
            principal,
            "Managed Identity Operator",
            &id,
            jiff::Timestamp::now(),
        );
        Ok::<_, std::convert::Infallible>(())
    };
    azure.state().write(grant).unwrap().unwrap();
    cluster["properties"]["podIdentityProfile"]["userAssignedIdentities"] = json!([{
        "name": "rok", "namespace": "rok",
        "identity": { "resourceId": identity() },
    }]);
    world.ask("PUT", &cluster_id(), &cluster).await;
    let assigned = async || {
        let cluster = world.ask("GET", &cluster_id(), &Value::Null).await;
        cluster["properties"]["provisioningState"] == "Succeeded"
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while !assigned().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the update ends");

    let kind = GroupVersionKind::gvk("aadpodidentity.k8s.io", "v1", "AzureIdentity");
    let resource = ApiResource::from_gvk_with_plural(&kind, "azureidentities");
    let objects: Api<DynamicObject> = Api::namespaced_with(world.aks().await, "rok", &resource);
    let object = objects.get("rok").await.unwrap();
    let id = object.data["spec"]["resourceID"].as_str().unwrap();
    assert!(id.eq_ignore_ascii_case(&identity()), "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_moves_ports_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let first = Sandbox::open(options(&directory)).await.unwrap();
    let kept = |sandbox: &Sandbox| {
        let azure = sandbox.azure().unwrap();
        let cluster = azure
            .state()
            .read(|state| state.clusters.values().next().unwrap().properties.clone());
        let secret = sandbox.environment()["AZURE_CLIENT_SECRET"].clone();
        (azure.ca_pem(), secret, cluster)
    };
    let before = kept(&first);
    first.stop().await;
    let second = Sandbox::open(options(&directory)).await.unwrap();
    assert_eq!(kept(&second), before);
    let endpoint = second.aks().unwrap().endpoint();
    let azure = second.azure().unwrap().state();
    let known = azure.read(|state| state.clusters.values().next().unwrap().endpoint.clone());
    assert_eq!(known, endpoint);
}

#[test]
fn a_cluster_does_not_keep_itself() {
    let directory = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::open(options(&directory)));
    let sandbox = sandbox.unwrap();
    let pods = sandbox.aks().unwrap().pod_identities();
    pods.set(&[], &[]).unwrap();
    runtime.block_on(sandbox.stop());
    drop(runtime);
    let error = pods.set(&[], &[]).unwrap_err();
    assert_eq!(error.to_string(), "the cluster is gone");
}

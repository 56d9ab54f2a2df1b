//! The cluster seen by clients that we did not write.

mod admission;
mod aks;
mod exec;
mod giving_up;
mod hostile;
mod identity;
mod kinds;
mod kubectl_changes;
mod kubectl_kinds;
mod objects;
mod ownership;
mod pod_identities;
mod pods;
mod rights;
mod watch;
mod with_kubectl;

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Api, Client, Config, Error};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ClusterSeed, ClusterServer, Platform};
use crate::sandbox::Conduct;

const TENANT: &str = "2bf793e0-71b3-4a6c-ba8a-96a6755de088";
const SCALE_SET: &str = "/subscriptions/3b63afce-113a-4798-a303-f37dada04319/resourceGroups/MC_arrikto_arrikto-cluster_eastus/providers/Microsoft.Compute/virtualMachineScaleSets/aks-workers-10000001-vmss";

fn seed() -> ClusterSeed {
    ClusterSeed {
        platform: Platform::Eks,
        name: "arrikto-cluster".into(),
        issuer: None,
        region: "us-west-2".into(),
        scale_set: None,
    }
}

fn aks_seed() -> ClusterSeed {
    ClusterSeed {
        platform: Platform::Aks,
        region: "eastus".into(),
        issuer: Some(format!(
            "https://eastus.oic.prod-aks.azure.com/{TENANT}/1b4e28ba-2fa1-41d2-883f-0016d3cca427/"
        )),
        scale_set: Some(SCALE_SET.into()),
        ..seed()
    }
}

async fn start(directory: &TempDir) -> ClusterServer {
    start_from(directory, seed()).await
}

async fn start_from(directory: &TempDir, seed: ClusterSeed) -> ClusterServer {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let file = directory.path().join("cluster.json");
    ClusterServer::start(&file, seed, &Conduct::default())
        .await
        .unwrap()
}

fn kubeconfig(server: &ClusterServer, token: &str) -> Kubeconfig {
    use base64::Engine as _;
    let authority = base64::engine::general_purpose::STANDARD.encode(server.ca_pem());
    let user = if token.is_empty() {
        json!({})
    } else {
        json!({ "token": token })
    };
    serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": {
            "server": server.endpoint(),
            "certificate-authority-data": authority,
        } }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
    }))
    .unwrap()
}

async fn client_with(server: &ClusterServer, token: &str) -> Client {
    let kubeconfig = kubeconfig(server, token);
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

async fn client(server: &ClusterServer) -> Client {
    client_with(server, &server.kubeconfig_user_token()).await
}

fn write_kubeconfig(server: &ClusterServer, path: &Path) {
    let kubeconfig = kubeconfig(server, &server.kubeconfig_user_token());
    std::fs::write(path, serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Box<Status> {
    match result.unwrap_err() {
        Error::Api(status) => status,
        other => panic!("not a refusal by the server: {other:?}"),
    }
}

fn account(name: &str) -> ServiceAccount {
    object(json!({
        "metadata": {
            "name": name,
            "labels": { "app.kubernetes.io/part-of": "rok-verify" },
        },
    }))
}

async fn create_namespace(client: &Client, name: &str) -> Namespace {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = object(json!({ "metadata": { "name": name } }));
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap()
}

async fn get_json(client: &Client, path: &str) -> Value {
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    client.request(request).await.unwrap()
}

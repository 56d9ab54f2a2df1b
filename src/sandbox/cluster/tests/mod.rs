//! The cluster seen by clients that we did not write.

mod with_kube;
mod with_kubectl;

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tempfile::TempDir;

use super::{ClusterSeed, ClusterServer};

fn seed() -> ClusterSeed {
    ClusterSeed {
        name: "arrikto-cluster".into(),
        issuer: None,
        region: "us-west-2".into(),
    }
}

async fn start(directory: &TempDir) -> ClusterServer {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let file = directory.path().join("cluster.json");
    ClusterServer::start(&file, seed(), Duration::ZERO)
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

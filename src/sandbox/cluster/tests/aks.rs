//! A cluster of AKS, and what its webhook does to Pods.

use base64::Engine as _;
use k8s_openapi::api::core::v1::{Node, Pod};

use super::pods::{Practice, running};
use super::*;
use crate::sandbox::cluster::Sabotage;

const CLIENT: &str = "09a3e33e-4bfb-4247-afa2-2b7c453d860d";

/// A cluster in which the account `rok` has these annotations.
async fn with_account(annotations: Value) -> Practice {
    let practice = Practice::of(aks_seed()).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(practice.client.clone(), "rok");
    let account = object(json!({ "metadata": { "name": "rok", "annotations": annotations } }));
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    practice
}

async fn try_create(practice: &Practice, namespace: &str, pod: Value) -> Result<Value, Error> {
    let pods: Api<Pod> = Api::namespaced(practice.client.clone(), namespace);
    let made = pods.create(&PostParams::default(), &object(pod)).await?;
    Ok(serde_json::to_value(made).unwrap())
}

/// A Pod of the account `rok` that asks for its identity.
fn asking(name: &str) -> Value {
    let mut spec = running(&["wait"]);
    spec["serviceAccountName"] = "rok".into();
    let labels = json!({ "azure.workload.identity/use": "true" });
    json!({ "metadata": { "name": name, "labels": labels }, "spec": spec })
}

fn variables(pod: &Value) -> Vec<(&str, &str)> {
    let environment = pod["spec"]["containers"][0]["env"].as_array();
    environment
        .into_iter()
        .flatten()
        .map(|variable| {
            let text = |field: &str| variable[field].as_str().unwrap();
            (text("name"), text("value"))
        })
        .collect()
}

#[tokio::test]
async fn its_node_is_one_of_a_scale_set() {
    let practice = Practice::of(aks_seed()).await;
    let nodes: Api<Node> = Api::all(practice.client.clone());
    let node = nodes.get("aks-workers-10000001-vmss000000").await.unwrap();
    let labels = node.metadata.labels.unwrap();
    for (label, value) in [
        ("agentpool", "workers"),
        ("kubernetes.azure.com/agentpool", "workers"),
        (
            "kubernetes.azure.com/cluster",
            "MC_arrikto_arrikto-cluster_eastus",
        ),
        ("topology.kubernetes.io/region", "eastus"),
    ] {
        assert_eq!(labels[label], value);
    }
    assert_eq!(
        node.spec.unwrap().provider_id.unwrap(),
        format!("azure://{SCALE_SET}/virtualMachines/0")
    );
    let webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let webhooks = get_json(&practice.client, webhooks).await;
    let names: Vec<&Value> = webhooks["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| &webhook["metadata"]["name"])
        .collect();
    assert_eq!(names, ["azure-wi-webhook-mutating-webhook-configuration"]);
}

#[tokio::test]
async fn a_pod_that_asks_gets_the_identity_of_its_account() {
    let practice = with_account(json!({ "azure.workload.identity/client-id": CLIENT })).await;
    let mut pod = asking("probe");
    pod["spec"]["initContainers"] =
        json!([{ "name": "before", "image": "i:1", "command": ["echo", "1"] }]);
    let pod = try_create(&practice, "rok", pod).await.unwrap();
    assert_eq!(
        variables(&pod),
        [
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_TENANT_ID", TENANT),
            (
                "AZURE_FEDERATED_TOKEN_FILE",
                "/var/run/secrets/azure/tokens/azure-identity-token"
            ),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ]
    );
    let containers = ["containers", "initContainers"].map(|list| &pod["spec"][list][0]);
    assert_eq!(containers[0]["env"], containers[1]["env"]);
    for container in containers {
        let mounts = container["volumeMounts"].as_array().unwrap();
        let mount = json!({
            "name": "azure-identity-token",
            "mountPath": "/var/run/secrets/azure/tokens",
            "readOnly": true,
        });
        assert!(mounts.contains(&mount), "{mounts:?}");
    }
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let source = json!({ "serviceAccountToken": {
        "audience": "api://AzureADTokenExchange",
        "expirationSeconds": 3600,
        "path": "azure-identity-token",
    } });
    let volume = volumes.last().unwrap();
    assert_eq!(volume["name"], "azure-identity-token");
    assert_eq!(volume["projected"]["sources"], json!([source]));
}

#[tokio::test]
async fn its_token_says_what_entra_compares() {
    let practice = with_account(json!({ "azure.workload.identity/client-id": CLIENT })).await;
    let mut pod = asking("probe");
    let file = "/var/run/secrets/azure/tokens/azure-identity-token";
    pod["spec"]["containers"][0]["command"] = json!(["cat", file]);
    try_create(&practice, "rok", pod).await.unwrap();
    practice.until_phase("probe", "Succeeded").await;
    let log = practice
        .pods
        .logs("probe", &kube::api::LogParams::default())
        .await;
    let token = log.unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    let claims: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    assert_eq!(claims["aud"], json!(["api://AzureADTokenExchange"]));
    assert_eq!(claims["iss"], practice.server.issuer());
    assert_eq!(claims["sub"], "system:serviceaccount:rok:rok");
}

#[tokio::test]
async fn annotations_choose_the_tenant_the_life_and_the_containers() {
    let practice = with_account(json!({
        "azure.workload.identity/client-id": CLIENT,
        "azure.workload.identity/tenant-id": "elsewhere",
        "azure.workload.identity/service-account-token-expiration": "7200",
    }))
    .await;
    let mut pod = asking("probe");
    let own = json!([{ "name": "AZURE_CLIENT_ID", "value": "mine" }]);
    pod["spec"]["containers"][0]["env"] = own;
    let made = try_create(&practice, "rok", pod.clone()).await.unwrap();
    assert_eq!(variables(&made)[0], ("AZURE_CLIENT_ID", "mine"));
    assert_eq!(variables(&made)[1], ("AZURE_TENANT_ID", "elsewhere"));
    let volumes = made["spec"]["volumes"].as_array().unwrap();
    let token = &volumes.last().unwrap()["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["expirationSeconds"], 7200);

    pod["metadata"] = json!({
        "name": "skipping",
        "labels": { "azure.workload.identity/use": "true" },
        "annotations": { "azure.workload.identity/skip-containers": "other; main" },
    });
    let made = try_create(&practice, "rok", pod.clone()).await.unwrap();
    assert_eq!(variables(&made), [("AZURE_CLIENT_ID", "mine")]);

    pod["metadata"] = json!({
        "name": "short",
        "labels": { "azure.workload.identity/use": "true" },
        "annotations": { "azure.workload.identity/service-account-token-expiration": "60" },
    });
    let refused = refusal(try_create(&practice, "rok", pod).await);
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            400,
            "admission webhook \"mutation.azure-workload-identity.io\" denied the request: token \
             expiration 60 not valid. Expected value to be between 3600 and 86400"
        )
    );
}

#[tokio::test]
async fn without_the_client_id_a_pod_starts_and_lacks_the_variable() {
    let practice = with_account(json!({})).await;
    let pod = try_create(&practice, "rok", asking("probe")).await.unwrap();
    let names: Vec<&str> = variables(&pod).iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "AZURE_TENANT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_AUTHORITY_HOST"
        ]
    );
    practice.until_phase("probe", "Running").await;
}

#[tokio::test]
async fn the_label_counts_on_the_pod_and_outside_the_clusters_own_namespaces() {
    let annotations = json!({ "azure.workload.identity/client-id": CLIENT });
    let practice = with_account(annotations.clone()).await;
    let mut silent = asking("silent");
    silent["metadata"] = json!({ "name": "silent" });
    let pod = try_create(&practice, "rok", silent).await.unwrap();
    assert_eq!(variables(&pod), []);

    let mut other = asking("other");
    other["metadata"]["labels"] = json!({ "azure.workload.identity/use": "yes" });
    let pod = try_create(&practice, "rok", other).await.unwrap();
    assert_eq!(variables(&pod), []);

    let accounts: Api<ServiceAccount> = Api::namespaced(practice.client.clone(), "kube-system");
    let account = json!({ "metadata": { "name": "rok", "annotations": annotations } });
    accounts
        .create(&PostParams::default(), &object(account))
        .await
        .unwrap();
    let pod = try_create(&practice, "kube-system", asking("probe"))
        .await
        .unwrap();
    assert_eq!(variables(&pod), []);
}

#[tokio::test]
async fn a_webhook_that_is_down_concerns_only_those_who_ask() {
    let practice = with_account(json!({ "azure.workload.identity/client-id": CLIENT })).await;
    practice
        .server
        .sabotage(Sabotage::WebhookDownAndFailing)
        .unwrap();
    let mut silent = asking("silent");
    silent["metadata"] = json!({ "name": "silent" });
    try_create(&practice, "rok", silent).await.unwrap();
    let refused = refusal(try_create(&practice, "rok", asking("probe")).await);
    assert_eq!(refused.code, 500);
    assert!(
        refused.message.starts_with(
            "Internal error occurred: failed calling webhook \"mutation.azure-workload-identity.io\": \
             failed to call webhook: Post \
             \"https://azure-wi-webhook-webhook-service.kube-system.svc:443/mutate-v1-pod?timeout=10s\""
        ),
        "{}",
        refused.message
    );
    practice.server.repair().unwrap();
    practice.server.sabotage(Sabotage::WebhookOff).unwrap();
    let pod = try_create(&practice, "rok", asking("probe")).await.unwrap();
    assert_eq!(variables(&pod), []);
    let events = practice.events("probe").await;
    let open = "Failed calling webhook, failing open mutation.azure-workload-identity.io";
    assert!(events[0].1.starts_with(open), "{events:?}");
}

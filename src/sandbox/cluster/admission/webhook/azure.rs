//! The webhook of Azure workload identity: a Pod that asks for it by its label gets the variables
//! of its account's identity and a token that Entra accepts.
//!
//! The label counts on the Pod only. An account without a client id is no reason to refuse: the
//! Pod starts and lacks the variable.

use serde_json::{Value, json};

use super::super::super::kinds::NAMESPACES;
use super::super::super::refusal::Refusal;
use super::super::super::state::ClusterState;
use super::{Webhook, containers_mut, list, token_volume};

pub(super) const WEBHOOK: Webhook = Webhook {
    name: "mutation.azure-workload-identity.io",
    url: "https://azure-wi-webhook-webhook-service.kube-system.svc:443/mutate-v1-pod",
    address: "10.0.182.30:443",
};
const LABEL: &str = "azure.workload.identity/use";
const VOLUME: &str = "azure-identity-token";
const MOUNT_PATH: &str = "/var/run/secrets/azure/tokens";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const AUTHORITY_HOST: &str = "https://login.microsoftonline.com/";
/// What the life of a token may be, in seconds; the shortest is also the usual one.
const SHORTEST: i64 = 3600;
const LONGEST: i64 = 86_400;

/// Whether the API server calls the webhook for a Pod at all: AKS has it skip its own namespaces.
pub(super) fn is_asked(state: &ClusterState, namespace: &str, pod: &Value) -> bool {
    let namespace = state.get(&NAMESPACES, "", namespace).ok();
    let is_own = namespace.is_some_and(|namespace| {
        let labels = &namespace["metadata"]["labels"];
        !labels["control-plane"].is_null() || labels["kubernetes.azure.com/managedby"] == "aks"
    });
    pod["metadata"]["labels"][LABEL] == "true" && !is_own
}

pub(super) fn mutate(
    state: &ClusterState,
    account: &Value,
    pod: &mut Value,
) -> Result<(), Refusal> {
    let seconds = seconds(account, pod)?;
    let tenant = annotation(account, "tenant-id").or_else(|| tenant(state));
    let variables = [
        ("AZURE_CLIENT_ID", annotation(account, "client-id")),
        ("AZURE_TENANT_ID", tenant),
        (
            "AZURE_FEDERATED_TOKEN_FILE",
            Some(format!("{MOUNT_PATH}/{VOLUME}")),
        ),
        ("AZURE_AUTHORITY_HOST", Some(AUTHORITY_HOST.to_owned())),
    ];
    let skipped = annotation(pod, "skip-containers").unwrap_or_default();
    let skipped: Vec<&str> = skipped.split(';').map(str::trim).collect();
    for container in containers_mut(pod) {
        if skipped.contains(&container["name"].as_str().unwrap_or_default()) {
            continue;
        }
        let environment = list(container, "env");
        for (name, value) in &variables {
            let is_set = environment.iter().any(|variable| variable["name"] == *name);
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty() && !is_set) {
                environment.push(json!({ "name": name, "value": value }));
            }
        }
        let mount = json!({ "name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": true });
        put_named(list(container, "volumeMounts"), mount);
    }
    let volume = token_volume(VOLUME, AUDIENCE, seconds, VOLUME);
    put_named(list(&mut pod["spec"], "volumes"), volume);
    Ok(())
}

/// Puts something in the place of what has its name, or at the end.
fn put_named(list: &mut Vec<Value>, item: Value) {
    match list.iter_mut().find(|known| known["name"] == item["name"]) {
        Some(known) => *known = item,
        None => list.push(item),
    }
}

/// How long the token is to live. The Pod's own wish comes first.
fn seconds(account: &Value, pod: &Value) -> Result<i64, Refusal> {
    let wish = |object| {
        annotation(object, "service-account-token-expiration").filter(|wish| !wish.is_empty())
    };
    let Some(wish) = wish(pod).or_else(|| wish(account)) else {
        return Ok(SHORTEST);
    };
    let denied = |why: String| {
        let name = WEBHOOK.name;
        Refusal::bad_request(format!(
            "admission webhook \"{name}\" denied the request: {why}"
        ))
    };
    let seconds: i64 = wish.parse().map_err(|_| {
        denied(format!(
            "strconv.ParseInt: parsing \"{wish}\": invalid syntax"
        ))
    })?;
    if (SHORTEST..=LONGEST).contains(&seconds) {
        return Ok(seconds);
    }
    Err(denied(format!(
        "token expiration {seconds} not valid. Expected value to be between {SHORTEST} and {LONGEST}"
    )))
}

fn annotation(object: &Value, name: &str) -> Option<String> {
    let annotations = &object["metadata"]["annotations"];
    let value = &annotations[format!("azure.workload.identity/{name}")];
    value.as_str().map(str::to_owned)
}

/// The cluster's tenant, as its issuer tells it.
fn tenant(state: &ClusterState) -> Option<String> {
    let mut parts = state.issuer.split('/').skip(3);
    parts.next().map(str::to_owned)
}

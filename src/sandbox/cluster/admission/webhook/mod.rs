//! The identity webhook of the platform, and what happens when it does not answer.

mod aws;
mod azure;

use serde_json::{Value, json};

use super::super::events::{self, Note};
use super::super::kinds::SERVICE_ACCOUNTS;
use super::super::refusal::Refusal;
use super::super::sabotage::Sabotage;
use super::super::seed::Platform;
use super::super::state::ClusterState;
use super::{containers_mut, list};

/// How an API server calls a webhook, as it says when it cannot.
struct Webhook {
    name: &'static str,
    url: &'static str,
    address: &'static str,
}

pub(super) fn inject(
    state: &mut ClusterState,
    namespace: &str,
    pod: &mut Value,
) -> Result<(), Refusal> {
    let webhook = match state.platform {
        Platform::Eks => &aws::WEBHOOK,
        Platform::Aks if azure::is_asked(state, namespace, pod) => &azure::WEBHOOK,
        Platform::Aks => return Ok(()),
    };
    let failure = format!(
        "failed calling webhook \"{}\": failed to call webhook: Post \"{}?timeout=10s\": dial tcp {}: connect: connection refused",
        webhook.name, webhook.url, webhook.address
    );
    if state.sabotage.contains(&Sabotage::WebhookDownAndFailing) {
        return Err(Refusal::internal(failure));
    }
    if state.sabotage.contains(&Sabotage::WebhookOff) {
        // An API server says this in its own log, which nobody can read here.
        let said = format!(
            "Failed calling webhook, failing open {}: {failure}",
            webhook.name
        );
        let note = Note::warning("FailedCallingWebhook", said).by("kube-apiserver");
        return events::record(state, pod, note);
    }
    let account = pod["spec"]["serviceAccountName"]
        .as_str()
        .unwrap_or_default();
    let account = state.get(&SERVICE_ACCOUNTS, namespace, account)?.clone();
    match state.platform {
        Platform::Eks => aws::mutate(state, &account, pod),
        Platform::Aks => azure::mutate(state, &account, pod)?,
    }
    Ok(())
}

/// A volume with a token of the Pod's account for someone outside.
fn token_volume(name: &str, audience: &str, seconds: i64, path: &str) -> Value {
    let token = json!({
        "audience": audience,
        "expirationSeconds": seconds,
        "path": path,
    });
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [{ "serviceAccountToken": token }],
        },
    })
}

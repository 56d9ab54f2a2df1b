//! Clusters as Azure shows them, and the way into them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::call::{Answer, Call};
use super::super::refusal::Refusal;
use super::super::state::{AzureState, Cluster};
use super::{NAMESPACE, TYPE, find};

pub(super) fn document(cluster: &Cluster) -> Value {
    json!({
        "id": cluster.id,
        "name": cluster.name,
        "type": TYPE,
        "location": cluster.location,
        "tags": cluster.tags,
        "identity": cluster.identity,
        "sku": { "name": "Base", "tier": "Free" },
        "properties": cluster.properties,
        "eTag": cluster.etag,
    })
}

/// Adds where to ask how it goes.
pub(super) fn accepted(call: &Call<'_>, answer: Answer, location: &str, operation: &str) -> Answer {
    let url = format!(
        "{}/subscriptions/{}/providers/{NAMESPACE}/locations/{location}/operations/{operation}\
         ?api-version=2016-03-30",
        call.endpoint,
        call.path.subscription().unwrap_or_default()
    );
    answer
        .header("azure-asyncoperation", url)
        .header("retry-after", "1")
}

/// A kubeconfig, as `az aks get-credentials` merges it.
pub(super) fn credentials(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let cluster = find(state, call.path.parent())?;
    let is_admin = call.path.kind().ends_with("AdminCredential");
    let (name, kind) = if is_admin {
        (format!("{}-admin", cluster.name), "clusterAdmin")
    } else {
        (cluster.name.clone(), "clusterUser")
    };
    let user = format!("{kind}_{}_{}", super::group_of(&cluster.id), cluster.name);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{ "name": cluster.name, "cluster": {
            "server": cluster.endpoint,
            "certificate-authority-data": STANDARD.encode(&cluster.certificate_authority_pem),
        } }],
        "users": [{ "name": user, "user": { "token": cluster.token } }],
        "contexts": [{ "name": name, "context": { "cluster": cluster.name, "user": user } }],
        "current-context": name,
    });
    let document = serde_yaml::to_string(&config).expect("a JSON document is a YAML document");
    Ok(Answer::ok(json!({ "kubeconfigs": [{
        "name": kind,
        "value": STANDARD.encode(document),
    }] })))
}

/// The node pools.
pub(super) fn pools(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let cluster = find(state, call.path.parent())?;
    let pools = cluster.properties["agentPoolProfiles"].as_array();
    Ok(Answer::list(pools.into_iter().flatten().map(|pool| {
        let name = pool["name"].as_str().unwrap_or_default();
        json!({
            "id": format!("{}/agentPools/{name}", cluster.id),
            "name": name,
            "type": format!("{TYPE}/agentPools"),
            "properties": pool,
        })
    })))
}

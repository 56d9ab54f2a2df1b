//! Clusters as the service writes and wants them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{
    AssignedPodIdentity, ClusterAccessInfo, ClusterChange, ManagedCluster, PodIdentityException,
    PodIdentityProfile, PodIdentityTarget,
};
use crate::clients::azure::error::one_line;
use crate::clients::azure::resource_id::group_of;

/// Reads a cluster.
pub(super) fn of_json(raw: Value) -> Option<ManagedCluster> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let yes = |value: &Value| value.as_bool().unwrap_or(false);
    let properties = &raw["properties"];
    let id = text(&raw["id"])?;
    let issuer = &properties["oidcIssuerProfile"];
    let profile = &properties["podIdentityProfile"];
    Some(ManagedCluster {
        group: group_of(&id),
        name: text(&raw["name"])?,
        location: text(&raw["location"])?,
        state: text(&properties["provisioningState"]).unwrap_or_default(),
        failure: None,
        power: text(&properties["powerState"]["code"]),
        fqdn: text(&properties["fqdn"]).or_else(|| text(&properties["privateFQDN"])),
        node_resource_group: text(&properties["nodeResourceGroup"]),
        oidc_issuer: text(&issuer["issuerURL"]),
        is_oidc_enabled: yes(&issuer["enabled"]),
        is_workload_identity_enabled: yes(
            &properties["securityProfile"]["workloadIdentity"]["enabled"],
        ),
        pod_identity: profile.is_object().then(|| pod_identity(profile)),
        identity_principal: principal(&raw["identity"]),
        network_plugin: text(&properties["networkProfile"]["networkPlugin"]),
        version: text(&properties["currentKubernetesVersion"])
            .or_else(|| text(&properties["kubernetesVersion"])),
        id,
        raw,
    })
}

/// Returns the control plane's own identity, or the first one that it was given.
fn principal(identity: &Value) -> Option<String> {
    let given = identity["userAssignedIdentities"].as_object();
    let given = given.and_then(|given| given.values().next());
    identity["principalId"]
        .as_str()
        .or_else(|| given?["principalId"].as_str())
        .map(str::to_owned)
}

fn pod_identity(profile: &Value) -> PodIdentityProfile {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = |name: &str| profile[name].as_array().into_iter().flatten();
    let identity = |found: &Value| AssignedPodIdentity {
        name: text(&found["name"]),
        namespace: text(&found["namespace"]),
        identity: PodIdentityTarget {
            resource_id: text(&found["identity"]["resourceId"]),
            client_id: text(&found["identity"]["clientId"]),
            object_id: text(&found["identity"]["objectId"]),
        },
        binding_selector: found["bindingSelector"].as_str().map(str::to_owned),
        state: found["provisioningState"].as_str().map(str::to_owned),
        error: reason(&found["provisioningInfo"]["error"]),
    };
    let exception = |found: &Value| PodIdentityException {
        name: text(&found["name"]),
        namespace: text(&found["namespace"]),
        pod_labels: found["podLabels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    };
    PodIdentityProfile {
        enabled: profile["enabled"].as_bool().unwrap_or(false),
        allow_kubenet: profile["allowNetworkPluginKubenet"]
            .as_bool()
            .unwrap_or(false),
        identities: items("userAssignedIdentities").map(identity).collect(),
        exceptions: items("userAssignedIdentityExceptions")
            .map(exception)
            .collect(),
    }
}

/// Reads why a pod identity is not assigned: `error` stands in an `error` there.
fn reason(error: &Value) -> Option<String> {
    let error = if error["error"].is_object() {
        &error["error"]
    } else {
        error
    };
    error["message"]
        .as_str()
        .or_else(|| error["code"].as_str())
        .map(one_line)
}

/// What only the service writes.
const READ_ONLY: [&str; 9] = [
    "provisioningState",
    "powerState",
    "fqdn",
    "privateFQDN",
    "azurePortalFQDN",
    "currentKubernetesVersion",
    "maxAgentPools",
    "resourceUID",
    "status",
];

/// The same of node pools.
const READ_ONLY_POOL: [&str; 5] = [
    "provisioningState",
    "currentOrchestratorVersion",
    "nodeImageVersion",
    "eTag",
    "status",
];

/// Returns a cluster as it is to be.
pub(super) fn changed(raw: &Value, change: &ClusterChange) -> Value {
    let mut wanted = json!({});
    for name in [
        "location",
        "tags",
        "sku",
        "kind",
        "identity",
        "extendedLocation",
    ] {
        if let Some(value) = raw.get(name) {
            wanted[name] = value.clone();
        }
    }
    let mut properties = raw["properties"].clone();
    without(&mut properties, &READ_ONLY);
    let pools = properties.get_mut("agentPoolProfiles");
    for pool in pools.and_then(Value::as_array_mut).into_iter().flatten() {
        without(pool, &READ_ONLY_POOL);
    }
    if change.enable_oidc_issuer {
        properties["oidcIssuerProfile"] = json!({"enabled": true});
    }
    if change.enable_workload_identity {
        properties["securityProfile"]["workloadIdentity"] = json!({"enabled": true});
    }
    match &change.pod_identity {
        Some(profile) => properties["podIdentityProfile"] = written(profile),
        None if raw["properties"]["podIdentityProfile"].is_object() => {
            properties["podIdentityProfile"] =
                written(&pod_identity(&raw["properties"]["podIdentityProfile"]));
        }
        None => {}
    }
    wanted["properties"] = properties;
    wanted
}

fn without(value: &mut Value, names: &[&str]) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn written(profile: &PodIdentityProfile) -> Value {
    let identity = |found: &AssignedPodIdentity| {
        let mut value = json!({
            "name": found.name,
            "namespace": found.namespace,
            "identity": {
                "resourceId": found.identity.resource_id,
                "clientId": found.identity.client_id,
                "objectId": found.identity.object_id,
            },
        });
        if let Some(selector) = &found.binding_selector {
            value["bindingSelector"] = selector.as_str().into();
        }
        value
    };
    let exception = |found: &PodIdentityException| {
        json!({
            "name": found.name,
            "namespace": found.namespace,
            "podLabels": found.pod_labels,
        })
    };
    json!({
        "enabled": profile.enabled,
        "allowNetworkPluginKubenet": profile.allow_kubenet,
        "userAssignedIdentities": profile.identities.iter().map(identity).collect::<Vec<_>>(),
        "userAssignedIdentityExceptions":
            profile.exceptions.iter().map(exception).collect::<Vec<_>>(),
    })
}

/// Reads the server and its certificates out of the first kubeconfig, and nothing else of it.
pub(super) fn access(told: &Value) -> Option<ClusterAccessInfo> {
    let decoded = |value: &Value| BASE64_STANDARD.decode(value.as_str()?).ok();
    let config = decoded(&told["kubeconfigs"][0]["value"])?;
    let config: Value = serde_yaml::from_slice(&config).ok()?;
    let cluster = &config["clusters"][0]["cluster"];
    Some(ClusterAccessInfo {
        server: cluster["server"].as_str()?.to_owned(),
        ca_pem: decoded(&cluster["certificate-authority-data"])
            .and_then(|pem| String::from_utf8(pem).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Value {
        json!({
            "id": "/subscriptions/s/resourcegroups/arrikto/providers/Microsoft.ContainerService/managedClusters/c",
            "name": "c", "location": "eastus", "type": "x", "eTag": "e1", "systemData": {},
            "tags": {"a": "b"}, "sku": {"name": "Base"},
            "identity": {"type": "SystemAssigned", "principalId": "p"},
            "properties": {
                "provisioningState": "Succeeded", "powerState": {"code": "Running"},
                "fqdn": "c.hcp", "nodeResourceGroup": "MC", "kubernetesVersion": "1.31",
                "currentKubernetesVersion": "1.31.2", "dnsPrefix": "c",
                "agentPoolProfiles": [{"name": "workers", "count": 2, "nodeImageVersion": "x"}],
                "networkProfile": {"networkPlugin": "azure"},
                "oidcIssuerProfile": {"enabled": true, "issuerURL": "https://issuer/t/i/"},
                "securityProfile": {"imageCleaner": {"enabled": true}},
                "podIdentityProfile": {
                    "enabled": true,
                    "userAssignedIdentities": [{
                        "name": "rok", "namespace": "rok", "provisioningState": "Failed",
                        "identity": {"resourceId": "/r", "clientId": "c", "objectId": "o"},
                        "provisioningInfo": {"error": {"error": {"code": "X", "message": "no  right"}}},
                    }],
                    "userAssignedIdentityExceptions": [
                        {"name": "e", "namespace": "n", "podLabels": {"app": "x"}}
                    ],
                },
            },
        })
    }

    #[test]
    fn a_cluster_is_read() {
        let cluster = of_json(raw()).unwrap();
        assert_eq!(
            (&cluster.group[..], &cluster.state[..]),
            ("arrikto", "Succeeded")
        );
        assert_eq!(cluster.oidc_issuer.as_deref(), Some("https://issuer/t/i/"));
        assert!(cluster.is_oidc_enabled && !cluster.is_workload_identity_enabled);
        assert_eq!(cluster.identity_principal.as_deref(), Some("p"));
        assert_eq!(cluster.version.as_deref(), Some("1.31.2"));
        let profile = cluster.pod_identity.unwrap();
        assert_eq!(profile.identities[0].error.as_deref(), Some("no right"));
        assert_eq!(profile.exceptions[0].pod_labels["app"], "x");
        assert!(of_json(json!({"id": "/x"})).is_none());
    }

    #[test]
    fn a_change_keeps_all_else_and_sends_back_nothing_that_is_only_read() {
        let change = ClusterChange {
            enable_workload_identity: true,
            ..ClusterChange::default()
        };
        let wanted = changed(&raw(), &change);
        let properties = &wanted["properties"];
        assert_eq!(wanted["tags"], json!({"a": "b"}));
        assert_eq!(properties["dnsPrefix"], "c");
        assert_eq!(
            properties["securityProfile"],
            json!({"imageCleaner": {"enabled": true}, "workloadIdentity": {"enabled": true}})
        );
        for name in ["id", "name", "type", "eTag", "systemData"] {
            assert_eq!(wanted.get(name), None, "{name}");
        }
        for name in READ_ONLY {
            assert_eq!(properties.get(name), None, "{name}");
        }
        let pool = json!({"name": "workers", "count": 2});
        assert_eq!(properties["agentPoolProfiles"][0], pool);
        let identity = &properties["podIdentityProfile"]["userAssignedIdentities"][0];
        assert_eq!(identity.get("provisioningState"), None);
        assert_eq!(identity["identity"]["objectId"], "o");
    }

    #[test]
    fn pod_identities_are_written_as_they_are_to_be() {
        let mut profile = of_json(raw()).unwrap().pod_identity.unwrap();
        profile.identities[0].binding_selector = Some("other".into());
        let change = ClusterChange {
            pod_identity: Some(profile.clone()),
            ..ClusterChange::default()
        };
        let read = pod_identity(&changed(&raw(), &change)["properties"]["podIdentityProfile"]);
        profile.identities[0].state = None;
        profile.identities[0].error = None;
        assert_eq!(read, profile);
    }

    #[test]
    fn a_kubeconfig_tells_its_server_and_nothing_else_is_kept() {
        let config = format!(
            "clusters:\n- name: c\n  cluster:\n    server: https://c.hcp:443\n    \
             certificate-authority-data: {}\nusers:\n- user: {{token: canary}}\n",
            BASE64_STANDARD.encode("PEM")
        );
        let told = json!({"kubeconfigs": [{"name": "x", "value": BASE64_STANDARD.encode(config)}]});
        let found = access(&told).unwrap();
        assert_eq!(found.server, "https://c.hcp:443");
        assert_eq!(found.ca_pem.as_deref(), Some("PEM"));
        assert_eq!(access(&json!({"kubeconfigs": []})), None);
    }
}

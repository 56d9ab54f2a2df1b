//! What the server fills in where a client leaves it open.

use ring::digest;
use serde_json::{Value, json};

use super::custom;
use super::groups::{CUSTOM_RESOURCE_DEFINITIONS, DAEMON_SETS, DEPLOYMENTS, JOBS, STATEFUL_SETS};
use super::kinds::{Kind, SERVICES};

/// Fills in what an object of this kind lacks.
pub(super) fn fill(kind: &Kind, object: &mut Value) {
    let usual = if kind == &SERVICES {
        service(object)
    } else if kind == &DEPLOYMENTS {
        json!({
            "replicas": 1,
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" },
            },
        })
    } else if kind == &STATEFUL_SETS {
        json!({
            "replicas": 1,
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
        })
    } else if kind == &DAEMON_SETS {
        json!({
            "revisionHistoryLimit": 10,
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 },
            },
        })
    } else if kind == &JOBS {
        json!({
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "completions": 1,
            "parallelism": 1,
            "suspend": false,
        })
    } else {
        if kind == &CUSTOM_RESOURCE_DEFINITIONS {
            custom::complete(object);
        }
        return;
    };
    let spec = &mut object["spec"];
    for (name, value) in usual.as_object().into_iter().flatten() {
        if spec[name].is_null() {
            spec[name] = value.clone();
        }
    }
}

fn service(service: &mut Value) -> Value {
    let address = match service["spec"]["clusterIP"].as_str() {
        Some(given) if !given.is_empty() => given.to_owned(),
        _ => address(&service["metadata"]),
    };
    for port in service["spec"]["ports"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if port["protocol"].is_null() {
            port["protocol"] = "TCP".into();
        }
        if port["targetPort"].is_null() {
            port["targetPort"] = port["port"].clone();
        }
    }
    json!({
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "sessionAffinity": "None",
        "type": "ClusterIP",
    })
}

/// The address of a service follows from its name, so that it stays the same.
fn address(metadata: &Value) -> String {
    let name = format!("{}/{}", metadata["namespace"], metadata["name"]);
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    let bytes = hash.as_ref();
    format!("10.100.{}.{}", bytes[0], bytes[1])
}

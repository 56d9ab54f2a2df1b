//! What the server decides about an object, and what it fills in where a client leaves it open.

use ring::digest;
use serde_json::{Map, Value, json};

use super::custom;
use super::groups::{CUSTOM_RESOURCE_DEFINITIONS, DAEMON_SETS, DEPLOYMENTS, JOBS, STATEFUL_SETS};
use super::kinds::{Kind, NAMESPACES, PODS, SECRETS, SERVICES};
use super::objects::{metadata, text};
use super::refusal::Refusal;

/// Sets what the server and not the client decides about any object of a kind.
pub(super) fn prepare(kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Refusal> {
    object["kind"] = kind.name.into();
    object["apiVersion"] = kind.kept().api_version().into();
    if kind.namespaced {
        let metadata = metadata(object);
        if text(metadata, "namespace").is_some_and(|found| found != namespace) {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        metadata.insert("namespace".into(), namespace.into());
    }
    fill(kind, object);
    if kind == &CUSTOM_RESOURCE_DEFINITIONS {
        custom::check(object)?;
    }
    if kind.resource == NAMESPACES.resource {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
        object["status"]["phase"] = "Active".into();
    } else if kind.resource == PODS.resource && object["status"]["phase"].is_null() {
        object["status"]["phase"] = "Pending".into();
    } else if kind.resource == SECRETS.resource {
        encode_string_data(object);
        if object["type"].is_null() {
            object["type"] = "Opaque".into();
        }
    }
    Ok(())
}

/// `stringData` is for writing only: it ends up in `data`, as base64.
pub(super) fn encode_string_data(secret: &mut Value) {
    use base64::Engine as _;
    let fields = secret.as_object_mut().expect("objects are JSON objects");
    if let Some(Value::Object(plain)) = fields.remove("stringData") {
        for (name, value) in plain {
            let bytes = value.as_str().unwrap_or_default();
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            secret["data"][name] = encoded.into();
        }
    }
}

pub(super) fn label_namespace(metadata: &mut Map<String, Value>, name: &str) {
    metadata.entry("labels").or_insert_with(|| json!({}))["kubernetes.io/metadata.name"] =
        name.into();
}

/// Fills in what an object of this kind lacks.
fn fill(kind: &Kind, object: &mut Value) {
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

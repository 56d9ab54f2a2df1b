//! The variables of a container.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::kinds::{CONFIG_MAPS, Kind, SECRETS};
use super::super::state::ClusterState;
use super::volumes::entry;

/// What every container of the practice images finds.
const ALWAYS: [(&str, &str); 5] = [
    ("HOME", "/root"),
    ("KUBERNETES_PORT", "tcp://10.100.0.1:443"),
    ("KUBERNETES_SERVICE_HOST", "10.100.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
];

/// All variables of a container, or why one cannot be filled.
pub(super) fn of(
    state: &ClusterState,
    pod: &Value,
    container: &Value,
) -> Result<BTreeMap<String, String>, String> {
    let mut all: BTreeMap<String, String> = ALWAYS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.insert("HOSTNAME".into(), text(&pod["metadata"]["name"]));
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let prefix = text(&source["prefix"]);
        for (field, kind) in [("configMapRef", &CONFIG_MAPS), ("secretRef", &SECRETS)] {
            if source[field].is_object() {
                for (key, value) in whole(state, pod, kind, &source[field])? {
                    all.insert(format!("{prefix}{key}"), value);
                }
            }
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let value = match &variable["valueFrom"] {
            Value::Null => Some(text(&variable["value"])),
            source => referenced(state, pod, source)?,
        };
        if let Some(value) = value {
            all.insert(text(&variable["name"]), value);
        }
    }
    Ok(all)
}

/// The value that a variable refers to; `None` when it is missing and may be.
fn referenced(state: &ClusterState, pod: &Value, source: &Value) -> Result<Option<String>, String> {
    if let Some(path) = source["fieldRef"]["fieldPath"].as_str() {
        return Ok(Some(field(pod, path)));
    }
    for (reference, kind) in [
        ("configMapKeyRef", &CONFIG_MAPS),
        ("secretKeyRef", &SECRETS),
    ] {
        let reference = &source[reference];
        let Some(key) = reference["key"].as_str() else {
            continue;
        };
        let found = whole(state, pod, kind, reference)?.remove(key);
        if found.is_none() && reference["optional"] != true {
            let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
            return Err(format!(
                "couldn't find key {key} in {} {namespace}/{}",
                kind.name,
                reference["name"].as_str().unwrap_or_default()
            ));
        }
        return Ok(found);
    }
    Ok(None)
}

/// All entries of a ConfigMap or Secret; none when it is missing and may be.
fn whole(
    state: &ClusterState,
    pod: &Value,
    kind: &Kind,
    reference: &Value,
) -> Result<BTreeMap<String, String>, String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let name = reference["name"].as_str().unwrap_or_default();
    match state.get(kind, namespace, name) {
        Ok(object) => Ok(object["data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let bytes = entry(kind, value);
                (key.clone(), String::from_utf8_lossy(&bytes).into_owned())
            })
            .collect()),
        Err(_) if reference["optional"] == true => Ok(BTreeMap::new()),
        Err(_) => Err(format!("{} \"{name}\" not found", kind.singular)),
    }
}

/// A field of the Pod by its path, such as `metadata.name` or `metadata.labels['app']`.
pub(super) fn field(pod: &Value, path: &str) -> String {
    let value = match path.split_once("['") {
        Some((map, key)) => {
            let key = key.trim_end_matches("']");
            map.split('.').fold(pod, |value, step| &value[step])[key].clone()
        }
        None => path
            .split('.')
            .fold(pod, |value, step| &value[step])
            .clone(),
    };
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

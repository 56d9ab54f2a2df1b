//! What an object says of itself.

use serde_json::Value;

/// Returns a text of the object; an absent one is empty.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns the kind: `Deployment`.
pub(super) fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

/// Returns the API group; that of the core kinds is empty.
pub(super) fn group(object: &Value) -> &str {
    let version = text(object, "/apiVersion");
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Returns the name.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// Returns the namespace; empty where none is written.
pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// Returns `rok/web`, or the name alone where no namespace is written.
pub(super) fn place(object: &Value) -> String {
    match namespace(object) {
        "" => name(object).to_owned(),
        namespace => format!("{namespace}/{}", name(object)),
    }
}

/// Returns what a sentence calls it: "Deployment `rok/web`".
pub(super) fn title(object: &Value) -> String {
    format!("{} `{}`", kind(object), place(object))
}

/// Whether other objects of a build can only be made once this one is there.
pub(super) fn is_definition(object: &Value) -> bool {
    match kind(object) {
        "Namespace" => group(object).is_empty(),
        "CustomResourceDefinition" => group(object) == "apiextensions.k8s.io",
        _ => false,
    }
}

/// Returns when it is applied: what others refer to first, what intercepts requests last.
pub(super) fn wave(object: &Value) -> u8 {
    match kind(object) {
        "ClusterRole"
        | "ClusterRoleBinding"
        | "ConfigMap"
        | "LimitRange"
        | "PersistentVolume"
        | "PersistentVolumeClaim"
        | "PriorityClass"
        | "ResourceQuota"
        | "Role"
        | "RoleBinding"
        | "Secret"
        | "Service"
        | "ServiceAccount"
        | "StorageClass" => 0,
        "APIService" | "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => 2,
        _ => 1,
    }
}

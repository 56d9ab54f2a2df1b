//! A small OpenAPI v3 description: the paths, what they take, and which kinds they are about.
//!
//! kubectl reads it to learn that the server itself validates fields (`fieldValidation`), and then
//! leaves that to the server. The schemas name the kinds and stop there.

use serde_json::{Map, Value, json};

use super::discovery::{self, GIT_VERSION};
use super::kinds::Kind;

/// `/openapi/v3`: where the documents are.
pub(super) fn index(kinds: &[&Kind]) -> Value {
    let paths: Map<String, Value> = discovery::versions_by_group(kinds)
        .into_iter()
        .flat_map(|(group, versions)| versions.into_iter().map(move |version| (group, version)))
        .map(|(group, version)| {
            let path = base(group, version);
            let url = format!("/openapi/v3/{path}");
            (path, json!({ "serverRelativeURL": url }))
        })
        .collect();
    json!({ "paths": paths })
}

/// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`.
/// Custom kinds have a schema of their own.
pub(super) fn document(
    kinds: &[&Kind],
    custom: impl Fn(&Kind) -> Option<Value>,
    group: &str,
    version: &str,
) -> Option<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in discovery::of(kinds, group, version) {
        let namespace = if kind.namespaced {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let collection = format!("/{}/{namespace}{}", base(group, version), kind.resource);
        let object = format!("{collection}/{{name}}");
        paths.insert(collection, collection_operations(kind));
        paths.insert(object, object_operations(kind));
        schemas.insert(schema_name(kind), schema(kind, custom(kind)));
    }
    if paths.is_empty() {
        return None;
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": GIT_VERSION },
        "paths": paths,
        "components": { "schemas": schemas },
    }))
}

fn base(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn collection_operations(kind: &Kind) -> Value {
    json!({
        "get": operation(kind, "list", &["labelSelector", "fieldSelector"]),
        "post": operation(kind, "post", &["dryRun", "fieldManager", "fieldValidation"]),
        "delete": operation(kind, "deletecollection", &["labelSelector", "fieldSelector"]),
    })
}

fn object_operations(kind: &Kind) -> Value {
    json!({
        "get": operation(kind, "get", &[]),
        "put": operation(kind, "put", &["dryRun", "fieldManager", "fieldValidation"]),
        "patch": operation(kind, "patch", &["dryRun", "fieldManager", "fieldValidation", "force"]),
        "delete": operation(kind, "delete", &["dryRun"]),
    })
}

fn operation(kind: &Kind, action: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|name| {
            let is_flag = *name == "force";
            let form = if is_flag { "boolean" } else { "string" };
            json!({ "name": name, "in": "query", "schema": { "type": form } })
        })
        .collect();
    let schema = json!({ "$ref": format!("#/components/schemas/{}", schema_name(kind)) });
    json!({
        "operationId": format!("{action}{}{}", kind.version, kind.name),
        "parameters": parameters,
        "responses": { "200": {
            "description": "OK",
            "content": { "application/json": { "schema": schema } },
        } },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(kind),
    })
}

fn schema(kind: &Kind, custom: Option<Value>) -> Value {
    let mut schema = custom.unwrap_or_else(
        || json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }),
    );
    for (name, form) in [
        ("apiVersion", "string"),
        ("kind", "string"),
        ("metadata", "object"),
    ] {
        schema["properties"][name] = json!({ "type": form });
    }
    schema["x-kubernetes-group-version-kind"] = json!([group_version_kind(kind)]);
    schema
}

fn schema_name(kind: &Kind) -> String {
    if kind.custom {
        let mut domain: Vec<&str> = kind.group.split('.').collect();
        domain.reverse();
        return format!("{}.{}.{}", domain.join("."), kind.version, kind.name);
    }
    let package = kind
        .group
        .split('.')
        .next()
        .filter(|group| !group.is_empty());
    format!(
        "io.k8s.api.{}.{}.{}",
        package.unwrap_or("core"),
        kind.version,
        kind.name
    )
}

fn group_version_kind(kind: &Kind) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.name })
}

//! What the server says about itself: its version, its groups and their resources.

use serde_json::{Value, json};

use super::kinds::{self, Kind, VERBS};

/// The version the server and its node claim.
pub(super) const GIT_VERSION: &str = "v1.33.5-practice";

pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "33",
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2025-09-09T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "linux/amd64",
    })
}

/// `/api`: the versions of the core group.
pub(super) fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
    })
}

/// `/apis`: the named groups.
pub(super) fn groups() -> Value {
    let groups: Vec<Value> = named_groups()
        .map(|(group, version)| group_entry(group, version))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`: one of them.
pub(super) fn group(name: &str) -> Option<Value> {
    let (group, version) = named_groups().find(|(group, _)| *group == name)?;
    let mut entry = group_entry(group, version);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Some(entry)
}

/// `/api/v1` and `/apis/GROUP/VERSION`: the resources of one version.
pub(super) fn resources(group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in kinds::of(group, version) {
        resources.push(json!({
            "name": kind.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": VERBS,
            "shortNames": kind.short_names,
        }));
        for subresource in kind.subresources() {
            resources.push(json!({
                "name": format!("{}/{subresource}", kind.resource),
                "singularName": "",
                "namespaced": kind.namespaced,
                "group": "authentication.k8s.io",
                "version": "v1",
                "kind": "TokenRequest",
                "verbs": ["create"],
            }));
        }
    }
    let kind = kinds::of(group, version).next()?;
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kind.api_version(),
        "resources": resources,
    }))
}

/// `/api` and `/apis` for a client that wants groups and resources in one answer.
pub(super) fn aggregated(core: bool) -> Value {
    let items: Vec<Value> = kinds::group_versions()
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, version)| {
            let resources: Vec<Value> =
                kinds::of(group, version).map(aggregated_resource).collect();
            json!({
                "metadata": { "name": group, "creationTimestamp": null },
                "versions": [{
                    "version": version,
                    "freshness": "Current",
                    "resources": resources,
                }],
            })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn aggregated_resource(kind: &Kind) -> Value {
    let scope = if kind.namespaced {
        "Namespaced"
    } else {
        "Cluster"
    };
    let subresources: Vec<Value> = kind
        .subresources()
        .iter()
        .map(|subresource| {
            json!({
                "subresource": subresource,
                "responseKind": {
                    "group": "authentication.k8s.io",
                    "version": "v1",
                    "kind": "TokenRequest",
                },
                "verbs": ["create"],
            })
        })
        .collect();
    json!({
        "resource": kind.resource,
        "responseKind": { "group": kind.group, "version": kind.version, "kind": kind.name },
        "scope": scope,
        "singularResource": kind.singular,
        "shortNames": kind.short_names,
        "subresources": subresources,
        "verbs": VERBS,
    })
}

fn named_groups() -> impl Iterator<Item = (&'static str, &'static str)> {
    kinds::group_versions()
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
}

fn group_entry(group: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    json!({ "name": group, "versions": [version], "preferredVersion": version })
}

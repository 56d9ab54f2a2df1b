//! What the server says about itself: its version, its groups and their resources.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::kinds::Kind;

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
pub(super) fn groups(kinds: &[&Kind]) -> Value {
    let groups: Vec<Value> = versions_by_group(kinds)
        .iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| group_entry(group, versions))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`: one of them.
pub(super) fn group(kinds: &[&Kind], name: &str) -> Option<Value> {
    let groups = versions_by_group(kinds);
    let (group, versions) = groups
        .iter()
        .find(|(group, _)| *group == name && !name.is_empty())?;
    let mut entry = group_entry(group, versions);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Some(entry)
}

/// `/api/v1` and `/apis/GROUP/VERSION`: the resources of one version.
pub(super) fn resources(kinds: &[&Kind], group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in of(kinds, group, version) {
        resources.push(json!({
            "name": kind.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": kind.verbs(),
            "shortNames": kind.short_names,
        }));
        for part in kind.subresources() {
            resources.push(json!({
                "name": format!("{}/{}", kind.resource, part.name),
                "singularName": "",
                "namespaced": kind.namespaced,
                "group": part.group,
                "version": part.version,
                "kind": part.kind,
                "verbs": part.verbs,
            }));
        }
    }
    let kind = of(kinds, group, version).next()?;
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kind.api_version(),
        "resources": resources,
    }))
}

/// `/api` and `/apis` for a client that wants groups and resources in one answer.
pub(super) fn aggregated(kinds: &[&Kind], core: bool) -> Value {
    let items: Vec<Value> = versions_by_group(kinds)
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> =
                        of(kinds, group, version).map(aggregated_resource).collect();
                    json!({
                        "version": version,
                        "freshness": "Current",
                        "resources": resources,
                    })
                })
                .collect();
            json!({
                "metadata": { "name": group, "creationTimestamp": null },
                "versions": versions,
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
        .map(|part| {
            json!({
                "subresource": part.name,
                "responseKind": {
                    "group": part.group,
                    "version": part.version,
                    "kind": part.kind,
                },
                "verbs": part.verbs,
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
        "verbs": kind.verbs(),
    })
}

/// The kinds of one group and version.
pub(super) fn of<'a>(
    kinds: &'a [&Kind],
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Kind> {
    kinds
        .iter()
        .copied()
        .filter(move |kind| (kind.group, kind.version) == (group, version))
}

/// The groups in the order of their kinds, each with its versions, the most mature first.
pub(super) fn versions_by_group(kinds: &[&Kind]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for kind in kinds {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) if versions.contains(&kind.version) => {}
            Some((_, versions)) => versions.push(kind.version),
            None => groups.push((kind.group, vec![kind.version])),
        }
    }
    for (_, versions) in &mut groups {
        versions.sort_by_key(|version| Reverse(maturity(version)));
    }
    groups
}

/// Orders versions: `v1` is before `v2beta1`, and that is before `v3alpha1`.
fn maturity(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let (major, stage, minor) = match rest.find(|letter: char| !letter.is_ascii_digit()) {
        None => (rest, 2, ""),
        Some(at) => match &rest[at..] {
            tail if tail.starts_with("beta") => (&rest[..at], 1, &tail[4..]),
            tail => (&rest[..at], 0, tail.trim_start_matches("alpha")),
        },
    };
    let number = |text: &str| text.parse().unwrap_or_default();
    (stage, number(major), number(minor))
}

fn group_entry(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{group}/{version}"), "version": version }))
        .collect();
    json!({ "name": group, "versions": versions, "preferredVersion": versions[0] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_mature_version_comes_first() {
        let mut versions = ["v1alpha1", "v2", "v1beta2", "v1", "v11alpha2", "v1beta1"];
        versions.sort_by_key(|version| Reverse(maturity(version)));
        let expected = ["v2", "v1", "v1beta2", "v1beta1", "v11alpha2", "v1alpha1"];
        assert_eq!(versions, expected);
    }
}

//! Everything a cluster remembers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::Objects;
use super::kinds::Kind;
use super::rights::Denial;
use super::sabotage::Sabotage;
use super::seed::Platform;
use crate::sandbox::clock::Clock;
use crate::sandbox::signing_key::SigningKey;
use crate::sandbox::tls::Authority;

/// A cluster's identity and its objects.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterState {
    /// Whose cluster it is; the first worlds knew EKS only.
    #[serde(default)]
    pub(super) platform: Platform,
    pub(super) issuer: String,
    pub(super) authority: Authority,
    pub(super) signing_key: SigningKey,
    pub(super) admin_token: String,
    /// The time that objects are written with.
    #[serde(skip)]
    pub(super) clock: Clock,
    /// Counts changes; every object carries the count of its last one.
    pub(super) resource_version: u64,
    /// What is broken on purpose.
    #[serde(default)]
    pub(super) sabotage: BTreeSet<Sabotage>,
    /// The rights that the user does not have.
    #[serde(default)]
    pub(super) denials: Vec<Denial>,
    /// Objects by resource, namespace and name, see [`key`].
    pub(super) objects: Objects,
}

impl ClusterState {
    /// The object as it is stored, if there is one. An empty namespace is for cluster-wide kinds.
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&format!("{resource}/{namespace}/{name}"))
    }

    /// Who tokens say has issued them.
    pub(super) fn token_issuer(&self) -> &str {
        let other = self.sabotage.iter().find_map(|sabotage| match sabotage {
            Sabotage::OtherIssuer(issuer) => Some(issuer),
            _ => None,
        });
        other.unwrap_or(&self.issuer)
    }

    /// Keeps an object, new or changed, and gives it its version.
    pub(super) fn put(&mut self, key: String, mut object: Value) -> Value {
        self.resource_version += 1;
        object["metadata"]["resourceVersion"] = self.resource_version.to_string().into();
        self.objects
            .insert(self.resource_version, key, object.clone());
        object
    }

    /// Removes an object and returns it as it was, with the version of its end.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let mut object = self.objects.remove(self.resource_version + 1, key)?;
        self.resource_version += 1;
        object["metadata"]["resourceVersion"] = self.resource_version.to_string().into();
        Some(object)
    }
}

/// Where an object is kept; neither part can hold a slash.
pub(super) fn key(kind: &Kind, namespace: &str, name: &str) -> String {
    format!("{}{name}", prefix(kind, Some(namespace)))
}

/// The common beginning of the keys of one kind, in one namespace or in all.
pub(super) fn prefix(kind: &Kind, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{}/{namespace}/", kind.kept().qualified()),
        None => format!("{}/", kind.kept().qualified()),
    }
}

//! Scale sets: the nodes of a cluster, and the identities that they have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::connect::Azure;
use super::error::AzureError;
use super::resources::Tags;
use super::subscription::group_path;

/// A scale set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleSet {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags; `poolName` is the node pool, under its newer name `aks-managed-poolName`.
    pub tags: Tags,
    /// The resource ids of the identities that its machines have, in whatever case.
    pub identities: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    name: String,
    tags: Option<Tags>,
    identity: Option<IdentityAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityAnswer {
    user_assigned_identities: Option<BTreeMap<String, Value>>,
}

impl Azure {
    /// Returns the scale sets of a resource group.
    pub async fn scale_sets(
        &self,
        subscription: &str,
        group: &str,
    ) -> Result<Vec<ScaleSet>, AzureError> {
        let group = group_path(subscription, group);
        let path = format!("{group}/providers/Microsoft.Compute/virtualMachineScaleSets");
        let found: Vec<Answer> = self.list(&path, "2024-07-01", &[]).await?;
        let scale_set = |found: Answer| ScaleSet {
            id: found.id,
            name: found.name,
            tags: found.tags.unwrap_or_default(),
            identities: found
                .identity
                .and_then(|identity| identity.user_assigned_identities)
                .into_iter()
                .flat_map(BTreeMap::into_keys)
                .collect(),
        };
        Ok(found.into_iter().map(scale_set).collect())
    }
}

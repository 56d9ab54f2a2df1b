//! Scale sets: the nodes of a cluster, and the identities that they have.

use super::connect::Azure;
use super::error::AzureError;
use super::resources::Tags;

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

impl Azure {
    /// Returns the scale sets of a resource group.
    pub async fn scale_sets(
        &self,
        subscription: &str,
        group: &str,
    ) -> Result<Vec<ScaleSet>, AzureError> {
        todo!()
    }
}

//! What all resources have: tags and locks.

use std::collections::BTreeMap;

use super::connect::Azure;
use super::error::AzureError;

/// Tags by their names.
pub type Tags = BTreeMap<String, String>;

/// A resource in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSummary {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind: `Microsoft.Storage/storageAccounts`.
    pub kind: String,
    /// Where it is.
    pub location: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What keeps resources from being changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
    /// What somebody wrote beside it.
    pub notes: Option<String>,
}

impl Azure {
    /// Gives the resource `id` these tags; others that it has stay.
    pub async fn tag(&self, id: &str, tags: &Tags) -> Result<(), AzureError> {
        todo!()
    }

    /// Takes the tags called `names` from the resource `id`.
    pub async fn untag(&self, id: &str, names: &[&str]) -> Result<(), AzureError> {
        todo!()
    }

    /// Returns the resources of a subscription that carry a tag.
    pub async fn resources_with_tag(
        &self,
        subscription: &str,
        name: &str,
        value: &str,
    ) -> Result<Vec<ResourceSummary>, AzureError> {
        todo!()
    }

    /// Returns the locks that count at `scope`.
    pub async fn locks(&self, scope: &str) -> Result<Vec<Lock>, AzureError> {
        todo!()
    }
}

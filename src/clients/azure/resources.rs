//! What all resources have: tags and locks.

use std::collections::BTreeMap;

use azure_core::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::connect::Azure;
use super::error::AzureError;
use super::request::segment;

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

#[derive(Deserialize)]
struct ResourceAnswer {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    location: Option<String>,
    tags: Option<Tags>,
}

#[derive(Deserialize)]
struct LockAnswer {
    id: String,
    name: String,
    properties: LockProperties,
}

#[derive(Deserialize)]
struct LockProperties {
    level: String,
    notes: Option<String>,
}

impl Azure {
    /// Gives the resource `id` these tags; others that it has stay.
    pub async fn tag(&self, id: &str, tags: &Tags) -> Result<(), AzureError> {
        self.change_tags(id, "Merge", tags).await
    }

    /// Takes these tags from the resource `id`, where they still have these values.
    pub async fn untag(&self, id: &str, tags: &Tags) -> Result<(), AzureError> {
        self.change_tags(id, "Delete", tags).await
    }

    async fn change_tags(&self, id: &str, how: &str, tags: &Tags) -> Result<(), AzureError> {
        let path = format!("{}/providers/Microsoft.Resources/tags/default", whole(id));
        let body = json!({"operation": how, "properties": {"tags": tags}});
        let asked = self
            .asked(Method::Patch, &path, "2021-04-01", &[])?
            .json(&body);
        self.send(asked).await?;
        Ok(())
    }

    /// Returns the resources of a subscription that carry a tag.
    pub async fn resources_with_tag(
        &self,
        subscription: &str,
        name: &str,
        value: &str,
    ) -> Result<Vec<ResourceSummary>, AzureError> {
        let path = format!("/subscriptions/{}/resources", segment(subscription));
        let filter = format!(
            "tagName eq {} and tagValue eq {}",
            quoted(name),
            quoted(value)
        );
        let found: Vec<ResourceAnswer> = self
            .list(&path, "2021-04-01", &[("$filter", &filter)])
            .await?;
        let resource = |found: ResourceAnswer| ResourceSummary {
            id: found.id,
            name: found.name,
            kind: found.kind,
            location: found.location,
            tags: found.tags.unwrap_or_default(),
        };
        Ok(found.into_iter().map(resource).collect())
    }

    /// Returns the locks that count at `scope`.
    pub async fn locks(&self, scope: &str) -> Result<Vec<Lock>, AzureError> {
        let path = format!("{}/providers/Microsoft.Authorization/locks", whole(scope));
        let found: Vec<LockAnswer> = self.list(&path, "2020-05-01", &[]).await?;
        let lock = |found: LockAnswer| Lock {
            id: found.id,
            name: found.name,
            level: found.properties.level,
            notes: found.properties.notes,
        };
        Ok(found.into_iter().map(lock).collect())
    }
}

/// Returns a resource id as a path that more can be added to.
pub(super) fn whole(id: &str) -> &str {
    id.trim_end_matches('/')
}

/// Writes a text as filters want it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

//! Tenants, subscriptions and resource groups.

use serde::Deserialize;

use super::connect::Azure;
use super::error::AzureError;
use super::request::segment;
use super::resources::Tags;

const VERSION: &str = "2022-12-01";

/// A directory that the caller is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// What people call it, when that is told.
    pub name: Option<String>,
    /// Its default domain, when that is told.
    pub domain: Option<String>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id, without the path before it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The tenant that it trusts.
    pub tenant: String,
    /// `Enabled`, `Disabled`, `Warned`, `PastDue` or `Deleted`.
    pub state: String,
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceGroup {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is: `eastus`.
    pub location: String,
    /// Its tags.
    pub tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TenantAnswer {
    tenant_id: String,
    display_name: Option<String>,
    default_domain: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionAnswer {
    subscription_id: String,
    display_name: Option<String>,
    tenant_id: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
struct GroupAnswer {
    id: String,
    name: String,
    location: String,
    tags: Option<Tags>,
}

impl Azure {
    /// Returns the tenants that the caller is in.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, AzureError> {
        let found: Vec<TenantAnswer> = self.list("/tenants", VERSION, &[]).await?;
        let tenant = |found: TenantAnswer| Tenant {
            id: found.tenant_id,
            name: found.display_name,
            domain: found.default_domain,
        };
        Ok(found.into_iter().map(tenant).collect())
    }

    /// Returns the subscriptions that the caller sees in the login's tenant.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, AzureError> {
        let found: Vec<SubscriptionAnswer> = self.list("/subscriptions", VERSION, &[]).await?;
        let subscription = |found: SubscriptionAnswer| Subscription {
            name: found
                .display_name
                .unwrap_or_else(|| found.subscription_id.clone()),
            id: found.subscription_id,
            tenant: found.tenant_id.unwrap_or_default(),
            state: found.state.unwrap_or_else(|| "Enabled".into()),
        };
        Ok(found.into_iter().map(subscription).collect())
    }

    /// Returns the resource group `name`.
    pub async fn resource_group(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<Option<ResourceGroup>, AzureError> {
        let found: Option<GroupAnswer> = self.get(&group_path(subscription, name), VERSION).await?;
        Ok(found.map(|found| ResourceGroup {
            id: found.id,
            name: found.name,
            location: found.location,
            tags: found.tags.unwrap_or_default(),
        }))
    }
}

/// Returns the path of a resource group.
pub(super) fn group_path(subscription: &str, group: &str) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}",
        segment(subscription),
        segment(group)
    )
}

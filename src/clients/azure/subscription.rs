//! Tenants, subscriptions and resource groups.

use super::connect::Azure;
use super::error::AzureError;
use super::resources::Tags;

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

impl Azure {
    /// Returns the tenants that the caller is in.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, AzureError> {
        todo!()
    }

    /// Returns the subscriptions that the caller sees in the login's tenant.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, AzureError> {
        todo!()
    }

    /// Returns the resource group `name`.
    pub async fn resource_group(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<Option<ResourceGroup>, AzureError> {
        todo!()
    }
}

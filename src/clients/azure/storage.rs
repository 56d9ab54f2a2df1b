//! Storage accounts.

use azure_core::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::connect::Azure;
use super::error::{AzureError, gone};
use super::request::{read, segment};
use super::resource_id::group_of;
use super::resources::{Tags, whole};
use super::subscription::group_path;

const VERSION: &str = "2023-05-01";

const KIND: &str = "Microsoft.Storage/storageAccounts";

/// A storage account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAccount {
    /// Its resource id.
    pub id: String,
    /// Its name, one of its kind in all the world.
    pub name: String,
    /// Its resource group.
    pub group: String,
    /// Where it is.
    pub location: String,
    /// `StorageV2`, `BlobStorage` and so on.
    pub kind: String,
    /// Where its blobs are: `https://rok.blob.core.windows.net/`; nothing until it is made.
    pub blob_endpoint: Option<String>,
    /// Whether who has a key of the account may do everything.
    pub allows_shared_key: bool,
    /// Whether containers may be opened to everybody.
    pub allows_public_access: bool,
    /// The oldest version of TLS that it speaks: `TLS1_2`.
    pub minimum_tls: Option<String>,
    /// `Enabled`, `Disabled` or `SecuredByPerimeter`: who may reach it.
    pub public_network_access: Option<String>,
    /// Whether its names are folders, which changes what Rok may do.
    pub is_hierarchical: bool,
    /// Its tags.
    pub tags: Tags,
    /// `Creating`, `ResolvingDNS` or `Succeeded`.
    pub state: String,
}

/// A storage account to be made: general purpose, locally redundant, over HTTPS with TLS 1.2 only,
/// closed to the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStorageAccount {
    /// The subscription.
    pub subscription: String,
    /// The resource group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Where it is to be.
    pub location: String,
    /// Whether who has a key of the account may do everything.
    pub allows_shared_key: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Whether a storage account may have a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NameAvailability {
    /// Whether it may.
    #[serde(rename = "nameAvailable")]
    pub available: bool,
    /// `AlreadyExists` or `AccountNameInvalid`.
    pub reason: Option<String>,
    /// The same for people.
    pub message: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
    location: String,
    kind: Option<String>,
    tags: Option<Tags>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize)]
struct Container {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    provisioning_state: Option<String>,
    primary_endpoints: Option<Endpoints>,
    allow_shared_key_access: Option<bool>,
    allow_blob_public_access: Option<bool>,
    minimum_tls_version: Option<String>,
    public_network_access: Option<String>,
    is_hns_enabled: Option<bool>,
}

#[derive(Deserialize)]
struct Endpoints {
    blob: Option<String>,
}

impl From<Account> for StorageAccount {
    fn from(found: Account) -> Self {
        let properties = found.properties;
        Self {
            group: group_of(&found.id),
            id: found.id,
            name: found.name,
            location: found.location,
            kind: found.kind.unwrap_or_default(),
            blob_endpoint: properties.primary_endpoints.and_then(|found| found.blob),
            // What is not told is allowed, of accounts from before it could be forbidden.
            allows_shared_key: properties.allow_shared_key_access.unwrap_or(true),
            allows_public_access: properties.allow_blob_public_access.unwrap_or(true),
            minimum_tls: properties.minimum_tls_version,
            public_network_access: properties.public_network_access,
            is_hierarchical: properties.is_hns_enabled.unwrap_or(false),
            tags: found.tags.unwrap_or_default(),
            state: properties.provisioning_state.unwrap_or_default(),
        }
    }
}

impl Azure {
    /// Returns the storage accounts of a subscription.
    pub async fn storage_accounts(
        &self,
        subscription: &str,
    ) -> Result<Vec<StorageAccount>, AzureError> {
        let path = format!("/subscriptions/{}/providers/{KIND}", segment(subscription));
        let found: Vec<Account> = self.list(&path, VERSION, &[]).await?;
        Ok(found.into_iter().map(StorageAccount::from).collect())
    }

    /// Returns a storage account.
    pub async fn storage_account(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<StorageAccount>, AzureError> {
        let found: Option<Account> = self.get(&path(subscription, group, name), VERSION).await?;
        Ok(found.map(StorageAccount::from))
    }

    /// Returns whether a storage account may be called `name`: nobody else's in the world is.
    pub async fn storage_name_available(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<NameAvailability, AzureError> {
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.Storage/checkNameAvailability",
            segment(subscription)
        );
        let asked = self
            .asked(Method::Post, &path, VERSION, &[])?
            .json(&json!({"name": name, "type": KIND}));
        let operation = asked.operation();
        let answer = self.send(asked).await?;
        read(&operation, &answer)
    }

    /// Makes a storage account. Returns once that was accepted: it is there when its `state` is
    /// `Succeeded`.
    pub async fn create_storage_account(
        &self,
        account: &NewStorageAccount,
    ) -> Result<(), AzureError> {
        let path = path(&account.subscription, &account.group, &account.name);
        let asked = self.asked(Method::Put, &path, VERSION, &[])?.json(&json!({
            "sku": {"name": "Standard_LRS"},
            "kind": "StorageV2",
            "location": account.location,
            "tags": account.tags,
            "properties": {
                "supportsHttpsTrafficOnly": true,
                "minimumTlsVersion": "TLS1_2",
                "allowBlobPublicAccess": false,
                "allowSharedKeyAccess": account.allows_shared_key,
                "allowCrossTenantReplication": false,
                "defaultToOAuthAuthentication": true,
            },
        }));
        self.send(asked).await?;
        Ok(())
    }

    /// Returns the names of the containers of the storage account `id` that begin with `prefix`. Who
    /// may read the account may know them, without a role on its data.
    pub async fn containers(&self, id: &str, prefix: &str) -> Result<Vec<String>, AzureError> {
        let path = format!("{}/blobServices/default/containers", whole(id));
        let found: Vec<Container> = self.list(&path, VERSION, &[]).await?;
        let names = found.into_iter().map(|container| container.name);
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    /// Deletes the storage account `id` with all that is in it. One that is gone is fine.
    pub async fn delete_storage_account(&self, id: &str) -> Result<(), AzureError> {
        let asked = self.asked(Method::Delete, whole(id), VERSION, &[])?;
        gone(self.send(asked).await)
    }
}

fn path(subscription: &str, group: &str, name: &str) -> String {
    let group = group_path(subscription, group);
    format!("{group}/providers/{KIND}/{}", segment(name))
}

//! Storage accounts.

use super::connect::Azure;
use super::error::AzureError;
use super::resources::Tags;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAvailability {
    /// Whether it may.
    pub available: bool,
    /// `AlreadyExists` or `AccountNameInvalid`.
    pub reason: Option<String>,
    /// The same for people.
    pub message: Option<String>,
}

impl Azure {
    /// Returns the storage accounts of a subscription.
    pub async fn storage_accounts(
        &self,
        subscription: &str,
    ) -> Result<Vec<StorageAccount>, AzureError> {
        todo!()
    }

    /// Returns a storage account.
    pub async fn storage_account(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<StorageAccount>, AzureError> {
        todo!()
    }

    /// Returns whether a storage account may be called `name`: nobody else's in the world is.
    pub async fn storage_name_available(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<NameAvailability, AzureError> {
        todo!()
    }

    /// Makes a storage account. Returns once that was accepted: it is there when its `state` is
    /// `Succeeded`.
    pub async fn create_storage_account(
        &self,
        account: &NewStorageAccount,
    ) -> Result<(), AzureError> {
        todo!()
    }

    /// Deletes the storage account `id` with all that is in it. One that is gone is fine.
    pub async fn delete_storage_account(&self, id: &str) -> Result<(), AzureError> {
        todo!()
    }
}

//! User-assigned managed identities, and the service accounts that may act as them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::connect::Azure;
use super::error::AzureError;
use super::resource_id::ResourceId;
use super::resources::Tags;

/// A managed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// The id that a workload asks for tokens with.
    pub client_id: String,
    /// Its object id in the directory: the principal of role assignments.
    pub principal_id: String,
    /// The directory that it is in.
    pub tenant_id: String,
    /// Its tags.
    pub tags: Tags,
}

/// A managed identity to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The subscription.
    pub subscription: String,
    /// The resource group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Where it is to be.
    pub location: String,
    /// Its tags.
    pub tags: Tags,
}

/// A service account that may act as an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedCredential {
    /// Its name.
    pub name: String,
    /// The issuer of the service account's tokens, to the letter.
    pub issuer: String,
    /// Who they are for: `system:serviceaccount:rok:rok`.
    pub subject: String,
    /// What they are for: `api://AzureADTokenExchange`.
    pub audiences: Vec<String>,
}

/// What is done with identities, whoever does it.
#[async_trait]
pub(super) trait Identities: Send + Sync {
    async fn identity(&self, at: &ResourceId) -> Result<Option<ManagedIdentity>, AzureError>;
    async fn create(&self, identity: &NewIdentity) -> Result<ManagedIdentity, AzureError>;
    async fn delete(&self, at: &ResourceId) -> Result<(), AzureError>;
    async fn federated(&self, at: &ResourceId) -> Result<Vec<FederatedCredential>, AzureError>;
    async fn put_federated(
        &self,
        at: &ResourceId,
        credential: &FederatedCredential,
    ) -> Result<(), AzureError>;
    async fn delete_federated(&self, at: &ResourceId, name: &str) -> Result<(), AzureError>;
}

impl Azure {
    /// Returns an identity.
    pub async fn identity(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<ManagedIdentity>, AzureError> {
        let at = ResourceId {
            subscription: subscription.into(),
            group: group.into(),
            kind: "Microsoft.ManagedIdentity/userAssignedIdentities".into(),
            name: name.into(),
        };
        let found = self.inner.identities.identity(&at).await;
        found.map_err(|error| self.failed(error))
    }

    /// Makes an identity, or gives one that is there these tags and no others.
    pub async fn create_identity(
        &self,
        identity: &NewIdentity,
    ) -> Result<ManagedIdentity, AzureError> {
        let made = self.inner.identities.create(identity).await;
        made.map_err(|error| self.failed(error))
    }

    /// Deletes the identity `id` with its federated credentials. One that is gone is fine.
    pub async fn delete_identity(&self, id: &str) -> Result<(), AzureError> {
        let deleted = self.inner.identities.delete(&at(id)?).await;
        deleted.map_err(|error| self.failed(error))
    }

    /// Returns the federated credentials of the identity `id`; there are none of one that is not
    /// there.
    pub async fn federated_credentials(
        &self,
        id: &str,
    ) -> Result<Vec<FederatedCredential>, AzureError> {
        let found = self.inner.identities.federated(&at(id)?).await;
        found.map_err(|error| self.failed(error))
    }

    /// Makes a federated credential of the identity `id`, or changes the one of that name. One after
    /// the other for each identity: Azure refuses two at a time.
    pub async fn put_federated_credential(
        &self,
        id: &str,
        credential: &FederatedCredential,
    ) -> Result<(), AzureError> {
        let at = at(id)?;
        let _turn = self.turn(id).await;
        let written = self.inner.identities.put_federated(&at, credential).await;
        written.map_err(|error| self.failed(error))
    }

    /// Deletes the federated credential `name` of the identity `id`. One that is gone is fine.
    pub async fn delete_federated_credential(
        &self,
        id: &str,
        name: &str,
    ) -> Result<(), AzureError> {
        let at = at(id)?;
        let _turn = self.turn(id).await;
        let deleted = self.inner.identities.delete_federated(&at, name).await;
        deleted.map_err(|error| self.failed(error))
    }

    /// Waits until nobody else in this process writes to the identity `id`.
    async fn turn(&self, id: &str) -> OwnedMutexGuard<()> {
        let mine = {
            let mut writing = self.inner.writing.lock().await;
            let mine: &mut Arc<Mutex<()>> = writing.entry(id.to_ascii_lowercase()).or_default();
            Arc::clone(mine)
        };
        mine.lock_owned().await
    }
}

fn at(id: &str) -> Result<ResourceId, AzureError> {
    ResourceId::parse(id).ok_or_else(|| {
        let operation = "Microsoft.ManagedIdentity/userAssignedIdentities";
        AzureError::invalid(operation, &format!("`{id}` is no resource id"))
    })
}

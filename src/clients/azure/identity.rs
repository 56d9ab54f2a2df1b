//! User-assigned managed identities, and the service accounts that may act as them.

use super::connect::Azure;
use super::error::AzureError;
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

impl Azure {
    /// Returns an identity.
    pub async fn identity(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<ManagedIdentity>, AzureError> {
        todo!()
    }

    /// Makes an identity, or gives one that is there these tags and no others.
    pub async fn create_identity(
        &self,
        identity: &NewIdentity,
    ) -> Result<ManagedIdentity, AzureError> {
        todo!()
    }

    /// Deletes the identity `id` with its federated credentials. One that is gone is fine.
    pub async fn delete_identity(&self, id: &str) -> Result<(), AzureError> {
        todo!()
    }

    /// Returns the federated credentials of the identity `id`; there are none of one that is not
    /// there.
    pub async fn federated_credentials(
        &self,
        id: &str,
    ) -> Result<Vec<FederatedCredential>, AzureError> {
        todo!()
    }

    /// Makes a federated credential of the identity `id`, or changes the one of that name. One after
    /// the other for each identity: Azure refuses two at a time.
    pub async fn put_federated_credential(
        &self,
        id: &str,
        credential: &FederatedCredential,
    ) -> Result<(), AzureError> {
        todo!()
    }

    /// Deletes the federated credential `name` of the identity `id`. One that is gone is fine.
    pub async fn delete_federated_credential(
        &self,
        id: &str,
        name: &str,
    ) -> Result<(), AzureError> {
        todo!()
    }
}

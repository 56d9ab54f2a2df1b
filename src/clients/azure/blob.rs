//! Blob storage: the calls that prove a workload's access.

use super::connect::Azure;
use super::entra::AccessToken;
use super::error::AzureError;

/// Whose token a call is made with.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    /// The caller's own.
    Caller,
    /// That of another identity.
    Of(&'a AccessToken),
}

/// What the first page of a container's blobs showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The names on it; at most five thousand.
    pub blobs: Vec<String>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Azure {
    /// Lists the blobs of a container. One that does not exist is `None`: to a proof it says that
    /// listing is allowed.
    pub async fn list_blobs(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<Option<Listing>, AzureError> {
        todo!()
    }

    /// Returns the names of the containers that begin with `prefix`.
    pub async fn list_containers(
        &self,
        blob_endpoint: &str,
        prefix: &str,
        token: Token<'_>,
    ) -> Result<Vec<String>, AzureError> {
        todo!()
    }

    /// Makes a container.
    pub async fn create_container(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<(), AzureError> {
        todo!()
    }

    /// Deletes a container with all that is in it. One that is gone is fine.
    pub async fn delete_container(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<(), AzureError> {
        todo!()
    }
}

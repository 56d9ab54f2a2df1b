//! Which of the separate Azure clouds is meant, and where its services are.

use serde::{Deserialize, Serialize};

/// The endpoints and audiences of one cloud. Endpoints have no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEnvironment {
    /// What `az cloud list` calls it: `AzureCloud`.
    pub name: String,
    /// Where Resource Manager is: `https://management.azure.com`.
    pub resource_manager: String,
    /// Whom a token for Resource Manager is for: `https://management.azure.com`.
    pub resource_manager_audience: String,
    /// Where Entra is: `https://login.microsoftonline.com`.
    pub login: String,
    /// What the names of storage endpoints end in: `core.windows.net`.
    pub storage_suffix: String,
    /// Whom a token for storage is for: `https://storage.azure.com`.
    pub storage_audience: String,
    /// The audience of a service account's token that Entra exchanges:
    /// `api://AzureADTokenExchange`.
    pub exchange_audience: String,
}

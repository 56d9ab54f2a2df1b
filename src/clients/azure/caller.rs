//! Who Azure takes us for, told by the claims of our token.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::connect::Azure;
use super::error::AzureError;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The id of the tenant.
    pub tenant: String,
    /// The object id in the tenant's directory: the principal of role assignments.
    pub object_id: String,
    /// The id of the application or identity; of a user that of the program they logged in with.
    pub app_id: Option<String>,
    /// A user's name: `ops@example.com`.
    pub name: Option<String>,
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// Where the credentials came from.
    pub source: CredentialSource,
}

/// A kind of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// A person.
    User,
    /// An application with a secret of its own.
    ServicePrincipal,
    /// A managed identity, of a machine or of a workload.
    ManagedIdentity,
}

/// The link of the chain that had credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// They were given to us: those of a practice cloud.
    Given,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` and `AZURE_TENANT_ID`.
    Environment,
    /// The token that Kubernetes projects into a Pod.
    WorkloadIdentity,
    /// `az login`.
    AzureCli,
    /// `azd auth login`.
    AzureDeveloperCli,
    /// The identity of the machine.
    ManagedIdentity,
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Given => "practice credentials",
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload identity",
            Self::AzureCli => "Azure CLI",
            Self::AzureDeveloperCli => "Azure Developer CLI",
            Self::ManagedIdentity => "managed identity",
        })
    }
}

impl Azure {
    /// Returns who is calling, for Resource Manager.
    pub async fn caller(&self) -> Result<Caller, AzureError> {
        todo!()
    }
}

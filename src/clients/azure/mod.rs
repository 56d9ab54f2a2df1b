//! Microsoft Azure: the verbs we need of Entra, Resource Manager and Blob storage, on one cheap
//! handle, [`Azure`].
//!
//! Credentials come from a chain of our own over `azure_identity`. Every attempt of every call leaves
//! a line in the wire log. Managed identities and their federated credentials go through
//! `azure_mgmt_msi`, everything else through a small typed client over `azure_core`'s pipeline.
//!
//! Who changes a cluster or makes a storage account is answered once the service has accepted it:
//! how far it is tells the `state` of what is read.

mod attempts;
mod authorization;
mod blob;
mod caller;
mod chain;
mod cloud;
mod cluster;
mod connect;
mod entra;
mod error;
mod found;
mod gated;
mod http;
mod identity;
mod login;
mod msi;
mod operation;
mod programs;
mod request;
mod resource_id;
mod resources;
mod said;
mod scale_set;
mod storage;
mod subscription;
mod unanswered;

#[cfg(test)]
mod against_azurite;
#[cfg(test)]
mod tests;

pub use self::authorization::{
    NewAssignment, Permission, RoleAssignment, RoleDefinition, RoleFilter, allows,
};
pub use self::blob::{Listing, Token};
pub use self::caller::{Caller, CallerKind, CredentialSource};
pub use self::cloud::CloudEnvironment;
pub use self::cluster::{
    AssignedPodIdentity, ClusterAccessInfo, ClusterChange, ClusterSummary, ManagedCluster,
    PodIdentityException, PodIdentityProfile, PodIdentityTarget,
};
pub use self::connect::{Azure, AzureSettings};
pub use self::entra::AccessToken;
pub use self::error::{AzureError, AzureErrorKind, Surroundings};
pub use self::identity::{FederatedCredential, ManagedIdentity, NewIdentity};
pub use self::resource_id::{ResourceId, is_same_id};
pub use self::resources::{Lock, ResourceSummary, Tags};
pub use self::scale_set::ScaleSet;
pub use self::storage::{NameAvailability, NewStorageAccount, StorageAccount};
pub use self::subscription::{ResourceGroup, Subscription, Tenant};

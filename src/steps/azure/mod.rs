//! Steps on an Azure subscription and its AKS cluster.

mod account;
mod admission;
pub mod adoption;
mod cluster;
mod cluster_feature;
mod discovery;
pub mod edits;
pub mod facts;
mod federated_credential;
mod found_identity;
pub mod handoff;
mod identity;
mod managed_identity;
mod overlap;
mod pod_identity;
mod refused;
pub mod remove;
mod rights;
mod role_assignment;
mod service_account;
mod storage_account;
mod who;

pub use account::Account;
pub use admission::Admission;
pub use adoption::{ADOPT, Decisions};
pub use cluster::{Cluster, chosen};
pub use cluster_feature::{ENABLE, WorkloadIdentity};
pub use discovery::{AzureDiscovery, Connector};
pub use facts::*;
pub use federated_credential::FederatedCredential;
pub use identity::{AzureIdentity, CREDENTIAL_LIMIT, DATA_ROLE, Method, OPERATOR_ROLE};
pub use managed_identity::ManagedIdentity;
pub use overlap::{ACCEPT, Overlap};
pub use pod_identity::PodIdentity;
pub(in crate::steps) use refused::refused;
pub use rights::Rights;
pub use role_assignment::RoleAssignment;
pub use service_account::{AnnotatedAccount, CLIENT_ID_ANNOTATION, TENANT_ANNOTATION};
pub use storage_account::{CREATE, StorageAccount};

#[cfg(test)]
pub(in crate::steps) use identity::tests::sample;

pub use crate::clients::azure::Azure as Client;

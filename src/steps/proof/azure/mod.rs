//! The proof on Azure: by workload identity a token of the service account that Entra exchanges, by
//! pod identity what AKS, the cluster and the nodes say of it; then an answer of the storage account.

mod binding;
mod ground;
mod pod_login;
mod pod_storage;
mod questions;
mod storage_access;

pub use binding::VerifyBinding;
pub use ground::AzureGround;
pub use pod_login::PodLogin;
pub use pod_storage::PodStorage;
pub use storage_access::StorageAccess;

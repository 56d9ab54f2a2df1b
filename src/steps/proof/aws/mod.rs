//! The proof on AWS: a token of the service account, a session of the role, an answer of S3.

mod account;
mod ground;
mod pod_identity;
mod pod_storage;
mod storage_access;
mod values;

pub use account::VerifyAccount;
pub use ground::AwsGround;
pub use pod_identity::PodIdentity;
pub use pod_storage::PodStorage;
pub use storage_access::StorageAccess;
pub use values::ManifestValues;

#[cfg(test)]
pub(super) use ground::{TOKEN_FILE, injection};

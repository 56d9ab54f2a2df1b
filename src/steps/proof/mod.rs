//! The proof: from the service account to its buckets, first without a Pod and then from one.
//!
//! One file per step, in the order of the documented verification. What is behind a failure is
//! the [`atlas`](super::atlas)'s to say.

mod account;
mod claims;
mod clean_up;
mod pod;
mod pod_identity;
mod pod_storage;
mod probe;
mod removal;
mod storage_access;
mod values;
mod workload;

pub use account::VerifyAccount;
pub use clean_up::CleanUp;
pub use pod::VerifyPod;
pub use pod_identity::PodIdentity;
pub use pod_storage::PodStorage;
pub use removal::RemoveProof;
pub use storage_access::StorageAccess;
pub use values::{ManifestValues, OVERLAY};
pub use workload::Workload;

pub use crate::clients::kustomize::Kustomize;

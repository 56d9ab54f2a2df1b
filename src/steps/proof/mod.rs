//! The proof: from a workload to its object store, first without a Pod and then from one.
//!
//! One file per step, in the order of the documented verification. What clouds have in common
//! stands here and speaks of a [`Ground`]; what only one of them has, in a folder of its own. What
//! is behind a failure is the [`atlas`](super::atlas)'s to say.

pub mod aws;
pub mod azure;
mod claims;
mod clean_up;
mod ground;
mod injection;
mod pod;
mod probe;
mod removal;
mod workload;

pub use clean_up::CleanUp;
pub use ground::Ground;
pub use pod::VerifyPod;
pub use removal::RemoveProof;
pub use workload::{OVERLAY, Workload};

pub use crate::clients::kustomize::Kustomize;

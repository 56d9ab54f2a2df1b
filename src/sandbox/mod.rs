//! The practice cloud: an AWS account, a Kubernetes cluster and a Git remote, in this process.
//!
//! It listens on loopback only, speaks the real wire formats and really evaluates trust and
//! permissions, so that a wrong policy fails here as it would there. It knows nothing of ours:
//! the clients that talk to it are the real SDKs.
//!

pub mod aws;
pub mod cluster;
pub mod git;
mod random;
pub mod store;

//! Steps on the Kubernetes cluster.

mod access;
mod context;
mod namespaces;

pub(crate) use access::refused;
pub use access::{ClusterAccess, Clusters};
pub use context::{CLUSTER_UID, ClusterContext};
pub use namespaces::Namespaces;

//! Steps on the Kubernetes cluster.

mod access;
mod context;
mod lease;
mod namespaces;

pub(in crate::steps) use access::refused;
pub use access::{ClusterAccess, Clusters};
pub use context::{CLUSTER_UID, ChosenCluster, ClusterContext};
pub use lease::{HoldCluster, Operator};
pub(in crate::steps) use namespaces::FIELD_MANAGER;
pub use namespaces::Namespaces;

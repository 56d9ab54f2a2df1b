//! Kubernetes: the verbs we need of one cluster, on one cheap handle, [`Cluster`].
//!
//! `kube` speaks the protocol. Around it stand our own reading of the kubeconfig, with its proxies and
//! exec plugins, and a transport that logs, retries and logs in again.

mod accounts;
mod connect;
mod error;
mod exec;
mod facts;
mod kubeconfig;
mod leases;
mod objects;
mod plugin;
mod pods;
mod proxy;
mod reviews;
mod transport;

#[cfg(test)]
mod tests;

pub use self::accounts::{NamespaceInfo, ServiceAccountInfo, Token, token_claims};
pub use self::connect::{Cluster, ClusterSettings};
pub use self::error::{ClusterError, ClusterErrorKind, FieldConflict};
pub use self::exec::ExecOutput;
#[cfg(fuzzing)]
pub use self::kubeconfig::feed as feed_kubeconfig;
pub use self::kubeconfig::{ContextInfo, Contexts, contexts};
pub use self::leases::{LeaseClaim, LeaseInfo};
pub use self::objects::Creation;
pub use self::pods::EventInfo;
pub use self::reviews::Review;

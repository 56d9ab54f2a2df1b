//! The prober of Azure: from a workload over a managed identity to the containers of a storage
//! account, by either way to the identity.

mod by_node;
mod by_token;
pub(super) mod causes;
mod evidence;
mod permits;
mod pods;
mod prober;
mod trust;
mod verdict;

#[cfg(test)]
mod tests;

pub(in crate::steps) use pods::{BINDING_LABEL, diagnose_login, diagnose_token, wrong_label};
pub use prober::AzureProber;
pub(in crate::steps) use prober::IDENTITY_WEBHOOK;

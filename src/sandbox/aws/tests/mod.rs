//! The practice account, driven by real clients over real HTTP.

mod account;
mod control_plane;
mod hostile;
pub(crate) mod issuer;
mod policy_decisions;
pub(crate) mod practice;
mod signatures;
mod stacks;
mod storage;
mod web_identity;

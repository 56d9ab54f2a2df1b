//! Steps: one file each, over `clients` and `engine`.

pub mod adoption;
pub mod atlas;
pub mod aws;
pub mod azure;
pub mod cluster;
pub mod discovery;
pub mod environment;
pub mod gitops;
pub mod handoff;
pub mod in_the_way;
pub mod manifests;
pub mod names;
pub mod ownership;
pub mod proof;
mod removal;
pub mod safe_names;
pub mod secrets;

//! Small types over the SDKs, Git, Kubernetes, kustomize and Jinja: the few verbs that steps need.
//!
//! "Not found" is `None`, not an error; every request leaves a line in the [`wire`] log, and
//! everything that leaves this process passes the [`gate`].

pub mod aws;
pub mod azure;
pub mod cluster;
pub mod envfile;
pub mod gate;
pub mod git;
pub mod kustomize;
mod line;
pub mod recording;
pub mod secret;
mod skew;
pub mod sops;
pub mod templates;
pub mod wire;
pub mod yaml;
pub mod yaml_edit;

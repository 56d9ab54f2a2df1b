//! The practice cloud: an AWS account, an Azure subscription, a Kubernetes cluster of each, and a Git
//! remote, in this process.
//!
//! It listens on loopback only, speaks the real wire formats and really evaluates trust and
//! permissions, so that a wrong policy fails here as it would there. It knows nothing of ours:
//! the clients that talk to it are the real SDKs.
//!
//! [`faults`] goes wrong on purpose. [`programs`] are what its containers run. [`world`] puts the parts together and lets one process serve them to others.

pub mod aws;
pub mod azure;
mod clock;
pub mod cluster;
mod conduct;
mod environment;
pub mod faults;
pub mod git;
pub mod lagged;
pub mod programs;
mod random;
mod signing_key;
pub mod store;
mod tls;
mod web_token;
pub mod world;

pub use self::clock::Clock;
pub use self::cluster::Sabotage;
pub use self::conduct::{Conduct, Lag};
pub use self::environment::write_env_file;
pub use self::world::{Options, Sandbox, SandboxError};

//! A Kubernetes API server over TLS on loopback, with objects kept in one file.
//!
//! It is a table of [`kinds`] over generic create, read, update and delete, so that kubectl and
//! kube find what they expect: discovery, OpenAPI, strict field validation and the server's own
//! words for every refusal. A service account's tokens are real: signed, published, verifiable.
//!
//! Who set which field is known as on a real server, and every change can be watched. Pods live once
//! [`ClusterServer::start_node`] has said which [`Programs`] their images hold: they are admitted,
//! scheduled, run, and can be executed in. Other controllers are few: a definition adds its kind, and a
//! workload is ready by word a moment after it was asked for.

mod access;
mod admission;
mod body;
mod columns;
mod compare;
mod containers;
mod controllers;
mod custom;
mod defaults;
mod discovery;
mod events;
mod exec;
mod faults;
mod fields;
mod groups;
mod history;
mod kinds;
mod log;
mod node;
mod objects;
mod openapi;
mod ownership;
mod patch;
mod pod_identities;
mod process;
mod protobuf;
mod query;
mod refusal;
mod rights;
mod router;
mod sabotage;
mod schema;
mod seed;
mod selector;
mod server;
mod state;
mod table;
mod tokens;
mod versions;
mod watch;
mod writes;

#[cfg(fuzzing)]
pub use self::body::feed as feed_body;
pub use self::pod_identities::{Interception, PodIdentities, PodIdentity, PodIdentityException};
pub use self::process::{Output, Process, Programs};
pub use self::sabotage::Sabotage;
pub use self::seed::{ClusterSeed, Platform};
pub use self::server::{ClusterServer, RequestLine};
pub use self::state::ClusterState;

#[cfg(test)]
mod tests;

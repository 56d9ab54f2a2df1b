//! A Kubernetes API server over TLS on loopback, with objects kept in one file.
//!
//! It is a table of [`kinds`] over generic create, read, update and delete, so that kubectl and
//! kube find what they expect: discovery, OpenAPI, strict field validation and the server's own
//! words for every refusal. A service account's tokens are real: signed, published, verifiable.
//!
//! There are no controllers here beyond what a namespace needs; Pods are only kept as objects.

mod access;
mod authority;
mod body;
mod compare;
mod discovery;
mod fields;
mod history;
mod kinds;
mod objects;
mod openapi;
mod ownership;
mod patch;
mod protobuf;
mod refusal;
mod router;
mod schema;
mod seed;
mod selector;
mod server;
mod state;
mod tokens;
mod watch;
mod writes;

pub use self::seed::ClusterSeed;
pub use self::server::{ClusterServer, RequestLine};
pub use self::state::ClusterState;

#[cfg(test)]
mod tests;

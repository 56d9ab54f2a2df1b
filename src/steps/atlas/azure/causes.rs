//! What may be wrong with a link of a chain of Azure, found by looking at it.
//!
//! `{found}` is what the prober saw there.

mod access;
mod pod_identity;
mod workload_identity;

pub(in crate::steps::atlas) use self::access::*;
pub(in crate::steps::atlas) use self::pod_identity::*;
pub(in crate::steps::atlas) use self::workload_identity::*;

/// What mends what this tool makes itself.
const RUN: &str = "`rok-deploy run` mends what is this tool's own";

/// A Pod keeps what it was given when it was made.
const RECREATE: &str = "then make the Pod anew: `kubectl delete pod {pod} --namespace {namespace}`, and start the proof again";

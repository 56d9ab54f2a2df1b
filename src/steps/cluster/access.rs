//! The way to the cluster: one client for the whole run, made when the first step asks for it.
//!
//! The kubeconfig is read once. A context that is changed under us does not change this run.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::clients::cluster::{Cluster, ClusterError, ClusterErrorKind, ClusterSettings};
use crate::clients::wire::WireLog;
use crate::engine::{ErrorKind, StepError};

/// The way to the cluster. Clones share the client.
#[derive(Clone)]
pub struct ClusterAccess {
    settings: ClusterSettings,
    wire: WireLog,
    client: Arc<OnceCell<Cluster>>,
}

impl ClusterAccess {
    /// Returns the way to the cluster of a context.
    pub fn new(settings: ClusterSettings, wire: WireLog) -> Self {
        Self {
            settings,
            wire,
            client: Arc::default(),
        }
    }

    /// Returns the context's name, when one was chosen.
    pub fn context(&self) -> Option<&str> {
        self.settings.context.as_deref()
    }

    /// Returns the client.
    pub async fn client(&self) -> Result<&Cluster, StepError> {
        let connect = || Cluster::connect(&self.settings, self.wire.clone());
        self.client.get_or_try_init(connect).await.map_err(refused)
    }
}

/// Turns a refusal of the cluster into a step's error.
pub(super) fn refused(error: ClusterError) -> StepError {
    let kind = match error.kind {
        ClusterErrorKind::Forbidden => ErrorKind::Permission,
        ClusterErrorKind::Unauthorized => ErrorKind::Credentials,
        ClusterErrorKind::Kubeconfig => ErrorKind::Answers,
        ClusterErrorKind::Conflict => ErrorKind::Conflict,
        _ => ErrorKind::Failed,
    };
    let mut refused = StepError::new(kind, error.to_string());
    refused.hints.extend(error.hint());
    if error.kind == ClusterErrorKind::Unreachable {
        refused = refused.hint("`--no-cluster` leaves out what needs the cluster");
    }
    refused
}

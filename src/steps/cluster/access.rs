//! The way to the cluster: one client for the whole run, made when the first step asks for it.
//!
//! The kubeconfig is read once. A context that is changed under us does not change this run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::clients::cluster::{Cluster, ClusterError, ClusterErrorKind, ClusterSettings};
use crate::clients::wire::WireLog;
use crate::engine::{ErrorKind, StepError};
use crate::steps::atlas::{Symptom, advice};

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

/// The ways to clusters, one client for each context. Clones share the clients.
#[derive(Clone)]
pub struct Clusters {
    kubeconfig: Option<PathBuf>,
    wire: WireLog,
    known: Arc<Mutex<BTreeMap<Option<String>, ClusterAccess>>>,
}

impl Clusters {
    /// Returns the ways to the clusters of a kubeconfig; none is the operator's.
    pub fn new(kubeconfig: Option<PathBuf>, wire: WireLog) -> Self {
        Self {
            kubeconfig,
            wire,
            known: Arc::default(),
        }
    }

    /// Returns the kubeconfig.
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// Returns the way to the cluster of a context; none is the current one.
    pub fn access(&self, context: Option<&str>) -> ClusterAccess {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let context = context.map(str::to_owned);
        let access = known.entry(context.clone()).or_insert_with(|| {
            let settings = ClusterSettings {
                kubeconfig: self.kubeconfig.clone(),
                context,
            };
            ClusterAccess::new(settings, self.wire.clone())
        });
        access.clone()
    }
}

/// Turns a refusal of the cluster into a step's error.
pub(in crate::steps) fn refused(error: ClusterError) -> StepError {
    let again = error.is_transient();
    let kind = match error.kind {
        ClusterErrorKind::Forbidden => ErrorKind::Permission,
        ClusterErrorKind::Unauthorized => ErrorKind::Credentials,
        ClusterErrorKind::Kubeconfig => ErrorKind::Answers,
        ClusterErrorKind::Conflict if !again => ErrorKind::Conflict,
        _ => ErrorKind::Failed,
    };
    let mut refused = StepError::new(kind, error.to_string());
    refused.hints = match error.hint() {
        // Whoever made the program knows best how to get it.
        Some(hint) => vec![hint.to_owned()],
        None => advice(&Symptom::from(&error)),
    };
    if again { refused.retryable() } else { refused }
}

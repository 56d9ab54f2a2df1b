//! What all services share: the stored world, the issuers' keys, the conduct, the log.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::Serialize;

use super::refusal::Refusal;
use super::state::AzureState;
use super::{ClusterHook, KeySource};
use crate::sandbox::conduct::Conduct;
use crate::sandbox::store::Store;

/// One request, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLine {
    /// `arm`, `entra`, `graph`, `blob`.
    pub service: &'static str,
    /// `Microsoft.Authorization/roleAssignments/write`, `token`.
    pub operation: String,
    /// The path, without the query.
    pub path: String,
    /// Whether it would change something. Tokens are no such thing.
    pub write: bool,
    /// The HTTP status of the answer.
    pub status: u16,
}

pub(super) struct Cloud {
    pub(super) store: Store<AzureState>,
    pub(super) keys: KeySource,
    pub(super) conduct: Conduct,
    /// Where the server listens.
    pub(super) port: u16,
    pub(super) log: Mutex<Vec<RequestLine>>,
    /// Carries what Resource Manager changes into the cluster itself.
    pub(super) cluster: OnceLock<ClusterHook>,
    /// The identities whose federated credentials are being written.
    pub(super) writing: Mutex<BTreeSet<String>>,
}

impl Cloud {
    /// `https://localhost:port`, by which Resource Manager and Entra are reached.
    pub(super) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Changes the world, and has it on disk before this returns.
    pub(super) fn write<R>(
        &self,
        change: impl FnOnce(&mut AzureState) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.store
            .write(change)
            .unwrap_or_else(|error| Err(Refusal::not_saved(&error)))
    }

    pub(super) fn note(&self, line: RequestLine) {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    /// Begins a write that nobody else may do at the same time; `None` while somebody does.
    pub(super) fn begin(&self, identity: &str) -> Option<Writing<'_>> {
        let identity = super::state::key(identity);
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Made only where it is wanted: its end would end the other's, and wait for this very lock.
        writing.insert(identity.clone()).then(|| Writing {
            cloud: self,
            identity,
        })
    }
}

/// A write under way.
pub(super) struct Writing<'a> {
    cloud: &'a Cloud,
    identity: String,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut writing = self
            .cloud
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        writing.remove(&self.identity);
    }
}

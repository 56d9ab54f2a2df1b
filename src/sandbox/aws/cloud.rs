//! What all services share: the stored world, the issuers' keys, the clock's lag, the log.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::KeySource;
use super::refusal::Refusal;
use super::state::AwsState;
use crate::sandbox::conduct::Conduct;
use crate::sandbox::store::Store;

/// One request, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLine {
    /// `sts`, `iam`, `eks`, `s3`, `cloudformation`.
    pub service: &'static str,
    /// `CreateRole`.
    pub operation: String,
    /// Whether it would change an object of the account. Credentials are no such object.
    pub write: bool,
    /// The HTTP status of the answer.
    pub status: u16,
}

pub(super) struct Cloud {
    pub(super) store: Store<AwsState>,
    pub(super) keys: KeySource,
    pub(super) conduct: Conduct,
    pub(super) log: Mutex<Vec<RequestLine>>,
}

impl Cloud {
    /// Changes the world, and has it on disk before this returns.
    pub(super) fn write<R>(
        &self,
        change: impl FnOnce(&mut AwsState) -> Result<R, Refusal>,
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
}

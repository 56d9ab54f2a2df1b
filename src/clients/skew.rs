//! How far a server's clock is ahead of ours.

use std::sync::{Arc, Mutex, PoisonError};

/// How far the server's clock was ahead of ours, at its last answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct ClockSkew(Arc<Mutex<Option<jiff::SignedDuration>>>);

impl ClockSkew {
    /// Returns it, once an answer has told the time.
    pub(super) fn get(&self) -> Option<jiff::SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the `Date` of an answer that came now.
    pub(super) fn observe(&self, date: Option<&str>, now: jiff::Timestamp) {
        let server = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(server) = server {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(server.timestamp().duration_since(now));
        }
    }
}

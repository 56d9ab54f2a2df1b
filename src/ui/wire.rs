//! Requests as people read them: beside the events of a recorded run, and of its moments.

use std::ops::Range;

use super::words::{Tone, clean};
use crate::engine::Event;

/// A request and how it ended, as the wire log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it was sent.
    pub at: jiff::Timestamp,
    /// Who sent it: `aws`, `kubernetes`, `git`.
    pub client: String,
    /// The HTTP method, or the Git verb.
    pub method: String,
    /// What was asked.
    pub operation: String,
    /// Scheme and host, or the Git remote.
    pub target: String,
    /// The HTTP status, or Git's exit code; absent when no answer came.
    pub status: Option<u16>,
    /// The remote's own id for it.
    pub request_id: Option<String>,
    /// Counts from 1; higher for retries.
    pub attempt: u32,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether it asked for a change.
    pub write: bool,
}

impl Request {
    /// Whether it did not do what it was sent for. That something is not there is an answer too.
    pub fn is_failed(&self) -> bool {
        match (self.client.as_str(), self.status) {
            (_, None) => true,
            ("git", Some(code)) => code != 0,
            (_, Some(404)) => self.write,
            (_, Some(status)) => status >= 400,
        }
    }

    /// Returns its mark and tone: failed, asked for a change, only looked.
    pub fn mark(&self) -> (char, Tone) {
        match (self.is_failed(), self.write) {
            (true, _) => ('✗', Tone::Bad),
            (false, true) => ('✎', Tone::Accent),
            (false, false) => ('·', Tone::Dim),
        }
    }

    /// Returns all about it but its mark, in one line.
    pub fn line(&self) -> String {
        let time = self.at.strftime("%H:%M:%S%.3f");
        // The operation of a plain HTTP request begins with its method.
        let method = match self.operation.starts_with(&self.method) {
            true => String::new(),
            false => format!("{} ", self.method),
        };
        let status = self
            .status
            .map_or("no answer".to_owned(), |status| status.to_string());
        let error = self
            .error
            .as_ref()
            .map_or(String::new(), |error| format!(" {error}"));
        let attempt = match self.attempt {
            0 | 1 => String::new(),
            attempt => format!(", attempt {attempt}"),
        };
        let id = self
            .request_id
            .as_ref()
            .map_or(String::new(), |id| format!(", id {id}"));
        let text = format!(
            "{time}  {method}{} → {status}{error}, {} ms{attempt}, {}{id}",
            self.operation, self.duration_ms, self.target
        );
        clean(&text).replace('\n', " ")
    }
}

/// Returns, for each event, where the requests that were sent up to it end; the requests are sorted
/// by time. Those after the last event belong to it.
pub fn by_event(events: &[Event], times: &[jiff::Timestamp]) -> Vec<usize> {
    let mut end = 0;
    let mut ends: Vec<_> = events
        .iter()
        .map(|event| {
            end += times[end..].partition_point(|at| *at <= event.at);
            end
        })
        .collect();
    if let Some(last) = ends.last_mut() {
        *last = times.len();
    }
    ends
}

/// Returns the requests of an event.
pub fn of_event(ends: &[usize], event: usize) -> Range<usize> {
    let start = event.checked_sub(1).map_or(0, |before| ends[before]);
    start..ends[event]
}

//! The wire log: one line for every request to a cloud, a cluster or a Git remote.
//!
//! It holds what support needs to know about a request and nothing that must stay secret: no
//! bodies, no headers, no query strings. The journal says what was meant, this says what was sent.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate::{Call, Gate, Keeper, Passage};

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRecord {
    /// When the request was sent.
    pub at: jiff::Timestamp,
    /// Who sent it: `aws`, `kubernetes`, `git` or `azure`.
    pub client: String,
    /// The HTTP method, or the Git verb.
    pub method: String,
    /// What was asked: `iam:CreateRole`, `GET /api/v1/namespaces/rok`, `push`.
    pub operation: String,
    /// Scheme and host, or the Git remote without its user and password.
    pub target: String,
    /// The HTTP status, or the exit code of the Git program; absent when no answer came.
    pub status: Option<u16>,
    /// The remote's own id for the request, which its support asks for.
    pub request_id: Option<String>,
    /// Counts from 1; higher for retries.
    pub attempt: u32,
    /// From sending to the last byte of the answer's head, in milliseconds.
    pub duration_ms: u64,
    /// The remote's error code, or what went wrong on the way.
    pub error: Option<String>,
    /// Whether the request asks for a change of the remote's state (not only for a token or a look).
    pub write: bool,
}

impl WireRecord {
    /// Starts a record of a request sent at `at`; the caller fills in how it ended.
    pub fn new(
        at: jiff::Timestamp,
        client: &str,
        method: &str,
        operation: &str,
        target: &str,
    ) -> Self {
        Self {
            at,
            client: client.into(),
            method: method.into(),
            operation: operation.into(),
            target: target.into(),
            status: None,
            request_id: None,
            attempt: 1,
            duration_ms: 0,
            error: None,
            write: false,
        }
    }

    /// Sets the duration from a measured one.
    pub fn took(&mut self, duration: Duration) {
        self.duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    }
}

/// The time of day; tests bring their own.
pub type Time = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Where records go, and the way out of this process: its [`Gate`], and the time that clients go by.
/// Clones share all of it.
#[derive(Clone)]
pub struct WireLog {
    inner: Arc<Mutex<Inner>>,
    time: Time,
}

impl Default for WireLog {
    fn default() -> Self {
        Self::at(Arc::new(jiff::Timestamp::now))
    }
}

impl fmt::Debug for WireLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WireLog({} requests)", self.requests())
    }
}

/// Takes a record, as a JSON object, to where it is kept.
pub type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// How many records wait for a file at most; a session asks less before its run begins.
const WAITING: usize = 1_000;

#[derive(Default)]
struct Inner {
    sink: Option<Sink>,
    /// Records from before there was a sink.
    waiting: Vec<WireRecord>,
    records: Option<Vec<WireRecord>>,
    gate: Gate,
    requests: u64,
    writes: u64,
    failure: Option<String>,
}

impl WireLog {
    /// Returns a log that has no file yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a log whose clients go by another time.
    pub fn at(time: Time) -> Self {
        Self {
            inner: Arc::default(),
            time,
        }
    }

    /// Returns the time of day.
    pub fn now(&self) -> jiff::Timestamp {
        (self.time)()
    }

    /// Returns the time that clients go by, for who must not hold the log: keepers of its own gate.
    pub fn time(&self) -> Time {
        Arc::clone(&self.time)
    }

    /// Adds a keeper to the gate, behind those that are there.
    pub fn keep(&self, keeper: Arc<dyn Keeper>) {
        self.lock().gate.add(keeper);
    }

    /// Asks to let a call pass the gate.
    ///
    /// # Errors
    ///
    /// When a keeper says that it must not be made.
    pub fn pass(&self, call: impl FnOnce() -> Call) -> io::Result<Passage> {
        // Keepers may take their time and make calls of their own, so not under the lock.
        let gate = self.lock().gate.clone();
        gate.pass(call)
    }

    /// Returns a log that keeps its records in memory, for tests.
    pub fn in_memory() -> Self {
        let log = Self::default();
        log.lock().records = Some(Vec::new());
        log
    }

    /// Starts to keep records in `sink`, beginning with what was sent before.
    pub fn write_to(&self, sink: Sink) {
        let mut inner = self.lock();
        inner.sink = Some(sink);
        for record in std::mem::take(&mut inner.waiting) {
            inner.append(&record);
        }
    }

    /// Writes one record. A log that cannot be written is remembered, see [`WireLog::failure`]:
    /// a request that was already sent is not undone by an error here.
    pub fn record(&self, record: WireRecord) {
        let mut inner = self.lock();
        inner.requests += 1;
        inner.writes += u64::from(record.write);
        if inner.sink.is_some() {
            inner.append(&record);
        } else if inner.waiting.len() < WAITING {
            inner.waiting.push(record.clone());
        }
        if let Some(records) = inner.records.as_mut() {
            records.push(record);
        }
    }

    /// Returns how many requests were sent.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Returns how many requests asked for a change.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Returns what kept the log from being written, when something did.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// Returns the records of a log that keeps them in memory.
    pub fn records(&self) -> Vec<WireRecord> {
        self.lock().records.clone().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, record: &WireRecord) {
        let Some(sink) = self.sink.as_mut() else {
            return;
        };
        let written = serde_json::to_vec(record)
            .map_err(io::Error::from)
            .and_then(|line| sink(&line));
        if let Err(error) = written {
            self.failure.get_or_insert(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_there_was_a_sink_is_in_it() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let log = WireLog::new();
        let record =
            |operation| WireRecord::new(log.now(), "aws", "POST", operation, "http://127.0.0.1");
        log.record(record("sts:GetCallerIdentity"));
        let sink = Arc::clone(&kept);
        log.write_to(Box::new(move |line| {
            sink.lock().unwrap().push(line.to_vec());
            Ok(())
        }));
        log.record(record("iam:GetRole"));
        let operation = |line: &Vec<u8>| {
            let record: WireRecord = serde_json::from_slice(line).unwrap();
            record.operation
        };
        let operations: Vec<String> = kept.lock().unwrap().iter().map(operation).collect();
        assert_eq!(operations, ["sts:GetCallerIdentity", "iam:GetRole"]);
        assert_eq!((log.requests(), log.failure()), (2, None));
    }

    crate::corpus::fed!("wire", feed);

    fn feed(line: &[u8]) {
        if let Ok(record) = serde_json::from_slice::<WireRecord>(line) {
            let written = serde_json::to_vec(&record).unwrap();
            assert_eq!(
                serde_json::from_slice::<WireRecord>(&written).unwrap(),
                record
            );
        }
    }
}

//! A line of the wire log in the making.
//!
//! It is written when it is dropped, so that a request that was sent and then given up, by a
//! deadline or by the operator, leaves its line too.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::wire::{WireLog, WireRecord};

/// A request on its way.
#[derive(Debug)]
pub(super) struct WireLine {
    log: WireLog,
    since: Instant,
    record: Mutex<WireRecord>,
}

impl WireLine {
    /// Starts with the request as it is sent now.
    pub(super) fn start(log: &WireLog, mut record: WireRecord) -> Self {
        record.error = Some("given up before an answer".into());
        Self {
            log: log.clone(),
            since: Instant::now(),
            record: Mutex::new(record),
        }
    }

    /// Notes the head of the answer.
    pub(super) fn answered(&self, status: u16, request_id: Option<String>) {
        self.change(|record| {
            record.took(self.since.elapsed());
            record.status = Some(status);
            record.request_id = request_id;
            record.error = None;
        });
    }

    /// Notes what went wrong, with or without an answer.
    pub(super) fn failed(&self, error: &str) {
        self.change(|record| record.error = Some(error.into()));
    }

    fn change(&self, change: impl FnOnce(&mut WireRecord)) {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for WireLine {
    fn drop(&mut self) {
        self.change(|record| {
            if record.status.is_none() {
                record.took(self.since.elapsed());
            }
            self.log.record(record.clone());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_given_up_leaves_its_line() {
        let log = WireLog::in_memory();
        let record = || WireRecord::new(log.now(), "aws", "POST", "iam:CreateRole", "https://h");
        drop(WireLine::start(&log, record()));
        let answered = WireLine::start(&log, record());
        answered.answered(200, Some("id".into()));
        assert_eq!(log.records().len(), 1, "written when dropped, not before");
        drop(answered);

        let [given_up, answered] = &log.records()[..] else {
            panic!("{:?}", log.records())
        };
        assert_eq!(given_up.status, None);
        assert!(given_up.error.is_some());
        assert_eq!((answered.status, &answered.error), (Some(200), &None));
    }
}

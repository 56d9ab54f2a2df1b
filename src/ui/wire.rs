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
        let method = if self.operation.starts_with(&self.method) {
            String::new()
        } else {
            format!("{} ", self.method)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::samples;

    fn request(client: &str, method: &str, status: Option<u16>, write: bool) -> Request {
        Request {
            at: "2026-04-01T10:15:00.25Z".parse().unwrap(),
            client: client.into(),
            method: method.into(),
            operation: "GET /api".into(),
            target: "https://cluster".into(),
            status,
            request_id: None,
            attempt: 1,
            duration_ms: 3,
            error: None,
            write,
        }
    }

    #[test]
    fn what_is_not_there_is_an_answer_and_everything_else_from_400_on_a_failure() {
        for (client, status, write, failed) in [
            ("aws", Some(200), false, false),
            ("aws", Some(404), false, false),
            ("aws", Some(404), true, true),
            ("kubernetes", Some(403), false, true),
            ("kubernetes", Some(503), true, true),
            ("aws", None, false, true),
            ("git", Some(0), true, false),
            ("git", Some(128), true, true),
        ] {
            let request = request(client, "GET", status, write);
            assert_eq!(request.is_failed(), failed, "{request:?}");
        }
    }

    #[test]
    fn a_line_has_all_that_support_asks_for() {
        let sent = Request {
            error: Some("Throttled\u{1b}[2J".into()),
            request_id: Some("0f2a".into()),
            attempt: 3,
            ..request("aws", "POST", Some(429), true)
        };
        assert_eq!(
            sent.line(),
            "10:15:00.250  POST GET /api → 429 Throttled\u{fffd}[2J, 3 ms, attempt 3, https://cluster, id 0f2a"
        );
        let lost = request("kubernetes", "GET", None, false);
        assert_eq!(
            lost.line(),
            "10:15:00.250  GET /api → no answer, 3 ms, https://cluster"
        );
    }

    #[test]
    fn every_request_belongs_to_one_event() {
        let events = samples::finished();
        let first = events[0].at;
        let after = |milliseconds| first + jiff::SignedDuration::from_millis(milliseconds);
        let times: Vec<_> = [-90_000, 0, 1, 700, 90_000_000].map(after).into();
        let ends = by_event(&events, &times);
        let ranges: Vec<_> = (0..events.len())
            .map(|place| of_event(&ends, place))
            .collect();
        assert_eq!(
            ranges[0],
            0..2,
            "what was sent before the first event belongs to it"
        );
        assert_eq!(ranges.last().unwrap().end, times.len());
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
        for (range, event) in ranges[..ranges.len() - 1].iter().zip(&events) {
            assert!(times[range.clone()].iter().all(|at| *at <= event.at));
        }
        assert_eq!(by_event(&[], &times), [0; 0]);
    }
}

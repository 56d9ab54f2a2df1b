//! Who holds a Lease: what a run writes of itself, and what another one reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::cluster::LeaseClaim;
use crate::engine::ports::Clock;

const RUN: &str = "rok-deploy/run";
const USER: &str = "rok-deploy/user";
const HOST: &str = "rok-deploy/host";
const PROCESS: &str = "rok-deploy/pid";
const STATE: &str = "rok-deploy/state";

/// Who this process is to other runs, and how it tells a run of its own that is over.
#[derive(Clone)]
pub struct Operator {
    /// The user's name.
    pub user: String,
    /// The machine or Pod.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// An opaque id of the state directory; empty when it has none.
    pub state: String,
    /// Whether a run of this state directory is over: it is there, and no process works on it.
    pub is_over: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Operator {
    /// Returns the claim of a run that holds the Lease since `acquired`.
    pub(super) fn claim(&self, run: &str, acquired: jiff::Timestamp) -> LeaseClaim {
        let annotations = [
            (RUN, run.to_owned()),
            (USER, self.user.clone()),
            (HOST, self.host.clone()),
            (PROCESS, self.pid.to_string()),
            (STATE, self.state.clone()),
        ];
        LeaseClaim {
            holder: format!("{}@{}/{run}", self.user, self.host),
            duration: Some(super::DURATION),
            acquired: Some(acquired),
            renewed: Some(self.clock.now()),
            annotations: annotations
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
        }
    }

    /// Whether nobody but this run can go on with what the holder began: it is the same run, or one
    /// of the same state directory whose process is gone.
    pub(super) fn is_own(&self, holder: &Holder, run: &str) -> bool {
        let same_state = !self.state.is_empty() && holder.state == self.state;
        same_state && (holder.run == run || (self.is_over)(&holder.run))
    }
}

/// Who holds a Lease, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    run: String,
    host: String,
    pid: String,
    state: String,
    /// `operator@laptop`, or whatever another program calls itself.
    who: String,
    since: Option<jiff::Timestamp>,
}

impl Holder {
    pub(super) fn of(claim: &LeaseClaim) -> Self {
        let text = |key: &str| claim.annotations.get(key).cloned().unwrap_or_default();
        let (user, host) = (text(USER), text(HOST));
        Self {
            who: if host.is_empty() {
                claim.holder.clone()
            } else {
                format!("{user}@{host}")
            },
            run: text(RUN),
            pid: text(PROCESS),
            state: text(STATE),
            host,
            since: claim.acquired,
        }
    }

    /// Whether a claim is of the same process.
    pub(super) fn has_made(&self, claim: &LeaseClaim) -> bool {
        let other = Self::of(claim);
        (&self.run, &self.state, &self.host, &self.pid)
            == (&other.run, &other.state, &other.host, &other.pid)
    }

    /// What to do about a holder that lives.
    pub(super) fn advice(&self) -> String {
        if self.host.is_empty() {
            return "wait until it has ended; `rok-deploy resume` then goes on here".into();
        }
        format!(
            "wait until it has ended, or stop it on {} with Ctrl-C or `kill {}`; `rok-deploy resume` then goes on here",
            self.host, self.pid
        )
    }
}

/// `operator@laptop (pid 4711) since 2024-05-01T10:00:00Z, run 20240501T100000Z-abcd`.
impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.who)?;
        if !self.pid.is_empty() {
            write!(formatter, " (pid {})", self.pid)?;
        }
        if let Some(since) = self.since {
            write!(formatter, " since {since:.0}")?;
        }
        if !self.run.is_empty() {
            write!(formatter, ", run {}", self.run)?;
        }
        Ok(())
    }
}

/// Returns whole seconds, a begun one counted, so that the last one is not called none.
pub(super) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

//! The time that the practice cloud goes by; tests bring their own.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// A clock. Clones tell the same time.
#[derive(Clone, Default)]
pub struct Clock {
    /// Nothing for the time of this machine.
    time: Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>,
    /// By how much this clock is ahead of it.
    ahead: SignedDuration,
}

impl Clock {
    /// Returns a clock that asks for the time.
    pub fn of(time: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            time: Some(Arc::new(time)),
            ahead: SignedDuration::ZERO,
        }
    }

    /// Returns the same clock, ahead by some time or, where that is negative, behind.
    #[must_use]
    pub fn ahead_by(mut self, ahead: SignedDuration) -> Self {
        self.ahead = self.ahead.saturating_add(ahead);
        self
    }

    /// Returns the time of day.
    pub fn now(&self) -> Timestamp {
        let now = self
            .time
            .as_ref()
            .map_or_else(Timestamp::now, |time| time());
        now.saturating_add(self.ahead).unwrap_or(now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Clock")
            .field("ahead", &self.ahead)
            .finish_non_exhaustive()
    }
}

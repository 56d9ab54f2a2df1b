//! A value that the rest of a cloud sees a little later than the API that changed it.
//!
//! IAM answers its own reads at once; STS and S3 decide on replicas. So it is with Azure's role
//! assignments, its directory and Entra. Removals are not delayed: the practice cloud errs towards
//! refusing.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value, and the one before it for as long as the replicas still hold that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lagged<T> {
    /// What the API that wrote it reads back.
    pub current: T,
    /// What deciders still go by; nothing for a new value.
    pub previous: Option<T>,
    /// When `current` reaches them.
    pub visible_at: Timestamp,
}

impl<T: Clone> Lagged<T> {
    /// A value that did not exist before.
    pub fn new(value: T, visible_at: Timestamp) -> Self {
        Self {
            current: value,
            previous: None,
            visible_at,
        }
    }

    /// A value that has always been there.
    pub fn settled(value: T) -> Self {
        Self::new(value, Timestamp::MIN)
    }

    /// Replaces the value; deciders see it after `lag`.
    pub fn set(&mut self, value: T, now: Timestamp, lag: Duration) {
        self.previous = self.seen(now).cloned();
        self.current = value;
        self.visible_at = now.saturating_add(lag).unwrap_or(Timestamp::MAX);
    }

    /// The value that is decided on.
    pub fn seen(&self, now: Timestamp) -> Option<&T> {
        if now >= self.visible_at {
            Some(&self.current)
        } else {
            self.previous.as_ref()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_after_the_lag_and_the_old_value_until_then() {
        let second = Duration::from_secs;
        let start = Timestamp::UNIX_EPOCH;
        let mut value = Lagged::new("first", start + second(10));
        assert_eq!(value.seen(start + second(9)), None);
        assert_eq!(value.seen(start + second(10)), Some(&"first"));

        value.set("second", start + second(20), second(10));
        assert_eq!(value.current, "second");
        assert_eq!(value.seen(start + second(29)), Some(&"first"));
        assert_eq!(value.seen(start + second(30)), Some(&"second"));

        value.set("third", start + second(31), second(10));
        value.set("fourth", start + second(32), second(10));
        assert_eq!(value.seen(start + second(33)), Some(&"second"));
    }
}

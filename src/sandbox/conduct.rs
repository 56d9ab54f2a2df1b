//! How the practice cloud behaves, besides correctly: by which clock, how slowly, with which faults.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::faults::Faults;

/// How servers behave.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    /// The time they go by.
    pub clock: Clock,
    /// What is added to every answer.
    pub latency: Duration,
    /// How long IAM's writes stay unseen elsewhere.
    pub lag: Lag,
    /// What goes wrong.
    pub faults: Option<Arc<Faults>>,
}

/// How long STS, S3 and all decisions do not know what was just written to IAM, edge by edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Of roles and their trust policies.
    pub role: Duration,
    /// Of the text of policies.
    pub policy: Duration,
    /// Of what is attached to a role.
    pub attachment: Duration,
    /// Of identity providers.
    pub provider: Duration,
}

impl Lag {
    /// Returns the same lag on every edge.
    pub fn of(lag: Duration) -> Self {
        Self {
            role: lag,
            policy: lag,
            attachment: lag,
            provider: lag,
        }
    }

    /// Returns the longer lag of two, edge by edge.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            role: self.role.max(other.role),
            policy: self.policy.max(other.policy),
            attachment: self.attachment.max(other.attachment),
            provider: self.provider.max(other.provider),
        }
    }
}

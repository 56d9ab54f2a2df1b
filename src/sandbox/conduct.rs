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
    /// How long writes of identities and rights stay unseen elsewhere.
    pub lag: Lag,
    /// What goes wrong.
    pub faults: Option<Arc<Faults>>,
}

/// How long all decisions do not know what was just written about identities and rights, edge by
/// edge: STS and S3 after IAM, Entra and Azure's services after Resource Manager.
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
    /// Of Azure's managed identities in the directory.
    pub principal: Duration,
    /// Of federated credentials of managed identities.
    pub federated_credential: Duration,
    /// Of Azure's role assignments.
    pub role_assignment: Duration,
}

impl Lag {
    /// Returns the same lag on every edge.
    pub fn of(lag: Duration) -> Self {
        Self {
            role: lag,
            policy: lag,
            attachment: lag,
            provider: lag,
            principal: lag,
            federated_credential: lag,
            role_assignment: lag,
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
            principal: self.principal.max(other.principal),
            federated_credential: self.federated_credential.max(other.federated_credential),
            role_assignment: self.role_assignment.max(other.role_assignment),
        }
    }
}

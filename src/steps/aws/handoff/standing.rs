//! What of an identity is there already.

use std::sync::Arc;

use crate::engine::{Context, Facts, Step, StepError};
use crate::steps::handoff::{Part, look};

/// How the parts of the identity stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The IAM OIDC provider.
    pub provider: Part,
    /// The managed policy.
    pub policy: Part,
    /// The role.
    pub role: Part,
    /// The policy on the role.
    pub attachment: Part,
}

impl Standing {
    /// Whether everything is as intended.
    pub fn is_complete(&self) -> bool {
        let parts = [self.provider, self.policy, self.role, self.attachment];
        !parts.into_iter().any(Part::is_open)
    }

    /// Looks through the steps, one after the other; what one finds serves the next. Steps that are
    /// no part of the identity are there for their facts.
    ///
    /// # Errors
    ///
    /// What is in the way, or fails for another reason than a missing right.
    pub async fn look(
        steps: &[Arc<dyn Step>],
        facts: &mut Facts,
        context: &Context,
    ) -> Result<Self, StepError> {
        let seen = look(steps, facts, context).await?;
        let part = |step| seen.get(step).map_or(Part::Unknown, Part::of);
        Ok(Self {
            provider: part("aws.oidc-provider"),
            policy: part("aws.iam-policy"),
            role: part("aws.iam-role"),
            attachment: part("aws.policy-attachment"),
        })
    }
}

//! Removes what proofs have left in the cluster, as a part of a teardown. The namespaces stay: what
//! runs in them is not ours.

use async_trait::async_trait;

use super::clean_up::CleanUp;
use super::workload::Workload;
use crate::engine::{
    Context, ErrorKind, Facts, Observation, Phase, Settle, Step, StepError, StepMeta,
};
use crate::steps::cluster::CLUSTER_UID;

/// Removes the labelled service account and the Pod.
pub struct RemoveProof {
    clean_up: CleanUp,
    namespaces: Vec<String>,
}

impl RemoveProof {
    /// Returns the step for a workload; `namespaces` are named as what stays.
    pub fn new(workload: Workload, namespaces: Vec<String>) -> Self {
        Self {
            clean_up: CleanUp { workload },
            namespaces,
        }
    }
}

#[async_trait]
impl Step for RemoveProof {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name()],
            settle: Settle::SHORT,
            ..StepMeta::new(
                "rok.remove-proof",
                "What proofs left in the cluster is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let namespaces: Vec<_> = self
            .namespaces
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let seen = self.clean_up.check(facts, context).await.map_err(denied)?;
        Ok(seen.next(format!(
            "namespaces stay, with what runs in them: {}",
            namespaces.join(", ")
        )))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let applied = self.clean_up.apply(facts, context).await;
        applied.map_err(denied)
    }
}

/// To a proof a missing right is a check that did not pass; here it is a right that is missing.
fn denied(error: StepError) -> StepError {
    match error.kind {
        ErrorKind::Verification => StepError {
            kind: ErrorKind::Permission,
            ..error
        },
        _ => error,
    }
}

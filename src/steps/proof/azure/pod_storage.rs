//! What the Pod may do: list the probe container. One that does not exist is success, since Azure
//! tells so only to those who may ask.

use async_trait::async_trait;
use serde_json::Value;

use super::ground::{AzureGround, listed};
use super::pod_login::POD_CALLER;
use super::questions::LIST;
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, When};
use crate::steps::proof::ground::Ground;
use crate::steps::proof::pod::{PROBE, probe_of, untold};
use crate::steps::proof::probe::Said;

/// Asks the storage account from the Pod.
pub struct PodStorage {
    /// Whose Pod it is.
    pub ground: AzureGround,
}

#[async_trait]
impl Step for PodStorage {
    fn meta(&self) -> StepMeta {
        let mut needs = self.ground.needs();
        needs.extend([PROBE.name(), POD_CALLER.name()]);
        StepMeta {
            needs,
            after: vec!["azure.verify-pod-login"],
            settle: Settle::IDENTITY,
            when: When::AfterChanges,
            ..StepMeta::new(
                "azure.verify-pod-storage",
                "Pod reaches its containers",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let ground = &self.ground;
        let workload = &ground.workload;
        let probe = probe_of(ground, facts).await?;
        let client = workload.access.client().await?;
        let container = ground.identity.probe_container();
        let found = match probe.ask(LIST, client, workload).await? {
            Said::Output(text) => {
                let blobs: Value = serde_json::from_str(&text).unwrap_or_default();
                listed(
                    &container,
                    Some(blobs.as_array().is_some_and(|blobs| !blobs.is_empty())),
                )
            }
            Said::Trouble(symptom) if symptom.code.as_deref() == Some("ContainerNotFound") => {
                listed(&container, None)
            }
            other => {
                let acted = context.has_acted(ground.area());
                return untold(ground, &probe, other, acted, facts, context).await;
            }
        };
        let chain = ground.proven("a Pod holds it", facts, &found)?;
        Ok(Observation::satisfied(format!("from the Pod: {found}")).with_chain(chain))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

//! What the Pod may do: list the probe bucket, and create it where it is absent.
//!
//! The bucket is left: it is one of those that Rok uses.

use async_trait::async_trait;
use serde_json::Value;

use super::ground::{AwsGround, LIST, create_bucket, listed};
use super::pod_identity::POD_CALLER;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, When,
};
use crate::steps::names;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::pod::{PROBE, probe_of, untold};
use crate::steps::proof::probe::Said;

/// Asks S3 from the Pod.
pub struct PodStorage {
    /// Whose Pod it is.
    pub ground: AwsGround,
    /// Whether it creates the bucket; a mere verification does not.
    pub creates: bool,
}

#[async_trait]
impl Step for PodStorage {
    fn meta(&self) -> StepMeta {
        let mut needs = self.ground.needs();
        needs.extend([PROBE.name(), POD_CALLER.name()]);
        let touches =
            "creates the first bucket of Rok from the Pod, where it is absent, and leaves it";
        StepMeta {
            needs,
            after: vec!["rok.pod-identity"],
            settle: Settle::IDENTITY,
            touches: self.creates.then_some(touches),
            when: When::AfterChanges,
            ..StepMeta::new("rok.pod-storage", "Pod reaches its buckets", Phase::Verify)
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let ground = &self.ground;
        let workload = &ground.workload;
        let probe = probe_of(ground, facts).await?;
        let client = workload.access.client().await?;
        let bucket = names::probe_bucket(&ground.prefix);
        let found = match probe.ask(LIST, client, workload).await? {
            Said::Output(text) => listed(&bucket, Some(holds_versions(&text))),
            Said::Trouble(symptom) if symptom.code.as_deref() == Some("NoSuchBucket") => {
                if self.creates && !probe.asks_itself() {
                    let region = format!("region: {}\n", ground.region);
                    return Ok(Observation::differs(vec![
                        Change::new(Verb::Create, "bucket", bucket).after(region),
                    ]));
                }
                listed(&bucket, None)
            }
            other => return untold(ground, &probe, other, false, facts, context).await,
        };
        let caller = facts.get(&POD_CALLER)?;
        let chain = ground.proven(true, "a Pod holds it", &caller, &found);
        Ok(Observation::satisfied(format!("from the Pod: {found}")).with_chain(chain))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let ground = &self.ground;
        let workload = &ground.workload;
        let probe = probe_of(ground, facts).await?;
        let client = workload.access.client().await?;
        match probe
            .run_command(
                &create_bucket(&ground.prefix, &ground.region),
                client,
                workload,
            )
            .await?
        {
            Said::Output(_) => Ok(()),
            // The next look tells.
            Said::Trouble(symptom)
                if symptom.code.as_deref() == Some("BucketAlreadyOwnedByYou") =>
            {
                Ok(())
            }
            other => untold(ground, &probe, other, false, facts, context).await,
        }
    }
}

/// Tells whether the AWS CLI listed anything; it prints nothing for an empty bucket.
fn holds_versions(listing: &str) -> bool {
    let listing: Value = serde_json::from_str(listing).unwrap_or_default();
    let versions = listing["Versions"].as_array();
    versions.is_some_and(|versions| !versions.is_empty())
}

//! What the Pod may do: list the probe bucket, and create it where it is absent.
//!
//! The bucket is left: it is one of those that Rok uses.

use async_trait::async_trait;
use serde_json::Value;

use super::pod::PROBE;
use super::pod_identity::{POD_CALLER, probe_of, untold};
use super::probe::{Question, Said, create_bucket};
use super::workload::{Workload, listed};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, When,
};
use crate::steps::names;

/// Asks S3 from the Pod.
pub struct PodStorage {
    /// Whose Pod it is.
    pub workload: Workload,
    /// Whether it creates the bucket; a mere verification does not.
    pub creates: bool,
}

#[async_trait]
impl Step for PodStorage {
    fn meta(&self) -> StepMeta {
        let mut needs = Workload::needs();
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
        let workload = &self.workload;
        let probe = probe_of(workload, facts).await?;
        let client = workload.access.client().await?;
        let bucket = names::probe_bucket(&workload.prefix);
        let found = match probe.ask(Question::List, client, workload).await? {
            Said::Output(text) => listed(&bucket, Some(holds_versions(&text))),
            Said::Trouble(symptom) if symptom.code.as_deref() == Some("NoSuchBucket") => {
                if self.creates && !probe.asks_itself() {
                    let region = format!("region: {}\n", workload.region);
                    return Ok(Observation::differs(vec![
                        Change::new(Verb::Create, "bucket", bucket).after(region),
                    ]));
                }
                listed(&bucket, None)
            }
            other => return untold(workload, other, facts, context).await,
        };
        let caller = facts.get(&POD_CALLER)?;
        let chain = workload.proven(true, "a Pod holds it", &caller, &found);
        Ok(Observation::satisfied(format!("from the Pod: {found}")).with_chain(chain))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let workload = &self.workload;
        let probe = probe_of(workload, facts).await?;
        let client = workload.access.client().await?;
        match probe
            .run_command(
                &create_bucket(&workload.prefix, &workload.region),
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
            other => untold(workload, other, facts, context).await,
        }
    }
}

/// Tells whether the AWS CLI listed anything; it prints nothing for an empty bucket.
fn holds_versions(listing: &str) -> bool {
    let listing: Value = serde_json::from_str(listing).unwrap_or_default();
    let versions = listing["Versions"].as_array();
    versions.is_some_and(|versions| !versions.is_empty())
}

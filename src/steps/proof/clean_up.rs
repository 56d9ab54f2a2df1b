//! Removes what the proof made, and nothing else: the Pod by its label of ours, the service account
//! by the documented label.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::pod::address;
use super::probe::run_of;
use super::workload::{POD, Workload, is_ours, unproven};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, When,
};
use crate::steps::cluster::CLUSTER_UID;

/// Removes Pod and service account.
pub struct CleanUp {
    /// Whose they are.
    pub workload: Workload,
}

#[async_trait]
impl Step for CleanUp {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name()],
            settle: Settle::SHORT,
            when: When::AtLast,
            ..StepMeta::new(
                "rok.verify-clean-up",
                "What the proof made is gone",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let found = Box::pin(self.found()).await?;
        let mut changes = Vec::new();
        let namespace = &self.workload.namespace;
        if found.pod.is_some() {
            changes.push(Change::new(
                Verb::Delete,
                "Pod",
                format!("{namespace}/{POD}"),
            ));
        }
        if found.account.is_some() {
            changes.push(Change::new(
                Verb::Delete,
                "service account",
                self.workload.place(),
            ));
        }
        let mut kept = Vec::new();
        if found.foreign_pod {
            kept.push(format!("Pod `{POD}`"));
        }
        if found.foreign_account {
            kept.push(format!("service account `{}`", self.workload.place()));
        }
        let note = if kept.is_empty() {
            "nothing is left of the proof".to_owned()
        } else {
            format!("{} was not made by the proof and stays", kept.join(" and "))
        };
        Ok(Observation::of_changes(changes, note))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let client = self.workload.access.client().await?;
        let found = Box::pin(self.found()).await?;
        // The Pod first: it cannot be without its account.
        for (object, uid) in [
            (address(&self.workload), found.pod),
            (self.account_address(), found.account),
        ] {
            if let Some(uid) = uid {
                client.delete_exact(&object, &uid).await.map_err(unproven)?;
            }
        }
        Ok(())
    }
}

/// The UIDs of what is ours, and whether there are others of that name.
struct Found {
    pod: Option<String>,
    foreign_pod: bool,
    account: Option<String>,
    foreign_account: bool,
}

impl CleanUp {
    async fn found(&self) -> Result<Found, StepError> {
        let workload = &self.workload;
        let client = workload.access.client().await?;
        let pod = async { client.read(&address(workload)).await.map_err(unproven) };
        let (pod, account) = tokio::try_join!(pod, workload.account())?;
        let foreign_pod = pod.as_ref().is_some_and(|pod| run_of(pod).is_none());
        let foreign_account = account.as_ref().is_some_and(|account| !is_ours(account));
        let pod = pod.filter(|pod| run_of(pod).is_some());
        let uid = |pod: Value| pod["metadata"]["uid"].as_str().map(str::to_owned);
        Ok(Found {
            pod: pod.and_then(uid),
            foreign_pod,
            account: account.filter(is_ours).map(|account| account.uid),
            foreign_account,
        })
    }

    fn account_address(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": self.workload.name, "namespace": self.workload.namespace },
        })
    }
}

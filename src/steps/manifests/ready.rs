//! Waits until what was applied is ready.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::build::{BUILT, Manifests};
use super::standing::{Standing, standing, stuck};
use super::target::SERVER;
use super::{object, together};
use crate::clients::cluster::Cluster;
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta};
use crate::steps::cluster::{ClusterAccess, refused};

/// A rollout pulls images and starts Pods one after the other.
const SETTLE: Settle = Settle {
    period: Duration::from_secs(3),
    limit: Duration::from_mins(10),
    reason: "waits until the objects are ready",
};

/// Looks at every object of the manifests.
pub struct ManifestsReady {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The manifests.
    pub manifests: Manifests,
}

#[async_trait]
impl Step for ManifestsReady {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![BUILT.name(), SERVER.name()],
            after: vec!["manifests.objects"],
            settle: SETTLE,
            ..StepMeta::new("manifests.ready", "Objects are ready", Phase::Verify)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let client = self.access.client().await?;
        let objects = self.manifests.objects().await?;
        let looks = objects
            .iter()
            .map(async |object| Ok((object, stands(client, object).await?)));
        let standings = together(looks.collect()).await?;
        let (mut waiting, mut failed) = (Vec::new(), Vec::new());
        for (object, standing) in standings {
            let title = object::title(object);
            match standing {
                Standing::Ready => {}
                Standing::Waiting(reason) => waiting.push(format!("{title} ({reason})")),
                Standing::Failed(reason) => failed.push(format!("{title} failed: {reason}")),
            }
        }
        if !failed.is_empty() {
            return Err(StepError::verification(failed.join("; ")));
        }
        Ok(match (waiting.is_empty(), objects.len()) {
            (false, _) => Observation::pending(waiting.join(", ")),
            (true, 0) => Observation::satisfied("there is nothing to wait for"),
            (true, 1) => Observation::satisfied("1 object is ready"),
            (true, count) => Observation::satisfied(format!("{count} objects are ready")),
        })
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

async fn stands(client: &Cluster, object: &Value) -> Result<Standing, StepError> {
    let stored = client.read(object).await.map_err(refused)?;
    let Some(stored) = stored else {
        return Ok(Standing::Waiting("is not there".into()));
    };
    let reason = match standing(&stored) {
        Standing::Waiting(reason) => reason,
        standing => return Ok(standing),
    };
    if waits_for_its_pod(client, &stored).await {
        return Ok(Standing::Ready);
    }
    let why = pods_reason(client, &stored).await;
    let why = why.map_or_else(String::new, |why| format!("; {why}"));
    Ok(Standing::Waiting(format!("{reason}{why}")))
}

/// Returns what a Pod of a workload waits for: the workload itself only counts replicas.
async fn pods_reason(client: &Cluster, stored: &Value) -> Option<String> {
    if !["apps", "batch"].contains(&object::group(stored)) {
        return None;
    }
    let labels = stored.pointer("/spec/selector/matchLabels")?;
    let labels = serde_json::from_value(labels.clone()).ok()?;
    // Who may not list Pods does without.
    let pods = client.pods(object::namespace(stored), &labels).await.ok()?;
    pods.iter().find_map(|pod| {
        let why = stuck(pod)?;
        Some(format!("Pod `{}`: {why}", object::name(pod)))
    })
}

/// A claim may be bound only when its first Pod comes, which may be never. The Pods that are part
/// of the manifests are waited for on their own.
async fn waits_for_its_pod(client: &Cluster, stored: &Value) -> bool {
    if object::kind(stored) != "PersistentVolumeClaim" {
        return false;
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": { "name": object::text(stored, "/spec/storageClassName") },
    });
    // Who may not read classes waits until the claim is bound.
    let class = client.read(&class).await.ok().flatten();
    class.is_some_and(|class| object::text(&class, "/volumeBindingMode") == "WaitForFirstConsumer")
}

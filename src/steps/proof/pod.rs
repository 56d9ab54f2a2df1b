//! The documented test Pod: started, waited for, and looked at for what the webhook injects.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::probe::{MANIFEST, Probe, asking_itself, labelled, restricted};
use super::storage_access::SESSION;
use super::workload::{POD, Workload, unproven};
use crate::clients::cluster::{Cluster, ClusterError, ClusterErrorKind, Creation};
use crate::engine::{
    Chain, Change, Context, FactKey, Facts, Link, LinkState, Observation, Phase, Settle, Step,
    StepError, StepMeta, Verb, When,
};
use crate::steps::atlas::{PodEvent, Source, Symptom, diagnose_pod};
use crate::steps::aws::ROLE_ARN;

/// The Pod that the next steps ask.
pub(super) const PROBE: FactKey<ProbeFact> = FactKey::new("rok.verify-pod.pod");

/// What the next steps need to know of the Pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProbeFact {
    /// Its UID: another Pod of that name is another Pod.
    pub(super) uid: String,
}

const STARTING: Settle = Settle {
    period: std::time::Duration::from_secs(2),
    limit: std::time::Duration::from_mins(3),
    reason: "waits for the Pod",
};

/// Starts the Pod and waits until it is ready.
pub struct VerifyPod {
    /// Whose Pod it is.
    pub workload: Workload,
}

#[async_trait]
impl Step for VerifyPod {
    fn meta(&self) -> StepMeta {
        let mut needs = Workload::needs();
        needs.push(SESSION.name());
        StepMeta {
            needs,
            gives: vec![PROBE.name()],
            after: vec!["rok.storage-access"],
            settle: STARTING,
            touches: Some("starts the Pod `rok-verify-storage-access`, and removes it again"),
            when: When::AfterChanges,
            ..StepMeta::new(
                "rok.verify-pod",
                "Test Pod runs and holds the role",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let workload = &self.workload;
        let client = workload.access.client().await?;
        let Some(probe) = find(client, workload).await? else {
            return Ok(Observation::differs(self.changes(false)));
        };
        if probe.is_going() {
            return Ok(Observation::pending(format!(
                "Pod `{POD}` is being removed"
            )));
        }
        if probe.run().is_some_and(|run| run != context.run) {
            // Left by a run that was killed and never resumed.
            return Ok(Observation::differs(self.changes(true)));
        }
        if !probe.is_up() {
            return self.starting(&probe, client, facts, context).await;
        }
        self.judge_injection(&probe, facts, context).await
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let workload = &self.workload;
        let client = workload.access.client().await?;
        let manifest = workload.manifest(MANIFEST, "Pod").await?;
        let manifest = labelled(manifest, &context.run);
        let manifest = if Box::pin(self.may_exec(client)).await? {
            manifest
        } else {
            asking_itself(manifest, &workload.prefix)
        };
        let created = match client.create(&manifest).await {
            // The namespace admits restricted Pods only, so it gets one.
            Err(error) if error.message.contains("violates PodSecurity") => {
                client.create(&restricted(manifest)).await
            }
            created => created,
        };
        match created {
            Ok(Creation::Created(_)) => Ok(()),
            Ok(Creation::AlreadyExists) => self.make_room(client).await,
            // A webhook that cannot be called is a cause of its own.
            Err(error) if error.is_transient() && !error.message.contains("webhook") => {
                Err(unproven(error))
            }
            Err(error) => Err(self.not_created(&error, facts, context).await),
        }
    }
}

impl VerifyPod {
    fn changes(&self, replaces: bool) -> Vec<Change> {
        let name = format!("{}/{POD}", self.workload.namespace);
        let mut changes = Vec::new();
        if replaces {
            changes.push(Change::new(Verb::Delete, "Pod", name.clone()));
        }
        let manifest = format!("manifest: {MANIFEST}\n");
        changes.push(Change::new(Verb::Create, "Pod", name).after(manifest));
        changes
    }

    /// Removes a Pod of an earlier proof that has the name. One that somebody made by hand is used
    /// and left.
    async fn make_room(&self, client: &Cluster) -> Result<(), StepError> {
        let Some(old) = find(client, &self.workload).await? else {
            return Err(StepError::failed(format!("Pod `{POD}` was there until now")).retryable());
        };
        if old.run().is_none() {
            return Ok(());
        }
        client
            .delete_exact(&address(&self.workload), old.uid())
            .await
            .map_err(unproven)?;
        Err(StepError::failed(format!("an older Pod `{POD}` is being removed")).retryable())
    }

    /// Whether commands may be run in a Pod. Current servers ask for both rights.
    async fn may_exec(&self, client: &Cluster) -> Result<bool, StepError> {
        let namespace = Some(self.workload.namespace.as_str());
        let review = |verb| client.access_review(verb, "", "pods", Some("exec"), namespace);
        match tokio::try_join!(review("get"), review("create")) {
            Ok((get, create)) => Ok(get.allowed && create.allowed),
            Err(error) if error.kind == ClusterErrorKind::Unauthorized || error.is_transient() => {
                Err(unproven(error))
            }
            // Who may not ask learns it from the exec itself.
            Err(_) => Ok(true),
        }
    }

    /// The Pod is not up: what keeps it is shown while it is waited for, and is what the step
    /// fails with in the end.
    async fn starting(
        &self,
        probe: &Probe,
        client: &Cluster,
        facts: &Facts,
        context: &Context,
    ) -> Result<Observation, StepError> {
        let events = client
            .pod_events(&self.workload.namespace, probe.uid())
            .await;
        let events = match events {
            // The Pod's own status has to do.
            Err(error) if error.kind == ClusterErrorKind::Forbidden => Vec::new(),
            events => events.map_err(unproven)?,
        };
        let last = events
            .last()
            .map(|event| format!("{}: {}", event.reason, event.message));
        let events: Vec<PodEvent> = events
            .into_iter()
            .map(|event| PodEvent {
                reason: event.reason,
                message: event.message,
            })
            .collect();
        let place = self.workload.prober(facts, context)?.place;
        let Some(diagnosis) = diagnose_pod(&place, &probe.object, &events) else {
            let last = last.unwrap_or_else(|| "no events yet".into());
            let reason = format!("Pod `{POD}` is {}; {last}", probe.phase());
            if probe.has_ended() {
                return Err(StepError::verification(reason)
                    .hint(
                        "its image must keep running: `--set verify_image=IMAGE` takes another one",
                    )
                    .with_chain(self.without_pod(facts, "its Pod ended at once")?));
            }
            return Ok(Observation::pending(reason));
        };
        let chain = self.without_pod(facts, &diagnosis.cause)?;
        let waits = probe.waits_for().map(|waits| format!(", {waits}"));
        let text = format!(
            "Pod `{POD}` is {}{}",
            probe.phase(),
            waits.unwrap_or_default()
        );
        let symptom = Symptom::new(Source::Pod, text);
        // The engine waits, and fails with it when the wait is over.
        Err(diagnosis.into_error(&symptom, chain).retryable())
    }

    async fn judge_injection(
        &self,
        probe: &Probe,
        facts: &Facts,
        context: &Context,
    ) -> Result<Observation, StepError> {
        let wrong = probe.injection(&facts.get(&ROLE_ARN)?);
        let ours = probe.run().is_some();
        if wrong.is_empty() {
            let node = probe.object["spec"]["nodeName"]
                .as_str()
                .unwrap_or("a node");
            let observation = Observation::satisfied(format!(
                "`{POD}` runs on {node}; role, token file and volume are injected"
            ))
            .with(
                &PROBE,
                &ProbeFact {
                    uid: probe.uid().to_owned(),
                },
            );
            let observation = if probe.asks_itself() {
                observation.notice("exec is forbidden in this namespace, so the Pod's containers ask by themselves")
            } else {
                observation
            };
            return Ok(if ours {
                observation
            } else {
                observation.notice(format!("Pod `{POD}` was there before; it is used and left"))
            });
        }
        let text = format!("Pod `{POD}` is not as injected: {}", wrong.join("; "));
        let symptom = Symptom::new(Source::Pod, text.clone());
        let prober = self.workload.prober(facts, context)?;
        let Some(diagnosis) = prober.diagnose_injection(&probe.object).await else {
            let chain = self.without_pod(facts, &text)?;
            // The role is there; what the webhook adds beside it follows the account's annotations.
            let Workload {
                name, namespace, ..
            } = &self.workload;
            return Err(StepError::verification(text)
                .hint(format!("unless it is meant so, remove the annotations that change it: `kubectl annotate serviceaccount {name} -n {namespace} eks.amazonaws.com/audience- eks.amazonaws.com/token-expiration-`"))
                .hint(format!("`kubectl get pod {POD} -n {namespace} -o yaml` shows the whole Pod"))
                .with_chain(chain));
        };
        if ours && diagnosis.cause_id == Some("pod-older") {
            // Ours, and older than the annotation: a new one has what this one lacks.
            return Ok(Observation::differs(self.changes(true)));
        }
        let link = diagnosis.link;
        let mut chain = self.without_pod(facts, &diagnosis.cause)?;
        if let Some(link) = link {
            chain.set(link, LinkState::Broken, diagnosis.cause.clone());
        }
        Err(diagnosis.into_error(&symptom, chain))
    }

    async fn not_created(
        &self,
        error: &ClusterError,
        facts: &Facts,
        context: &Context,
    ) -> StepError {
        if matches!(
            error.kind,
            ClusterErrorKind::Unauthorized | ClusterErrorKind::Unreachable
        ) {
            return unproven(error.clone());
        }
        let symptom = Symptom::from(error);
        let prober = match self.workload.prober(facts, context) {
            Ok(prober) => prober,
            Err(error) => return error,
        };
        let (diagnosis, _) = prober.diagnose(&symptom, false).await;
        match self.without_pod(facts, &diagnosis.cause) {
            Ok(chain) => diagnosis.into_error(&symptom, chain),
            Err(error) => error,
        }
    }

    /// The chain as it was proven without a Pod: the token's way into a Pod is not.
    fn without_pod(&self, facts: &Facts, why: &str) -> Result<Chain, StepError> {
        let workload = &self.workload;
        let mut chain = workload.proven(true, "", &facts.get(&SESSION)?, "answers without a Pod");
        chain.set(
            Link::Token,
            LinkState::Unknown,
            format!("no Pod holds it: {why}"),
        );
        Ok(chain)
    }
}

/// Returns the Pod, if there is one.
pub(super) async fn find(
    client: &Cluster,
    workload: &Workload,
) -> Result<Option<Probe>, StepError> {
    let found = client.read(&address(workload)).await.map_err(unproven)?;
    Ok(found.map(|object| Probe { object }))
}

/// Returns what names the Pod.
pub(super) fn address(workload: &Workload) -> Value {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": POD, "namespace": workload.namespace },
    })
}

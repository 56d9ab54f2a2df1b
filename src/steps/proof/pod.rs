//! The documented test Pod: started, waited for, and looked at for what the webhook injects.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ground::Ground;
use super::probe::{Probe, Said, TestPod, asking_itself, labelled, restricted};
use super::workload::{POD, Workload, unproven};
use crate::clients::cluster::{Cluster, ClusterError, ClusterErrorKind, Creation};
use crate::engine::{
    Change, Context, FactKey, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb, When,
};
use crate::steps::atlas::{PodEvent, Source, Symptom, diagnose_pod};

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

/// What the atlas calls a Pod that is older than what gives it its identity.
const OLDER: [&str; 2] = ["pod-older", "az-pod-older"];

/// Starts the Pod and waits until it is ready.
pub struct VerifyPod<G> {
    /// Whose Pod it is.
    pub ground: G,
}

#[async_trait]
impl<G: Ground> Step for VerifyPod<G> {
    fn meta(&self) -> StepMeta {
        let test = self.ground.test_pod();
        let mut needs = self.ground.needs();
        needs.extend(test.proven);
        StepMeta {
            needs,
            gives: vec![PROBE.name()],
            after: vec![test.after],
            settle: STARTING,
            touches: Some("starts the Pod `rok-verify-storage-access`, and removes it again"),
            when: When::AfterChanges,
            ..StepMeta::new("rok.verify-pod", test.title, Phase::Verify)
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let workload = self.ground.workload();
        let client = workload.access.client().await?;
        let Some(probe) = find(client, workload, &self.ground.test_pod()).await? else {
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
        let workload = self.ground.workload();
        let client = workload.access.client().await?;
        let test = self.ground.test_pod();
        let manifest = workload.manifest(test.manifest, "Pod").await?;
        let manifest = labelled(manifest, &context.run);
        let manifest = if Box::pin(self.may_exec(client)).await? {
            manifest
        } else {
            asking_itself(manifest, &test.questions)
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

impl<G: Ground> VerifyPod<G> {
    fn changes(&self, replaces: bool) -> Vec<Change> {
        let name = format!("{}/{POD}", self.ground.workload().namespace);
        let mut changes = Vec::new();
        if replaces {
            changes.push(Change::new(Verb::Delete, "Pod", name.clone()));
        }
        let manifest = format!("manifest: {}\n", self.ground.test_pod().manifest);
        changes.push(Change::new(Verb::Create, "Pod", name).after(manifest));
        changes
    }

    /// Removes a Pod of an earlier proof that has the name. One that somebody made by hand is used
    /// and left.
    async fn make_room(&self, client: &Cluster) -> Result<(), StepError> {
        let workload = self.ground.workload();
        let Some(old) = find(client, workload, &self.ground.test_pod()).await? else {
            return Err(StepError::failed(format!("Pod `{POD}` was there until now")).retryable());
        };
        if old.run().is_none() {
            return Ok(());
        }
        client
            .delete_exact(&address(workload), old.uid())
            .await
            .map_err(unproven)?;
        Err(StepError::failed(format!("an older Pod `{POD}` is being removed")).retryable())
    }

    /// Whether commands may be run in a Pod. Current servers ask for both rights.
    async fn may_exec(&self, client: &Cluster) -> Result<bool, StepError> {
        let namespace = Some(self.ground.workload().namespace.as_str());
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
        let namespace = &self.ground.workload().namespace;
        let events = client.pod_events(namespace, probe.uid()).await;
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
        let prober = self.ground.prober(facts, context)?;
        let Some(diagnosis) = diagnose_pod(prober.place(), &probe.object, &events) else {
            let last = last.unwrap_or_else(|| "no events yet".into());
            let reason = format!("Pod `{POD}` is {}; {last}", probe.phase());
            if probe.has_ended() {
                return Err(StepError::verification(reason)
                    .hint(
                        "its image must keep running: `--set verify_image=IMAGE` takes another one",
                    )
                    .with_chain(self.ground.without_pod(facts, "its Pod ended at once")?));
            }
            return Ok(Observation::pending(reason));
        };
        let chain = self.ground.without_pod(facts, &diagnosis.cause)?;
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
        let wrong = self.ground.faults(probe, facts)?;
        let ours = probe.run().is_some();
        if wrong.is_empty() {
            let node = probe.object["spec"]["nodeName"]
                .as_str()
                .unwrap_or("a node");
            let observation =
                Observation::satisfied(format!("`{POD}` runs on {node}; {}", probe.test.holds))
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
        let prober = self.ground.prober(facts, context)?;
        let Some(diagnosis) = prober.diagnose_injection(&probe.object).await else {
            let chain = self.ground.without_pod(facts, &text)?;
            // The identity is there; what is added beside it follows the account's annotations.
            let namespace = &self.ground.workload().namespace;
            return Err(StepError::verification(text)
                .hint(probe.test.odd.clone())
                .hint(format!(
                    "`kubectl get pod {POD} -n {namespace} -o yaml` shows the whole Pod"
                ))
                .with_chain(chain));
        };
        if ours && diagnosis.cause_id.is_some_and(|id| OLDER.contains(&id)) {
            // Ours, and older than the annotation: a new one has what this one lacks.
            return Ok(Observation::differs(self.changes(true)));
        }
        let link = diagnosis.link;
        let mut chain = self.ground.without_pod(facts, &diagnosis.cause)?;
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
        let prober = match self.ground.prober(facts, context) {
            Ok(prober) => prober,
            Err(error) => return error,
        };
        let (diagnosis, _) = prober.diagnose(&symptom, false).await;
        match self.ground.without_pod(facts, &diagnosis.cause) {
            Ok(chain) => diagnosis.into_error(&symptom, chain),
            Err(error) => error,
        }
    }
}

/// Returns the Pod, if there is one.
pub(super) async fn find(
    client: &Cluster,
    workload: &Workload,
    test: &TestPod,
) -> Result<Option<Probe>, StepError> {
    let found = client.read(&address(workload)).await.map_err(unproven)?;
    let test = test.clone();
    Ok(found.map(|object| Probe { object, test }))
}

/// Returns what names the Pod.
pub(super) fn address(workload: &Workload) -> Value {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": POD, "namespace": workload.namespace },
    })
}

/// Returns the Pod that was found ready, and no other.
pub(super) async fn probe_of<G: Ground>(ground: &G, facts: &Facts) -> Result<Probe, StepError> {
    let wanted = facts.get(&PROBE)?;
    let workload = ground.workload();
    let client = workload.access.client().await?;
    match find(client, workload, &ground.test_pod()).await? {
        Some(probe) if probe.uid() == wanted.uid => Ok(probe),
        Some(_) => Err(StepError::failed(format!(
            "Pod `{POD}` was replaced by somebody else"
        ))),
        None => Err(StepError::failed(format!(
            "Pod `{POD}` was removed by somebody else"
        ))),
    }
    .map_err(|error| error.hint("start again once nobody else verifies this cluster"))
}

/// The Pod could not be asked, or the cloud refused what it asked: says why. `acted` tells whether
/// this run changed what it depends on.
pub(super) async fn untold<G: Ground, T>(
    ground: &G,
    probe: &Probe,
    said: Said,
    acted: bool,
    facts: &Facts,
    context: &Context,
) -> Result<T, StepError> {
    let (symptom, is_heard) = match said {
        Said::Trouble(symptom) => (symptom, true),
        Said::Unheard(symptom) => (symptom, false),
        Said::Output(text) => (Symptom::new(Source::Pod, text), true),
    };
    let prober = ground.prober(facts, context)?;
    let (diagnosis, mut chain) = prober.diagnose(&symptom, acted).await;
    if !is_heard {
        // What was looked at without the Pod says nothing of the token in it.
        let note = format!("not read in the Pod: {}", diagnosis.cause);
        chain.set(Link::Token, LinkState::Unknown, note);
    }
    let mut error = diagnosis.into_error(&symptom, chain);
    if error.retry && probe.asks_itself() {
        error.retry = false;
        error = error.hint(
            "exec is forbidden, so the Pod asked once: `rok-deploy verify` asks again in a while",
        );
    }
    Err(error)
}

/// Reads the payload of a token, as it stands between its two dots.
pub(super) fn decode(payload: &str) -> Result<Value, String> {
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim());
    let bytes = bytes.map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

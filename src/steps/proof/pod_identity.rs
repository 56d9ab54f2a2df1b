//! What the Pod holds and who it is: six claims of its token, and AWS's own word.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::claims::Claims;
use super::pod::{PROBE, find};
use super::probe::{Probe, Question, Said};
use super::workload::{POD, Workload};
use crate::engine::{
    Context, FactKey, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError,
    StepMeta, When,
};
use crate::steps::atlas::{Source, Symptom, diagnose_caller};
use crate::steps::aws::ISSUER;

/// Who AWS takes the Pod for.
pub(super) const POD_CALLER: FactKey<String> = FactKey::new("rok.pod-identity.caller");

/// Reads the token's claims in the Pod, and asks AWS who it is.
pub struct PodIdentity {
    /// Whose Pod it is.
    pub workload: Workload,
}

#[async_trait]
impl Step for PodIdentity {
    fn meta(&self) -> StepMeta {
        let mut needs = Workload::needs();
        needs.push(PROBE.name());
        StepMeta {
            needs,
            gives: vec![POD_CALLER.name()],
            after: vec!["rok.verify-pod"],
            settle: Settle::IDENTITY,
            when: When::AfterChanges,
            ..StepMeta::new(
                "rok.pod-identity",
                "Pod is the role, by its own token",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let workload = &self.workload;
        let probe = probe_of(workload, facts).await?;
        let payload = match self.ask(&probe, Question::Claims).await? {
            Said::Output(text) => decode(&text)?,
            other => return untold(workload, other, facts, context).await,
        };
        let differences = Claims::of(&payload).compare_in_pod(
            &facts.get(&ISSUER)?,
            &workload.namespace,
            &workload.name,
            POD,
        );
        if !differences.is_empty() {
            let chain = workload.prober(facts, context)?.chain().await;
            return Err(differences.into_error("the token in the Pod", chain));
        }
        let caller = match self.ask(&probe, Question::Caller).await? {
            Said::Output(text) => arn(&text)?,
            other => return untold(workload, other, facts, context).await,
        };
        let prober = workload.prober(facts, context)?;
        if let Some(diagnosis) = diagnose_caller(&prober.place, &caller) {
            let text = format!("AWS takes Pod `{POD}` for {caller}");
            let symptom = Symptom::new(Source::Pod, text);
            let mut chain = prober.chain().await;
            chain.set(Link::Role, LinkState::Broken, diagnosis.cause.clone());
            return Err(diagnosis.into_error(&symptom, chain));
        }
        Ok(Observation::satisfied(format!(
            "aud, iss, sub, namespace, Pod and service account of its token are right; AWS takes it for {caller}"
        ))
        .with(&POD_CALLER, &caller))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl PodIdentity {
    async fn ask(&self, probe: &Probe, question: Question) -> Result<Said, StepError> {
        let client = self.workload.access.client().await?;
        probe.ask(question, client, &self.workload).await
    }
}

/// Returns the Pod that was found ready, and no other.
pub(super) async fn probe_of(workload: &Workload, facts: &Facts) -> Result<Probe, StepError> {
    let wanted = facts.get(&PROBE)?;
    let client = workload.access.client().await?;
    match find(client, workload).await? {
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

/// The Pod could not be asked, or AWS refused what it asked: says why.
pub(super) async fn untold<T>(
    workload: &Workload,
    said: Said,
    facts: &Facts,
    context: &Context,
) -> Result<T, StepError> {
    let (symptom, is_heard) = match said {
        Said::Trouble(symptom) => (symptom, true),
        Said::Unheard(symptom) => (symptom, false),
        Said::Output(text) => (Symptom::new(Source::Pod, text), true),
    };
    let (diagnosis, mut chain) = workload
        .prober(facts, context)?
        .diagnose(&symptom, false)
        .await;
    if !is_heard {
        // What was looked at without the Pod says nothing of the token in it.
        let note = format!("not read in the Pod: {}", diagnosis.cause);
        chain.set(Link::Token, LinkState::Unknown, note);
    }
    Err(diagnosis.into_error(&symptom, chain))
}

fn decode(payload: &str) -> Result<Value, StepError> {
    let wrong = |why: String| {
        StepError::verification(format!("the token in Pod `{POD}` cannot be read: {why}")).hint(
            format!("`kubectl exec {POD} -- cat` its AWS_WEB_IDENTITY_TOKEN_FILE and compare"),
        )
    };
    let bytes = URL_SAFE_NO_PAD
        .decode(payload.trim())
        .map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

fn arn(answer: &str) -> Result<String, StepError> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["Arn"].as_str().map(str::to_owned).ok_or_else(|| {
        StepError::verification(format!(
            "`aws sts get-caller-identity` in Pod `{POD}` named nobody"
        ))
        .hint("the image must hold a current AWS CLI: `--set verify_image=IMAGE` takes another one")
    })
}

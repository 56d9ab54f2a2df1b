//! What the Pod holds and who it is: six claims of its token, and AWS's own word.

use async_trait::async_trait;
use serde_json::Value;

use super::ground::{AwsGround, CALLER, CLAIMS};
use crate::engine::{
    Context, FactKey, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError,
    StepMeta, When,
};
use crate::steps::atlas::{Source, Symptom, diagnose_caller};
use crate::steps::proof::claims::Claims;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::pod::{PROBE, decode, probe_of, untold};
use crate::steps::proof::probe::{Probe, Said};
use crate::steps::proof::workload::POD;

/// Who AWS takes the Pod for.
pub(super) const POD_CALLER: FactKey<String> = FactKey::new("rok.pod-identity.caller");

/// Reads the token's claims in the Pod, and asks AWS who it is.
pub struct PodIdentity {
    /// Whose Pod it is.
    pub ground: AwsGround,
}

#[async_trait]
impl Step for PodIdentity {
    fn meta(&self) -> StepMeta {
        let mut needs = self.ground.needs();
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
        let ground = &self.ground;
        let probe = probe_of(ground, facts).await?;
        let payload = match self.ask(&probe, CLAIMS).await? {
            Said::Output(text) => decode(&text).map_err(unreadable)?,
            other => return untold(ground, &probe, other, false, facts, context).await,
        };
        let expected = ground.expected(facts)?;
        let differences = Claims::of(&payload).compare_in_pod(&expected, &ground.workload, POD);
        if !differences.is_empty() {
            let chain = ground.prober(facts, context)?.chain().await;
            return Err(differences.into_error("the token in the Pod", chain));
        }
        let caller = match self.ask(&probe, CALLER).await? {
            Said::Output(text) => arn(&text)?,
            other => return untold(ground, &probe, other, false, facts, context).await,
        };
        let prober = ground.prober(facts, context)?;
        if let Some(diagnosis) = diagnose_caller(prober.place(), &caller) {
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
    async fn ask(&self, probe: &Probe, question: &str) -> Result<Said, StepError> {
        let workload = &self.ground.workload;
        let client = workload.access.client().await?;
        probe.ask(question, client, workload).await
    }
}

fn unreadable(why: String) -> StepError {
    StepError::verification(format!("the token in Pod `{POD}` cannot be read: {why}")).hint(
        format!("`kubectl exec {POD} -- cat` its AWS_WEB_IDENTITY_TOKEN_FILE and compare"),
    )
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

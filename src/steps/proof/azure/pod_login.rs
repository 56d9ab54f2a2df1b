//! What the Pod holds and who it is: the claims of its token, and who the Azure CLI logs in as.
//!
//! By workload identity the token is the service account's own, by pod identity the one that the
//! node hands out.

use async_trait::async_trait;
use serde_json::Value;

use super::ground::AzureGround;
use super::questions::{CLAIMS, LOGIN};
use crate::engine::{
    Context, FactKey, Facts, LinkState, Observation, Phase, Settle, Step, StepError, StepMeta, When,
};
use crate::steps::atlas::{Diagnosis, Source, Symptom, diagnose_login, diagnose_token};
use crate::steps::azure::Method;
use crate::steps::proof::claims::Claims;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::pod::{PROBE, decode, probe_of, untold};
use crate::steps::proof::probe::{Probe, Said};
use crate::steps::proof::workload::POD;

/// Whom Azure takes the Pod for.
pub(super) const POD_CALLER: FactKey<String> = FactKey::new("azure.verify-pod-login.caller");

/// Reads the token's claims in the Pod, and logs in there.
pub struct PodLogin {
    /// Whose Pod it is.
    pub ground: AzureGround,
}

#[async_trait]
impl Step for PodLogin {
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
                "azure.verify-pod-login",
                "Pod is the identity, by a token of its own",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let ground = &self.ground;
        let probe = probe_of(ground, facts).await?;
        let claims = match self.ask(&probe, CLAIMS).await? {
            Said::Output(text) => {
                if let Ok(claims) = decode(&text) {
                    claims
                } else {
                    // What is no token is what the node said went wrong.
                    let said = Said::Trouble(Symptom::of_az(&text));
                    return self.untold(&probe, said, facts, context).await;
                }
            }
            other => return self.untold(&probe, other, facts, context).await,
        };
        match ground.identity.method {
            Method::WorkloadIdentity => {
                let expected = ground.expected(facts)?;
                let differences =
                    Claims::of(&claims).compare_in_pod(&expected, &ground.workload, POD);
                if !differences.is_empty() {
                    let chain = ground.prober(facts, context)?.chain().await;
                    return Err(differences.into_error("the token in the Pod", chain));
                }
            }
            Method::PodIdentity => {
                let place = ground.prober(facts, context)?;
                if let Some(diagnosis) = diagnose_token(place.place(), &claims) {
                    let text = format!("the node took Pod `{POD}` for {}", claims["xms_mirid"]);
                    return self.is_another(diagnosis, text, facts, context).await;
                }
            }
        }
        let user = match self.ask(&probe, LOGIN).await? {
            Said::Output(text) => logged_in(&text)?,
            other => return self.untold(&probe, other, facts, context).await,
        };
        let prober = ground.prober(facts, context)?;
        if let Some(diagnosis) = diagnose_login(ground.kind(), prober.place(), &user) {
            let text = format!("the Azure CLI in Pod `{POD}` logged in as {user}");
            return self.is_another(diagnosis, text, facts, context).await;
        }
        let caller = &ground.identity.name;
        let read = match ground.identity.method {
            Method::WorkloadIdentity => {
                "aud, iss, sub, namespace, Pod and service account of its token are right"
            }
            Method::PodIdentity => "its token names the identity",
        };
        Ok(
            Observation::satisfied(format!("{read}; it logged in as `{caller}`"))
                .with(&POD_CALLER, caller),
        )
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl PodLogin {
    async fn ask(&self, probe: &Probe, question: &str) -> Result<Said, StepError> {
        let workload = &self.ground.workload;
        let client = workload.access.client().await?;
        probe.ask(question, client, workload).await
    }

    /// A login that is refused may be one that Azure has not heard of yet.
    async fn untold<T>(
        &self,
        probe: &Probe,
        said: Said,
        facts: &Facts,
        context: &Context,
    ) -> Result<T, StepError> {
        let acted = context.has_acted(self.ground.area());
        untold(&self.ground, probe, said, acted, facts, context).await
    }

    async fn is_another<T>(
        &self,
        diagnosis: Diagnosis,
        text: String,
        facts: &Facts,
        context: &Context,
    ) -> Result<T, StepError> {
        let mut chain = self.ground.prober(facts, context)?.chain().await;
        if let Some(link) = diagnosis.link {
            chain.set(link, LinkState::Broken, diagnosis.cause.clone());
        }
        Err(diagnosis.into_error(&Symptom::new(Source::Pod, text), chain))
    }
}

/// Reads who the Azure CLI logged in as: the user of its first subscription.
fn logged_in(answer: &str) -> Result<Value, StepError> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let user = answer[0]["user"].clone();
    if user.is_object() {
        return Ok(user);
    }
    Err(
        StepError::verification(format!("`az login` in Pod `{POD}` named nobody")).hint(
            "the image must hold a current Azure CLI: `--set verify_image=IMAGE` takes another one",
        ),
    )
}

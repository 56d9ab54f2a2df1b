//! Looks at every link of the chain by requests that change nothing, and names the cause.

use serde_json::Value;

use super::causes::{NOT_ANNOTATED, OTHER_ROLE, POD_OLDER, WEBHOOK};
use super::diagnosis::{Diagnosis, conclude};
use super::place::Place;
use super::pod;
use super::symptom::Symptom;
use super::verdict::{ROLE_ANNOTATION, judge};
use crate::clients::aws::Aws;
use crate::engine::Chain;
use crate::steps::cluster::ClusterAccess;

/// Looks at the chain and tells what is behind a failure.
pub struct Prober {
    /// The account.
    pub aws: Aws,
    /// The way to the cluster; none where it is left out.
    pub access: Option<ClusterAccess>,
    /// What messages and commands may name.
    pub place: Place,
}

impl Prober {
    /// Looks at every link. What may not be looked at stays unknown, with the reason.
    pub async fn chain(&self) -> Chain {
        let evidence = Box::pin(self.look()).await;
        judge(&self.place, &evidence).chain
    }

    /// Finds out what is behind a symptom. After a change of this very run (`acted`) a chain that
    /// holds means that the cloud has not heard of it yet.
    pub async fn diagnose(&self, symptom: &Symptom, acted: bool) -> (Diagnosis, Chain) {
        let evidence = Box::pin(self.look()).await;
        let judged = judge(&self.place, &evidence);
        let diagnosis = conclude(&self.place, symptom, &evidence, &judged, acted);
        (diagnosis, judged.chain)
    }

    /// Finds out why a Pod got no role, or another one: its account is not annotated, it is older
    /// than the annotation, or the webhook is off. None when it has the role.
    pub async fn diagnose_injection(&self, pod: &Value) -> Option<Diagnosis> {
        let place = &Place {
            pod: pod["metadata"]["name"]
                .as_str()
                .map_or_else(|| self.place.pod.clone(), str::to_owned),
            ..self.place.clone()
        };
        let injected = pod::injected_role(pod);
        if injected == Some(&place.role_arn) {
            return None;
        }
        let because = |cause, found: &str| Some(Diagnosis::of(None, cause, place, found));
        let account = match self.account().await {
            Ok(Some(account)) => account,
            Ok(None) => return because(&super::causes::ACCOUNT_MISSING, "none"),
            Err(why) => return because(&WEBHOOK, &format!("no role in the Pod; {why}")),
        };
        match account["metadata"]["annotations"][ROLE_ANNOTATION].as_str() {
            None => return because(&NOT_ANNOTATED, "none"),
            Some(annotated) if annotated != place.role_arn => {
                return because(&OTHER_ROLE, annotated);
            }
            Some(_) => {}
        }
        if let (Some(made), Some(annotated)) = (pod::created(pod), pod::annotated_at(&account))
            && made < annotated
        {
            let ages = format!("Pod of {made}, annotation of {annotated}");
            return because(&POD_OLDER, &ages);
        }
        match self.twin(pod).await {
            Ok(twin) if pod::injected_role(&twin) == Some(&place.role_arn) => {
                because(&POD_OLDER, "a Pod made now gets the role")
            }
            Ok(_) => because(&WEBHOOK, "a Pod made now would get no role either"),
            Err(why) => because(
                &WEBHOOK,
                &format!("no role in the Pod, and no dry run to tell why: {why}"),
            ),
        }
    }

    /// What the cluster would make of the same Pod today.
    async fn twin(&self, pod: &Value) -> Result<Value, String> {
        let access = self.access.as_ref().ok_or("the cluster is left out")?;
        let client = access.client().await.map_err(|error| error.message)?;
        client
            .create_dry_run(&pod::blueprint(pod))
            .await
            .map_err(|error| error.to_string())
    }
}

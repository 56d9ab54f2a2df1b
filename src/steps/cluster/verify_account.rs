//! The service account that the proof speaks for.
//!
//! Where Rok is deployed already its own account is there: it is used and left as it is. Where it
//! is not, a labelled one stands in for it.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::access::{ClusterAccess, refused};
use super::context::CLUSTER_UID;
use crate::clients::cluster::Creation;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::aws::ROLE_ARN;

/// The annotation that names the role to assume.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// Creates the service account when it is absent.
pub struct VerifyAccount {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The account's namespace.
    pub namespace: String,
    /// The account's name, which is the Rok cluster's.
    pub name: String,
}

#[async_trait]
impl Step for VerifyAccount {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name(), ROLE_ARN.name()],
            settle: Settle::SHORT,
            touches: Some(
                "creates the Rok service account, labelled `rok-verify`, where it is absent",
            ),
            ..StepMeta::new(
                "rok.verify-account",
                "Service account of Rok",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let role = facts.get(&ROLE_ARN)?;
        let client = self.access.client().await?;
        let place = format!("{}/{}", self.namespace, self.name);
        let found = client
            .service_account(&self.namespace, &self.name)
            .await
            .map_err(refused)?;
        let Some(account) = found else {
            let after = format!("{ROLE_ANNOTATION}: {role}\n");
            return Ok(Observation::differs(vec![
                Change::new(Verb::Create, "service account", place).after(after),
            ]));
        };
        match account.annotations.get(ROLE_ANNOTATION) {
            Some(annotated) if *annotated == role => {
                Ok(Observation::satisfied(format!("`{place}` is annotated with the role")))
            }
            Some(other) => Err(StepError::verification(format!(
                "service account `{place}` is annotated with another role: found {other}, expected {role}"
            ))
            .hint(format!(
                "if it is yours: `kubectl annotate serviceaccount {} -n {} {ROLE_ANNOTATION}={role} --overwrite`",
                self.name, self.namespace
            ))),
            // The token proves the chain all the same; Pods will lack the injection.
            None => Ok(Observation::satisfied(format!("`{place}` exists")).notice(format!(
                "service account `{place}` has no annotation {ROLE_ANNOTATION}; its Pods get no role until Rok's manifests set it"
            ))),
        }
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let account = self.manifest(&facts.get(&ROLE_ARN)?);
        // An account that appeared meanwhile is not ours and is as good.
        match self
            .access
            .client()
            .await?
            .create(&account)
            .await
            .map_err(refused)?
        {
            Creation::Created(_) | Creation::AlreadyExists => Ok(()),
        }
    }
}

impl VerifyAccount {
    fn manifest(&self, role: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": { "app.kubernetes.io/part-of": "rok-verify" },
                "annotations": { ROLE_ANNOTATION: role },
            }
        })
    }
}

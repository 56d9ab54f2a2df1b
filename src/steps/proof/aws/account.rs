//! The service account that the proof speaks for.
//!
//! Where Rok is deployed already its own account is there: it is used and left as it is. Where it
//! is not, the labelled one of the clone's manifest stands in for it until the proof is over.

use async_trait::async_trait;

use super::ground::AwsGround;
use crate::clients::cluster::Creation;
use crate::engine::{
    Change, Context, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError, StepMeta,
    Verb,
};
use crate::steps::atlas::ROLE_ANNOTATION;
use crate::steps::aws::ROLE_ARN;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::workload::{PART_OF, is_ours, unproven};

/// The manifest, in the clone.
const MANIFEST: &str = "rok/rok-test/rok-verify-service-account-eks.yaml";

/// Creates the service account when it is absent.
pub struct VerifyAccount {
    /// Whose account it is.
    pub ground: AwsGround,
}

#[async_trait]
impl Step for VerifyAccount {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: self.ground.needs(),
            settle: Settle::SHORT,
            touches: Some(
                "creates the Rok service account, labelled `rok-verify`, where it is absent, and removes it again",
            ),
            ..StepMeta::new(
                "rok.verify-account",
                "Service account of Rok",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let role = facts.get(&ROLE_ARN)?;
        let place = self.ground.workload.place();
        let annotation = format!("{ROLE_ANNOTATION}: {role}\n");
        let Some(account) = self.ground.workload.account().await? else {
            return Ok(Observation::differs(vec![
                Change::new(Verb::Create, "service account", place).after(annotation),
            ]));
        };
        match account.annotations.get(ROLE_ANNOTATION) {
            Some(annotated) if *annotated == role => Ok(Observation::satisfied(format!(
                "`{place}` is annotated with the role"
            ))),
            annotated if is_ours(&account) => {
                let before = annotated.map(|other| format!("{ROLE_ANNOTATION}: {other}\n"));
                Ok(Observation::differs(vec![
                    Change::new(Verb::Update, "service account", place)
                        .before(before.unwrap_or_default())
                        .after(annotation),
                ]))
            }
            Some(other) => Err(self.of_another_role(other, &role, facts, context).await?),
            // The token proves the chain all the same; a Pod of it lacks the injection.
            None => Ok(Observation::satisfied(format!("`{place}` exists")).notice(format!(
                "service account `{place}` has no annotation {ROLE_ANNOTATION}; its Pods get no role until Rok's manifests set it"
            ))),
        }
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let mut account = self
            .ground
            .workload
            .manifest(MANIFEST, "ServiceAccount")
            .await?;
        account["metadata"]["annotations"][ROLE_ANNOTATION] = facts.get(&ROLE_ARN)?.into();
        account["metadata"]["labels"][PART_OF.0] = PART_OF.1.into();
        let client = self.ground.workload.access.client().await?;
        if let Creation::Created(_) = client.create(&account).await.map_err(unproven)? {
            return Ok(());
        }
        let Some(found) = self.ground.workload.account().await?.filter(is_ours) else {
            // One that appeared meanwhile is not ours and is as good.
            return Ok(());
        };
        // Made anew rather than changed: whoever made it, no field of it is contested.
        client
            .delete_exact(&account, &found.uid)
            .await
            .map_err(unproven)?;
        client.create(&account).await.map_err(unproven)?;
        Ok(())
    }
}

impl VerifyAccount {
    /// Somebody else's account, for another role: what of the chain holds all the same is shown.
    async fn of_another_role(
        &self,
        found: &str,
        role: &str,
        facts: &Facts,
        context: &Context,
    ) -> Result<StepError, StepError> {
        let workload = &self.ground.workload;
        let text = format!("found {found}, expected {role}");
        let mut chain = self.ground.prober(facts, context)?.chain().await;
        chain.set(Link::ServiceAccount, LinkState::Broken, &text);
        Ok(StepError::verification(format!(
            "service account `{}` is annotated with another role: {text}",
            workload.place()
        ))
        .hint(format!(
            "if it is yours: `kubectl annotate serviceaccount {} -n {} {ROLE_ANNOTATION}={role} --overwrite`",
            workload.name, workload.namespace
        ))
        .hint("if that role is the right one: `--set aws_identity_method=existing`, and its name as `aws_s3_role`")
        .with_chain(chain))
    }
}

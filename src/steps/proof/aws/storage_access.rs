//! Proves the chain without a Pod: a token of the service account, a session of the role, a
//! request to S3.
//!
//! The token comes from the TokenRequest API, so it is the very token that a Pod would hold, less
//! the Pod. Nothing is created: a bucket that does not exist is proof enough, since S3 tells so
//! only to those who may ask.

use async_trait::async_trait;

use super::ground::{AwsGround, listed};
use crate::clients::cluster::token_claims;
use crate::engine::{
    Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta,
};
use crate::steps::atlas::{ROLE_ANNOTATION, Symptom};
use crate::steps::aws::ROLE_ARN;
use crate::steps::aws::policy::AUDIENCE;
use crate::steps::names;
use crate::steps::proof::claims::Claims;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::workload::unproven;

/// The session that the proof without a Pod got: who asks for more may start a Pod.
pub(super) const SESSION: FactKey<String> = FactKey::new("rok.storage-access.session");

/// How long the token of the proof lives, in seconds: the shortest that Kubernetes gives.
const TOKEN_SECONDS: i64 = 600;

/// Walks the chain.
pub struct StorageAccess {
    /// Whose chain it is.
    pub ground: AwsGround,
}

#[async_trait]
impl Step for StorageAccess {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: self.ground.needs(),
            gives: vec![SESSION.name()],
            after: vec!["rok.verify-account"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "rok.storage-access",
                "Service account reaches its buckets",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let ground = &self.ground;
        let workload = &ground.workload;
        let client = workload.access.client().await?;
        let (token, account) = tokio::try_join!(
            client.request_token(&workload.namespace, &workload.name, AUDIENCE, TOKEN_SECONDS),
            client.service_account(&workload.namespace, &workload.name),
        )
        .map_err(unproven)?;
        let claims = Claims::of(&token_claims(&token).map_err(unproven)?);
        let differences = claims.compare(&ground.expected(facts)?);
        if !differences.is_empty() {
            let chain = ground.prober(facts, context)?.chain().await;
            return Err(differences.into_error("the service account's token", chain));
        }
        let session = format!("rok-deploy-{}", context.run);
        let assumed = ground
            .aws
            .assume_role_with_web_identity(&facts.get(&ROLE_ARN)?, &session, token.secret.expose())
            .await;
        let session = match assumed {
            Ok(session) => session,
            Err(error) => return ground.judge(&Symptom::from(&error), facts, context).await,
        };
        let bucket = names::probe_bucket(&ground.prefix);
        let answer = ground
            .aws
            .list_object_versions(&bucket, Some(&session))
            .await;
        let found = match answer {
            Ok(listing) => listed(&bucket, Some(listing.versions > 0)),
            Err(error) if error.code.as_deref() == Some("NoSuchBucket") => listed(&bucket, None),
            Err(error) => return ground.judge(&Symptom::from(&error), facts, context).await,
        };
        let annotated =
            account.is_some_and(|account| account.annotations.contains_key(ROLE_ANNOTATION));
        let how = "Kubernetes issues it, without a Pod";
        let chain = ground.proven(annotated, how, &session.arn, &found);
        Ok(Observation::satisfied(format!(
            "`{}` became {}, {found}",
            workload.place(),
            session.arn
        ))
        .with(&SESSION, &session.arn)
        .with_chain(chain))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

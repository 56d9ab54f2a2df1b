//! Proves the chain of workload identity without a Pod: a token of the service account, a token of
//! the identity for it, a request to the storage account.
//!
//! The token comes from the TokenRequest API, so it is the very token that a Pod would hold, less
//! the Pod. Nothing is created: a container that does not exist is proof enough, since Azure tells
//! so only to those who may ask.

use async_trait::async_trait;

use super::ground::{AzureGround, PROVEN, listed};
use crate::clients::azure::{AccessToken, AzureError, Token};
use crate::clients::cluster::{ServiceAccountInfo, token_claims};
use crate::engine::{
    Context, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError, StepMeta,
};
use crate::steps::atlas::Symptom;
use crate::steps::azure::{
    BLOB_ENDPOINT, CLIENT_ID_ANNOTATION, IDENTITY_CLIENT_ID, IDENTITY_PRINCIPAL_ID, TENANT, refused,
};
use crate::steps::proof::claims::Claims;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::workload::unproven;

/// How long the token of the proof lives, in seconds: the shortest that Kubernetes gives.
const TOKEN_SECONDS: i64 = 600;

/// Walks the chain.
pub struct StorageAccess {
    /// Whose chain it is.
    pub ground: AzureGround,
}

#[async_trait]
impl Step for StorageAccess {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: self.ground.needs(),
            gives: vec![PROVEN.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.storage-access",
                "Service account reaches its containers",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let ground = &self.ground;
        let workload = &ground.workload;
        let account = workload.account().await?;
        if let Some(error) = self.account_fault(account.as_ref(), facts, context).await? {
            return Err(error);
        }
        let expected = ground.expected(facts)?;
        let client = workload.access.client().await?;
        let token = client
            .request_token(
                &workload.namespace,
                &workload.name,
                &expected.audience,
                TOKEN_SECONDS,
            )
            .await
            .map_err(unproven)?;
        let claims = Claims::of(&token_claims(&token).map_err(unproven)?);
        let differences = claims.compare(&expected);
        if !differences.is_empty() {
            let chain = ground.prober(facts, context)?.chain().await;
            return Err(differences.into_error("the service account's token", chain));
        }
        let scope = format!("{}/.default", ground.azure.cloud().storage_audience);
        let (tenant, client_id) = (facts.get(&TENANT)?, facts.get(&IDENTITY_CLIENT_ID)?);
        let assertion = token.secret.expose();
        let exchanged = ground
            .azure
            .exchange(&tenant, &client_id, assertion, &scope);
        let became = match exchanged.await {
            Ok(became) => became,
            Err(error) => return self.refused(error, facts, context).await,
        };
        self.is_the_identity(&became, facts)?;
        let container = ground.identity.probe_container();
        let endpoint = facts.get(&BLOB_ENDPOINT)?;
        let answer = ground
            .azure
            .list_blobs(&endpoint, &container, Token::Of(&became))
            .await;
        let found = match answer {
            Ok(listing) => listed(&container, listing.map(|listing| !listing.blobs.is_empty())),
            Err(error) => return self.refused(error, facts, context).await,
        };
        let name = &ground.identity.name;
        let chain = ground.proven("Kubernetes issues it, without a Pod", facts, &found)?;
        Ok(Observation::satisfied(format!(
            "`{}` became managed identity `{name}`, {found}",
            workload.place()
        ))
        .with(&PROVEN, name)
        .with_chain(chain))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl StorageAccess {
    /// A Pod of the account gets the identity that its annotation names, and no other. The cloud
    /// would take the token all the same, so only a look tells.
    async fn account_fault(
        &self,
        account: Option<&ServiceAccountInfo>,
        facts: &Facts,
        context: &Context,
    ) -> Result<Option<StepError>, StepError> {
        let annotated = account.and_then(|account| account.annotations.get(CLIENT_ID_ANNOTATION));
        if annotated == Some(&facts.get(&IDENTITY_CLIENT_ID)?) {
            return Ok(None);
        }
        let prober = self.ground.prober(facts, context)?;
        let (weakness, chain) = prober.weakness(&[Link::ServiceAccount]).await;
        // It may be annotated by now.
        Ok(weakness.map(|diagnosis| diagnosis.into_verdict(chain)))
    }

    /// What is only busy says nothing of the chain.
    async fn refused<T: Send>(
        &self,
        error: AzureError,
        facts: &Facts,
        context: &Context,
    ) -> Result<T, StepError> {
        if error.is_transient() {
            return Err(refused(error));
        }
        self.ground
            .judge(&Symptom::from(&error), facts, context)
            .await
    }

    /// Entra names the identity in the token that it gives.
    fn is_the_identity(&self, became: &AccessToken, facts: &Facts) -> Result<(), StepError> {
        let principal = facts.get(&IDENTITY_PRINCIPAL_ID)?;
        let client = facts.get(&IDENTITY_CLIENT_ID)?;
        for (claim, found, expected) in [
            ("oid", &became.object_id, principal),
            ("appid", &became.client_id, client),
        ] {
            let Some(found) = found.as_ref().filter(|found| **found != expected) else {
                continue;
            };
            let text = format!("`{claim}`: found {found}, expected {expected}");
            let mut chain = self.ground.proven("Kubernetes issues it", facts, "")?;
            chain.set(Link::ManagedIdentity, LinkState::Broken, text.clone());
            for link in [Link::RoleAssignment, Link::StorageAccount, Link::Container] {
                chain.set(link, LinkState::Unknown, "not reached");
            }
            return Err(StepError::verification(format!(
                "Entra's token is of another identity: {text}"
            ))
            .hint("`rok-deploy run` looks the identity up anew: it was made again since")
            .with_chain(chain));
        }
        Ok(())
    }
}

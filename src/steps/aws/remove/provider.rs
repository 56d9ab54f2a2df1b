//! Deletes the cluster's OIDC provider, when we made it and no role of others trusts it.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::role::ROLE_STAYS;
use super::stack::{STACK, in_stack};
use super::{Found, Removal, denied, stays};
use crate::clients::aws::OidcProvider;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::aws::Identity;

/// How many providers are asked for at a time; an account has a hundred at most.
const SIDE_BY_SIDE: usize = 8;

/// Deletes the provider.
pub struct RemoveProvider {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveProvider {
    fn meta(&self) -> StepMeta {
        let mut needs = Identity::NEEDS.to_vec();
        needs.extend([ROLE_STAYS.name(), STACK.name()]);
        StepMeta {
            needs,
            after: vec!["aws.remove-role"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.remove-provider",
                "IAM OIDC provider is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let provider = match self.provider(facts).await? {
            Found::Absent => return Ok(Observation::satisfied("not there")),
            Found::Foreign(why) => return Ok(stays("the cluster's OIDC provider", &why)),
            Found::Ours(provider) => provider,
        };
        let arn = &provider.arn;
        let what = format!("OIDC provider `{arn}`");
        if let Some(seen) = in_stack(facts, &what, arn)? {
            return Ok(seen);
        }
        let goes = !facts.get(&ROLE_STAYS)?;
        let others = self.removal.others_trusting(arn, goes).await?;
        if others.is_empty() {
            let delete = Change::new(Verb::Delete, "OIDC provider", arn);
            return Ok(Observation::differs(vec![delete]));
        }
        let why = format!("others trust it: {}", others.join(", "));
        Ok(stays(&what, &why))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        if let Found::Ours(provider) = self.provider(facts).await? {
            let deleted = self.removal.aws.delete_oidc_provider(&provider.arn).await;
            deleted.map_err(denied)?;
        }
        Ok(())
    }
}

impl RemoveProvider {
    /// Returns the cluster's provider: by its issuer, or where the cluster is gone and nobody knows
    /// its issuer any more, by our tags.
    async fn provider(&self, facts: &Facts) -> Result<Found<OidcProvider>, StepError> {
        let grant = self.removal.grant(facts)?;
        let aws = &self.removal.aws;
        if !grant.issuer.is_empty() {
            let provider = aws.oidc_provider(&grant.provider_arn()).await;
            let provider = provider.map_err(denied)?;
            return Ok(self.removal.judged(provider, |provider| &provider.tags));
        }
        let arns = aws.list_oidc_providers().await.map_err(denied)?;
        let reading: Vec<_> = arns
            .into_iter()
            .map(async |arn| aws.oidc_provider(&arn).await.map_err(denied))
            .collect();
        let providers: Vec<_> = stream::iter(reading)
            .buffered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let ours =
            |provider: &OidcProvider| self.removal.identity.ownership.is_ours(&provider.tags);
        let found = providers.into_iter().flatten().find(ours);
        Ok(found.map_or(Found::Absent, Found::Ours))
    }
}

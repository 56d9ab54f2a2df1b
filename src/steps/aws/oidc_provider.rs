//! The IAM OIDC provider: it lets the account trust tokens of the cluster's issuer.
//!
//! It belongs to the cluster rather than to us: other tools make it too, and other workloads use
//! it. One that is there and good enough is used as it is, whoever made it.

use async_trait::async_trait;

use super::identity::Identity;
use super::policy::AUDIENCE;
use super::{not_there_yet, refused};
use crate::clients::aws::Aws;
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
    lines,
};

/// The provider's ARN.
pub const PROVIDER_ARN: FactKey<String> = FactKey::new("aws.provider-arn");

/// Registers the cluster's issuer.
pub struct OidcProvider {
    /// The account.
    pub aws: Aws,
    /// What it is part of.
    pub identity: Identity,
}

#[async_trait]
impl Step for OidcProvider {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            gives: vec![PROVIDER_ARN.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.oidc-provider",
                "IAM OIDC provider of the cluster",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let arn = self.identity.grant(facts)?.provider_arn();
        let provider = self.aws.oidc_provider(&arn).await.map_err(refused)?;
        let observation = match provider {
            None => Observation::differs(vec![
                Change::new(Verb::Create, "OIDC provider", &arn)
                    .after(format!("client id {AUDIENCE}\n")),
            ]),
            Some(provider) if provider.client_ids.iter().any(|id| id == AUDIENCE) => {
                let whose = if self.identity.ownership.is_ours(&provider.tags) {
                    ""
                } else {
                    ", made by others"
                };
                Observation::satisfied(format!("exists with client id {AUDIENCE}{whose}"))
            }
            Some(provider) if self.identity.ownership.is_ours(&provider.tags) => {
                Observation::differs(vec![
                    Change::new(Verb::Update, "OIDC provider", &arn)
                        .before(listing(&provider.client_ids))
                        .after(lines(
                            [&provider.client_ids[..], &[AUDIENCE.into()]].concat(),
                        )),
                ])
            }
            Some(provider) => Observation::conflict(
                format!(
                    "OIDC provider `{arn}` was made by others and lacks client id `{AUDIENCE}`: found {}",
                    provider.client_ids.join(", ")
                ),
                Vec::new(),
                vec![format!(
                    "`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {AUDIENCE}`"
                )],
            ),
        };
        Ok(observation.with(&PROVIDER_ARN, &arn))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let arn = self.identity.grant(facts)?.provider_arn();
        if self
            .aws
            .oidc_provider(&arn)
            .await
            .map_err(refused)?
            .is_some()
        {
            return self
                .aws
                .add_client_id(&arn, AUDIENCE)
                .await
                .map_err(not_there_yet);
        }
        let url = format!("https://{}", self.identity.grant(facts)?.issuer);
        let tags = self.identity.ownership.tags(&context.run);
        self.aws
            .create_oidc_provider(&url, &[AUDIENCE], &tags)
            .await
            .map_err(refused)?;
        Ok(())
    }
}

fn listing(client_ids: &[String]) -> String {
    lines(client_ids.iter().map(|id| format!("client id {id}")))
}

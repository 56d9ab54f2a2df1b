//! The IAM OIDC provider: it lets the account trust tokens of the cluster's issuer.
//!
//! It belongs to the cluster rather than to us: other tools make it too, and other workloads use
//! it. One that is there and good enough is used as it is, whoever made it.

use async_trait::async_trait;

use super::adoption::{Decisions, Object};
use super::identity::Identity;
use super::policy::AUDIENCE;
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, OidcProvider as Found};
use crate::engine::{
    Change, Context, ErrorKind, FactKey, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb, lines,
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
            Some(provider) if self.may_change(&provider) => {
                Observation::differs(vec![adding(&arn, &provider)])
            }
            Some(provider) => self.in_the_way(&arn, &provider),
        };
        Ok(observation.with(&PROVIDER_ARN, &arn))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let arn = self.identity.grant(facts)?.provider_arn();
        let found = self.aws.oidc_provider(&arn).await.map_err(refused)?;
        if let Some(provider) = found {
            if !self.may_change(&provider) {
                let text = format!("OIDC provider `{arn}` was made by somebody else meanwhile");
                return Err(StepError::new(ErrorKind::Conflict, text).retryable());
            }
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

impl OidcProvider {
    /// Whether it is ours, or the operator has said that it may be changed. It gets no tags then:
    /// it stays the cluster's.
    fn may_change(&self, provider: &Found) -> bool {
        self.identity.ownership.is_ours(&provider.tags)
            || self.identity.adopt.takes_over(Object::Provider)
    }

    fn in_the_way(&self, arn: &str, provider: &Found) -> Observation {
        let found = if provider.client_ids.is_empty() {
            "none".into()
        } else {
            provider.client_ids.join(", ")
        };
        let reason = format!(
            "OIDC provider `{arn}` was made by others and lacks client id `{AUDIENCE}`: found {found}"
        );
        let choice = Decisions::taking_over(
            Object::Provider,
            "adds the client id; nothing else of it is touched",
        );
        let hints = vec![
            choice.hint(&self.identity.adopt.to_string()),
            format!(
                "or whoever made it does: `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {AUDIENCE}`"
            ),
        ];
        Observation::conflict(reason, vec![adding(arn, provider)], hints).offers(vec![choice])
    }
}

fn adding(arn: &str, provider: &Found) -> Change {
    let mut client_ids = provider.client_ids.clone();
    client_ids.push(AUDIENCE.into());
    Change::new(Verb::Update, "OIDC provider", arn)
        .before(listing(&provider.client_ids))
        .after(listing(&client_ids))
}

fn listing(client_ids: &[String]) -> String {
    lines(client_ids.iter().map(|id| format!("client id {id}")))
}

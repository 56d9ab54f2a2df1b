//! Who is calling: tenant, subscription, resource group, and whether the answers mean the same.

use async_trait::async_trait;

use super::facts::{CALLER, SUBSCRIPTION, TENANT};
use super::identity::AzureIdentity;
use super::refused::refused;
use crate::clients::azure::{Azure, Caller, CallerKind};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};

/// Looks who is calling, and where.
pub struct Account {
    /// Azure, as its calls are answered.
    pub azure: Azure,
    /// The tenant of the answers.
    pub tenant: String,
    /// What the run is about.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for Account {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![SUBSCRIPTION.name(), TENANT.name(), CALLER.name()],
            ..StepMeta::new(
                "azure.account",
                "Azure subscription and caller",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (id, group) = (&self.identity.subscription, &self.identity.group);
        let (caller, subscriptions, found) = tokio::try_join!(
            self.azure.caller(),
            self.azure.subscriptions(),
            self.azure.resource_group(id, group),
        )
        .map_err(refused)?;
        if caller.tenant != self.tenant {
            return Err(StepError::answers(format!(
                "the credentials are of tenant {}, the answers are for tenant {}",
                caller.tenant, self.tenant
            ))
            .hint(format!(
                "`az login --tenant {}` logs in to that tenant; or correct `az_tenant`",
                self.tenant
            )));
        }
        let Some(subscription) = subscriptions
            .iter()
            .find(|one| one.id.eq_ignore_ascii_case(id))
        else {
            let known: Vec<_> = subscriptions
                .iter()
                .map(|one| format!("{} ({})", one.id, one.name))
                .collect();
            return Err(StepError::answers(format!(
                "the caller sees no subscription {id} in tenant {}",
                caller.tenant
            ))
            .hint(format!("the caller sees: {}", listed(&known)))
            .hint("`az_tenant` names the tenant to log in to"));
        };
        if !["Enabled", "Warned", "PastDue"].contains(&subscription.state.as_str()) {
            return Err(StepError::answers(format!(
                "subscription `{}` is {}; expected Enabled",
                subscription.name, subscription.state
            )));
        }
        if found.is_none() {
            return Err(StepError::answers(format!(
                "resource group `{group}` does not exist in subscription `{}`",
                subscription.name
            ))
            .hint("`az_resource_group` is the group that the cluster is in"));
        }
        let note = format!(
            "{} in subscription `{}`, by {}",
            in_words(&caller),
            subscription.name,
            caller.source
        );
        Ok(Observation::satisfied(note)
            .with(&SUBSCRIPTION, id)
            .with(&TENANT, &caller.tenant)
            .with(&CALLER, &caller.object_id))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Account {
    /// Returns who is calling, as people know them.
    ///
    /// # Errors
    ///
    /// When nobody is logged in.
    pub async fn caller(&self) -> Result<String, StepError> {
        let caller = self.azure.caller().await.map_err(refused)?;
        Ok(in_words(&caller))
    }
}

/// Says who is calling, as people know them.
fn in_words(caller: &Caller) -> String {
    let kind = match caller.kind {
        CallerKind::User => "user",
        CallerKind::ServicePrincipal => "service principal",
        CallerKind::ManagedIdentity => "managed identity",
    };
    let name = caller.name.as_ref().or(caller.app_id.as_ref());
    format!("{kind} {}", name.unwrap_or(&caller.object_id))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

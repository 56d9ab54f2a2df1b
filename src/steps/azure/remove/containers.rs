//! Names the storage account and the containers that stay: data is never deleted.

use async_trait::async_trait;

use super::Removal;
use crate::clients::azure::{AzureErrorKind, StorageAccount};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::azure::SUBSCRIPTION;
use crate::steps::azure::refused::refused;

/// Lists the containers under the prefix.
pub struct KeptContainers {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for KeptContainers {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name()],
            ..StepMeta::new(
                "azure.kept-containers",
                "Storage account and containers, which stay",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let identity = &self.removal.identity;
        let accounts = self.removal.azure.storage_accounts(&identity.subscription);
        let accounts = match accounts.await {
            Ok(accounts) => accounts,
            Err(error) if error.kind == AzureErrorKind::AccessDenied => {
                return Ok(self.unknown("the caller may not list storage accounts"));
            }
            Err(error) => return Err(refused(error)),
        };
        let mut accounts = accounts.into_iter();
        let Some(account) = accounts.find(|account| account.name == identity.account) else {
            let note = format!("storage account `{}` is gone", identity.account);
            return Ok(Observation::satisfied(note));
        };
        self.under(&account).await
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl KeptContainers {
    async fn under(&self, account: &StorageAccount) -> Result<Observation, StepError> {
        let (name, prefix) = (&account.name, &self.removal.identity.prefix);
        let azure = &self.removal.azure;
        let under = match azure.containers(&account.id, prefix).await {
            Ok(under) => under,
            Err(error) if error.kind == AzureErrorKind::AccessDenied => {
                return Ok(self.unknown("the caller may not list containers"));
            }
            Err(error) => return Err(refused(error)),
        };
        let stays = format!("storage account `{name}` stays");
        if under.is_empty() {
            let note = format!("no container is named `{prefix}*`");
            return Ok(Observation::satisfied(note)
                .notice(stays.clone())
                .next(stays));
        }
        let listed: Vec<_> = under.iter().map(|one| format!("`{one}`")).collect();
        let text = format!(
            "{stays}, and its containers with their data are yours to delete: {}",
            listed.join(", ")
        );
        let note = format!("{} named `{prefix}*`", under.len());
        Ok(Observation::satisfied(note).notice(text.clone()).next(text))
    }

    fn unknown(&self, why: &str) -> Observation {
        let (name, prefix) = (
            &self.removal.identity.account,
            &self.removal.identity.prefix,
        );
        let text = format!(
            "storage account `{name}` stays, and so do containers `{prefix}*` with their data; which \
             there are is unknown: {why}"
        );
        Observation::satisfied("unknown")
            .notice(text.clone())
            .next(text)
    }
}

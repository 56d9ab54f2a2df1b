//! The storage account whose containers Rok uses: one that is there, or a new one on a word of the
//! operator.
//!
//! One that is there is used as it is, whoever made it. A new one is closed: no public access, TLS 1.2
//! at least, and no key that opens everything.

use std::time::Duration;

use async_trait::async_trait;

use super::facts::{BLOB_ENDPOINT, STORAGE_ID, SUBSCRIPTION};
use super::identity::AzureIdentity;
use super::refused::refused;
use crate::clients::azure::{Azure, NewStorageAccount, StorageAccount as Found};
use crate::engine::{
    Change, Choice, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
    lines,
};
use crate::steps::names;

/// The key of the answer that lets one be made.
pub const CREATE: &str = "az_storage_account_create";
/// The key of the answer that names it.
const NAME: &str = "storage_account_name";

const MAKING: Settle = Settle {
    period: Duration::from_secs(5),
    limit: Duration::from_mins(10),
    reason: "waits for the storage account",
};

/// Finds the storage account, or makes it.
pub struct StorageAccount {
    /// The subscription.
    pub azure: Azure,
    /// What the run is about.
    pub identity: AzureIdentity,
    /// Whether one may be made.
    pub creates: bool,
}

#[async_trait]
impl Step for StorageAccount {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name()],
            gives: vec![STORAGE_ID.name(), BLOB_ENDPOINT.name()],
            settle: MAKING,
            ..StepMeta::new("azure.storage-account", "Storage account", Phase::Apply)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let accounts = self
            .azure
            .storage_accounts(&self.identity.subscription)
            .await
            .map_err(refused)?;
        let name = &self.identity.account;
        let Some(account) = accounts.iter().find(|account| account.name == *name) else {
            return self.absent(&accounts).await;
        };
        let Some(endpoint) = account.blob_endpoint.as_ref().filter(|_| is_made(account)) else {
            return Ok(Observation::pending(format!(
                "storage account `{name}` is {}",
                account.state
            )));
        };
        let whose = if self.identity.ownership.is_ours(&account.tags) {
            "tags are ours"
        } else {
            "used as it is"
        };
        let note = format!("{} in {}, {whose}", account.kind, account.location);
        let observation = Observation::satisfied(note)
            .with(&STORAGE_ID, &account.id)
            .with(&BLOB_ENDPOINT, endpoint);
        Ok(noticed(account)
            .into_iter()
            .fold(observation, Observation::notice))
    }

    async fn apply(&self, _facts: &Facts, context: &Context) -> Result<(), StepError> {
        let AzureIdentity {
            subscription,
            group,
            location,
            account,
            ownership,
            ..
        } = &self.identity;
        let account = NewStorageAccount {
            subscription: subscription.clone(),
            group: group.clone(),
            name: account.clone(),
            location: location.clone(),
            allows_shared_key: false,
            tags: ownership.tags(&context.run),
        };
        let made = self.azure.create_storage_account(&account).await;
        made.map_err(refused)
    }
}

impl StorageAccount {
    async fn absent(&self, others: &[Found]) -> Result<Observation, StepError> {
        let AzureIdentity {
            account: name,
            location,
            subscription,
            ..
        } = &self.identity;
        if !self.creates {
            return Ok(self.asks(others));
        }
        let free = self.azure.storage_name_available(subscription, name).await;
        let free = free.map_err(refused)?;
        if !free.available {
            return Ok(self.taken(free.message));
        }
        let create = Change::new(Verb::Create, "storage account", name).after(lines([
            "kind: StorageV2, locally redundant".to_owned(),
            format!("location: {location}"),
            "public access: no".into(),
            "minimum TLS: 1.2".into(),
            "shared keys: off".into(),
        ]));
        // The name is one of its kind in all the world, and its address follows from it as soon as it
        // is there.
        Ok(Observation::differs(vec![create])
            .with(&STORAGE_ID, &self.identity.account_id())
            .with(&BLOB_ENDPOINT, &String::new()))
    }

    /// There is no such account, and nobody said that one may be made.
    fn asks(&self, others: &[Found]) -> Observation {
        let name = &self.identity.account;
        let mut choices = vec![Choice::new(CREATE, "yes", "makes it")];
        choices.extend(others.iter().map(|other| {
            let place = format!("uses this one of resource group `{}`", other.group);
            Choice::new(NAME, &other.name, place)
        }));
        let hints = choices.iter().map(|choice| choice.hint("")).collect();
        let reason = format!(
            "storage account `{name}` does not exist in subscription {}",
            self.identity.subscription
        );
        Observation::conflict(reason, Vec::new(), hints).offers(choices)
    }

    /// Somebody else in the world has an account of that name.
    fn taken(&self, said: Option<String>) -> Observation {
        let AzureIdentity {
            account: name,
            subscription,
            group,
            cluster,
            ..
        } = &self.identity;
        let other = names::storage_account(&format!("{subscription}\n{name}"), group, cluster);
        let choices = vec![Choice::new(NAME, other, "takes another name")];
        let hints = choices.iter().map(|choice| choice.hint("")).collect();
        let said = said.map(|said| format!(": {said}")).unwrap_or_default();
        let reason = format!("no storage account can be called `{name}`{said}");
        Observation::conflict(reason, Vec::new(), hints).offers(choices)
    }
}

fn is_made(account: &Found) -> bool {
    account.state == "Succeeded"
}

/// What is worth a word about an account that is used as it is.
fn noticed(account: &Found) -> Vec<String> {
    let name = &account.name;
    let mut notices = Vec::new();
    if account.allows_public_access {
        notices.push(format!(
            "containers of storage account `{name}` may be opened to everybody; `az storage account \
             update --name {name} --allow-blob-public-access false` ends that"
        ));
    }
    if account.allows_shared_key {
        notices.push(format!(
            "storage account `{name}` can be opened with its keys too; Rok needs none"
        ));
    }
    let old = account.minimum_tls.as_deref().filter(|tls| *tls < "TLS1_2");
    notices.extend(old.map(|tls| format!("storage account `{name}` speaks {tls} too")));
    if account.public_network_access.as_deref() == Some("Disabled") {
        notices.push(format!(
            "storage account `{name}` is closed to public networks; Pods reach it by a private \
             endpoint only"
        ));
    }
    if account.is_hierarchical {
        notices.push(format!(
            "storage account `{name}` has a hierarchical namespace, which Rok was not made for"
        ));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_an_account_is_worth_a_word() {
        let closed = Found {
            id: "/x".into(),
            name: "rok".into(),
            group: "g".into(),
            location: "eastus".into(),
            kind: "StorageV2".into(),
            blob_endpoint: None,
            allows_shared_key: false,
            allows_public_access: false,
            minimum_tls: Some("TLS1_2".into()),
            public_network_access: Some("Enabled".into()),
            is_hierarchical: false,
            tags: names_of(&[]),
            state: "Succeeded".into(),
        };
        assert_eq!(noticed(&closed), Vec::<String>::new());
        let open = Found {
            allows_shared_key: true,
            allows_public_access: true,
            minimum_tls: Some("TLS1_0".into()),
            public_network_access: Some("Disabled".into()),
            is_hierarchical: true,
            ..closed
        };
        assert_eq!(noticed(&open).len(), 5);
    }

    fn names_of(tags: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
        let tags = tags.iter();
        tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }
}

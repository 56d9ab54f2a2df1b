//! Looks, before anything is written, whether our names and our container prefix are somebody's already.
//!
//! Rok takes every container under its prefix for its own and collects what it does not need. The
//! documented prefix holds neither account nor cluster, so two clusters on one storage account compute
//! the same one. A data role counts for the whole account: Azure knows nothing of prefixes.

mod neighbour;
mod prefixes;

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;

use super::facts::{CLUSTER_ISSUER, SUBSCRIPTION};
use super::found_identity::definition;
use super::identity::AzureIdentity;
use super::refused::refused;
use super::role_assignment::DATA_ROLE_ID;
use super::who::account;
use crate::clients::azure::{
    Azure, AzureError, AzureErrorKind, FederatedCredential, ManagedIdentity, ResourceId,
    ResourceSummary, RoleAssignment, RoleFilter, StorageAccount, is_same_id,
};
use crate::engine::{Choice, Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::names::{AzureInputs, probe_bucket};
use crate::steps::ownership::Ownership;
use neighbour::Neighbour;
use prefixes::{listed, over, safe_prefix, under};

/// The key of the answer that accepts an overlap.
pub const ACCEPT: &str = "az_overlap_accept";

/// How computed prefixes begin.
const COMPUTED: &str = "rok";
/// `Storage Blob Data Owner`, which may do all that the data role may.
const OWNER_ROLE_ID: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
/// How many identities of others are read.
const READ: usize = 50;
/// How many requests are out at a time.
const SIDE_BY_SIDE: usize = 8;

/// Looks for what our names and our prefix would collide with.
pub struct Overlap {
    /// The subscription.
    pub azure: Azure,
    /// What would be made.
    pub identity: AzureIdentity,
    /// Whether the operator has accepted an overlap.
    pub accepts: bool,
}

/// What is known of the surroundings.
#[derive(Default)]
struct Seen {
    containers: Vec<String>,
    neighbours: Vec<Neighbour>,
    /// What was looked at, and what could not be.
    notes: Vec<String>,
    unknown: Vec<String>,
}

/// The identity of our name.
struct Own {
    found: ManagedIdentity,
    credentials: Vec<FederatedCredential>,
}

#[async_trait]
impl Step for Overlap {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name(), CLUSTER_ISSUER.name()],
            ..StepMeta::new(
                "azure.overlap",
                "Names and prefix are nobody else's",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let issuer: String = facts.get(&CLUSTER_ISSUER)?;
        let mut seen = Seen::default();
        let (own, accounts) = tokio::join!(
            self.own(),
            self.azure.storage_accounts(&self.identity.subscription)
        );
        let own = known(own, "whose the identity of our name is", &mut seen)?.flatten();
        let accounts = known(accounts, "who uses the storage account", &mut seen)?;
        let account = accounts.into_iter().flatten();
        let mut account = account.filter(|account| account.name == self.identity.account);
        let mut is_installed = false;
        if let Some(account) = account.next() {
            let holders = self.look_at(&account, &mut seen).await?;
            is_installed = own.as_ref().is_some_and(|own| {
                self.is_ours(own, &issuer) && holders.contains(&own.found.principal_id)
            });
        } else {
            seen.notes.push("a storage account still to be made".into());
        }
        // An identity of another installation is no less its own for being there already.
        let mut overlaps = self.of_names(own.as_ref(), &issuer);
        let mut shared = self.of_prefixes(&seen);
        let mut leftover = None;
        if !is_installed {
            match self.of_containers(&seen) {
                Some(Left::Probe(container)) => leftover = Some(container),
                Some(Left::Others(text)) => shared.push(text),
                None => {}
            }
            overlaps.append(&mut shared);
        }
        let mut observation = if overlaps.is_empty() {
            let note = format!("none of {} is in the way", seen.notes.join(" and "));
            Observation::satisfied(note)
        } else if self.accepts {
            let note = format!("overlaps are accepted (`{ACCEPT}` is `yes`)");
            overlaps
                .into_iter()
                .fold(Observation::satisfied(note), Observation::notice)
        } else {
            let choices = self.choices(&seen);
            let hints = choices.iter().map(|choice| choice.hint("")).collect();
            Observation::conflict(overlaps.join("; "), Vec::new(), hints).offers(choices)
        };
        // The installation is there already: what it shares is told, and no reason to stop.
        observation.notices.extend(shared);
        if let Some(container) = leftover {
            observation = observation.notice(format!(
                "container `{container}` is left of an earlier installation of this name, and is used \
                 again"
            ));
        }
        observation.notices.extend(seen.unknown);
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Containers under the prefix of an installation that is not there yet.
enum Left {
    /// Only the one of an earlier proof.
    Probe(String),
    /// Others too, in a sentence.
    Others(String),
}

impl Overlap {
    /// Returns the identity of our name, if there is one.
    async fn own(&self) -> Result<Option<Own>, AzureError> {
        let AzureIdentity {
            subscription,
            group,
            name,
            ..
        } = &self.identity;
        let Some(found) = self.azure.identity(subscription, group, name).await? else {
            return Ok(None);
        };
        let credentials = self.azure.federated_credentials(&found.id).await?;
        Ok(Some(Own { found, credentials }))
    }

    /// Whether the identity is this very installation's.
    fn is_ours(&self, own: &Own, issuer: &str) -> bool {
        let subject = self.identity.subject();
        let lets_in = |one: &FederatedCredential| one.issuer == issuer && one.subject == subject;
        // By the add-on, an identity has no credentials.
        self.identity.ownership.is_ours(&own.found.tags)
            && (own.credentials.is_empty() || own.credentials.iter().any(lets_in))
    }

    /// Looks at the account's containers and at who may use them; returns the principals that may.
    async fn look_at(
        &self,
        account: &StorageAccount,
        seen: &mut Seen,
    ) -> Result<BTreeSet<String>, StepError> {
        let ownership = &self.identity.ownership;
        let tag = ownership.cloud.recipe();
        let (containers, roles, tagged) = tokio::join!(
            self.containers(account),
            self.azure
                .role_assignments(&account.id, RoleFilter::AtScope),
            self.azure
                .resources_with_tag(&self.identity.subscription, &tag, &ownership.recipe,),
        );
        let containers = known(containers, "whose containers are under the prefix", seen)?;
        if let Some(containers) = containers {
            let count = containers.len();
            seen.notes.push(format!("{count} containers `{COMPUTED}*`"));
            seen.containers = containers;
        }
        let what = "whether another installation uses the storage account";
        let roles = known(roles, what, seen)?.unwrap_or_default();
        let holders: BTreeSet<String> = roles
            .iter()
            .filter(|role| opens_data(role))
            .map(|role| role.principal_id.clone())
            .collect();
        let tagged = known(tagged, what, seen)?.unwrap_or_default();
        self.read(tagged, &holders, seen).await?;
        Ok(holders)
    }

    /// Returns the containers that may be of Roks.
    async fn containers(&self, account: &StorageAccount) -> Result<Vec<String>, AzureError> {
        let prefix = &self.identity.prefix;
        let beginning = if prefix.starts_with(COMPUTED) {
            COMPUTED
        } else {
            prefix
        };
        self.azure.containers(&account.id, beginning).await
    }

    /// Reads the identities of other installations that may use the account.
    async fn read(
        &self,
        tagged: Vec<ResourceSummary>,
        holders: &BTreeSet<String>,
        seen: &mut Seen,
    ) -> Result<(), StepError> {
        let id = self.identity.id();
        let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
        let is_other = |one: &ResourceSummary| {
            one.kind.eq_ignore_ascii_case(kind) && !is_same_id(&one.id, &id)
        };
        let mut others: Vec<_> = tagged.into_iter().filter(is_other).collect();
        let total = others.len();
        others.truncate(READ);
        let reading: Vec<_> = others
            .iter()
            .map(|other| self.neighbour(other, holders))
            .collect();
        let read: Vec<_> = stream::iter(reading).buffered(SIDE_BY_SIDE).collect().await;
        let mut unread = Vec::new();
        for (other, found) in others.iter().zip(read) {
            match found {
                Ok(neighbour) => seen.neighbours.extend(neighbour),
                Err(error) if error.kind == AzureErrorKind::Credentials => {
                    return Err(refused(error));
                }
                Err(_) => unread.push(other.name.as_str()),
            }
        }
        let count = others.len();
        seen.notes
            .push(format!("{count} other identities of this tool"));
        if total > count {
            seen.unknown.push(format!(
                "only {count} of {total} identities of this tool were read; whether the prefix of another \
                 one overlaps is unknown"
            ));
        }
        if !unread.is_empty() {
            seen.unknown.push(format!(
                "not readable, so it is unknown whether they overlap: identities {}",
                listed(&unread)
            ));
        }
        Ok(())
    }

    /// Returns the installation behind an identity, when it may use the account.
    async fn neighbour(
        &self,
        other: &ResourceSummary,
        holders: &BTreeSet<String>,
    ) -> Result<Option<Neighbour>, AzureError> {
        let Some(at) = ResourceId::parse(&other.id) else {
            return Ok(None);
        };
        let found = self.azure.identity(&at.subscription, &at.group, &at.name);
        let Some(found) = found.await? else {
            return Ok(None);
        };
        if !holders.contains(&found.principal_id) {
            return Ok(None);
        }
        let credentials = self.azure.federated_credentials(&found.id).await?;
        Ok(Some(Neighbour::of(&found, &credentials)))
    }

    /// Says whose the identity of our name is, where that is another installation.
    fn of_names(&self, own: Option<&Own>, issuer: &str) -> Vec<String> {
        let Some(own) = own else { return Vec::new() };
        let AzureIdentity {
            name,
            cluster,
            namespace,
            service_account,
            ..
        } = &self.identity;
        let theirs = Ownership::cluster_of(&own.found.tags);
        if let Some(theirs) = theirs.filter(|theirs| theirs != cluster) {
            return vec![format!(
                "managed identity `{name}` belongs to cluster `{theirs}`, whose names are computed the \
                 same"
            )];
        }
        let of_cluster = own.credentials.iter().filter(|one| one.issuer == issuer);
        let others =
            of_cluster
                .filter_map(|one| account(&one.subject))
                .filter(|(other, account)| {
                    let computed = AzureInputs {
                        cluster,
                        namespace: other,
                        name: account,
                    };
                    (*other, *account) != (namespace.as_str(), service_account.as_str())
                        && computed.identity() == *name
                });
        let told = others.map(|(other, account)| {
            format!(
                "managed identity `{name}` belongs to service account `{other}/{account}` of this \
                 cluster, for which the same name is computed as for `{namespace}/{service_account}`"
            )
        });
        told.collect()
    }

    /// Says which installations have a prefix that begins ours, or is begun by it.
    fn of_prefixes(&self, seen: &Seen) -> Vec<String> {
        let (own, account) = (&self.identity.prefix, &self.identity.account);
        let mut told: Vec<String> = seen
            .neighbours
            .iter()
            .filter_map(|neighbour| neighbour.meets(own, account))
            .collect();
        told.extend(over(own, &seen.containers).into_iter().map(|theirs| {
            format!(
                "container prefix `{own}` lies within `{theirs}`, under which storage account `{account}` \
                 holds another Rok's containers"
            )
        }));
        told
    }

    /// Says which containers would become Rok's.
    fn of_containers(&self, seen: &Seen) -> Option<Left> {
        let prefix = &self.identity.prefix;
        let probe = probe_bucket(prefix);
        match under(prefix, &seen.containers)[..] {
            [] => None,
            [only] if only == probe => Some(Left::Probe(probe)),
            ref found => Some(Left::Others(format!(
                "containers that this run did not make would become Rok's, which collects what it does \
                 not need: {}",
                listed(found)
            ))),
        }
    }

    fn choices(&self, seen: &Seen) -> Vec<Choice> {
        let taken: Vec<&str> = seen
            .neighbours
            .iter()
            .flat_map(|neighbour| neighbour.prefixes.iter().map(String::as_str))
            .chain(seen.containers.iter().map(String::as_str))
            .collect();
        let safe = safe_prefix(&self.identity, &taken);
        let safe = safe.map(|prefix| {
            let label = "takes a prefix that is nobody's";
            Choice::new("s3_bucket_prefix", prefix, label)
        });
        let accept = Choice::new(ACCEPT, "yes", "accepts it, if it is meant so");
        safe.into_iter().chain([accept]).collect()
    }
}

/// Whether a role opens the blobs for writing.
fn opens_data(role: &RoleAssignment) -> bool {
    [DATA_ROLE_ID, OWNER_ROLE_ID].contains(&definition(&role.role_definition_id).as_str())
}

/// Passes on what was found. What may not be looked at is unknown, which stops nothing.
fn known<T>(
    found: Result<T, AzureError>,
    what: &str,
    seen: &mut Seen,
) -> Result<Option<T>, StepError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == AzureErrorKind::Credentials => Err(refused(error)),
        Err(error) => {
            let why = match error.kind {
                AzureErrorKind::AccessDenied => format!("the caller may not {}", error.operation),
                _ => error.to_string(),
            };
            seen.unknown.push(format!("{what} is unknown: {why}"));
            Ok(None)
        }
    }
}

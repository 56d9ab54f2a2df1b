//! Looks, before anything is written, whether our names and our bucket prefix are somebody's already.
//!
//! Rok takes every bucket under its prefix for its own and collects what it does not need. A prefix
//! that begins another installation's, or is begun by it, loses data; so does one under which
//! somebody else keeps buckets. IAM knows nothing of that: both policies are valid.

mod neighbour;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;

use super::identity::{Grant, Identity};
use super::policy::{list, parse};
use super::refused;
use crate::clients::aws::{Aws, AwsError, AwsErrorKind, Policy, Role};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::names::{Inputs, probe_bucket};
use crate::steps::ownership::Ownership;
use crate::steps::safe_names::safe_names;
use neighbour::{Buckets, Neighbour, granted};

/// How the names of computed roles and policies begin: only those are read, since an account may
/// have thousands of others.
const PATTERN: &str = "rok-";
/// How many pages of a thousand policies are looked through.
const PAGES: usize = 5;
/// How many policies are read.
const READ: usize = 100;
/// How many requests are out at a time.
const SIDE_BY_SIDE: usize = 8;
/// How many names are listed in one sentence.
const LISTED: usize = 5;

/// Looks for what our names and our prefix would collide with.
pub struct Overlap {
    /// The account.
    pub aws: Aws,
    /// What would be made.
    pub identity: Identity,
    /// The region, which names are computed from.
    pub region: String,
    /// The namespace of the Rok cluster.
    pub namespace: String,
    /// The Rok cluster's name.
    pub name: String,
    /// Whether the identity comes as a stack.
    pub uses_stack: bool,
    /// Whether the operator has accepted an overlap.
    pub accepts: bool,
}

/// What is known of the surroundings.
#[derive(Default)]
struct Seen {
    buckets: Vec<String>,
    neighbours: Vec<Neighbour>,
    /// Names that policies have.
    taken: Vec<String>,
    /// What was looked at, and what could not be.
    notes: Vec<String>,
    unknown: Vec<String>,
}

#[async_trait]
impl Step for Overlap {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            ..StepMeta::new(
                "aws.overlap",
                "Names and prefix are nobody else's",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let grant = self.identity.grant(facts)?;
        let mut seen = Seen::default();
        let (buckets, policies, role, own, stack) = tokio::join!(
            self.aws.list_buckets(),
            self.aws.own_policies(PAGES),
            self.aws.role(&self.identity.role),
            self.own_policy(&grant),
            self.stack(),
        );
        let stack = known(stack, "whose the stack of our name is", &mut seen)?.flatten();
        let role = known(role, "whose the role of our name is", &mut seen)?.flatten();
        let own = known(own, "what the policy of our name gives", &mut seen)?.flatten();
        if let Some(buckets) = known(buckets, "whose buckets are under the prefix", &mut seen)? {
            seen.notes.push(format!("{} buckets", buckets.len()));
            seen.buckets = buckets;
        }
        let policies = known(
            policies,
            "whether another installation's prefix overlaps",
            &mut seen,
        )?;
        if let Some((policies, more)) = policies {
            self.read(policies, more, &grant, &mut seen).await?;
        }
        let is_installed = match &own {
            Some(buckets) => buckets.contains(&Buckets::Prefix(self.identity.prefix.clone())),
            None => role.as_ref().is_some_and(|role| {
                let trust = parse(&role.trust_policy);
                grant.admission().is_granted_by(&trust)
            }),
        };
        // A role of another installation is no less its own for being there already.
        let mut overlaps = self.of_names(role.as_ref(), &grant);
        overlaps.extend(stack.map(|cluster| {
            let name = &self.identity.stack;
            format!(
                "stack `{name}` belongs to cluster `{cluster}`, whose names are computed the same"
            )
        }));
        let mut shared = self.of_prefixes(&seen);
        let mut leftover = None;
        if !is_installed {
            match self.of_buckets(&seen) {
                Some(Left::Probe(bucket)) => leftover = Some(bucket),
                Some(Left::Others(text)) => shared.push(text),
                None => {}
            }
            overlaps.append(&mut shared);
        }
        let mut observation = if overlaps.is_empty() {
            Observation::satisfied(format!(
                "none of {} is in the way",
                seen.notes.join(" and ")
            ))
        } else if self.accepts {
            let note = "overlaps are accepted (`aws_overlap_accept` is `yes`)";
            overlaps
                .into_iter()
                .fold(Observation::satisfied(note), Observation::notice)
        } else {
            let hints = self.hints(&seen, facts).await;
            Observation::conflict(overlaps.join("; "), Vec::new(), hints)
        };
        // The installation is there already: what it shares is told, and no reason to stop.
        observation.notices.extend(shared);
        if let Some(bucket) = leftover {
            observation = observation.notice(format!(
                "bucket `{bucket}` is left of an earlier installation of this name, and is used again"
            ));
        }
        observation.notices.extend(seen.unknown);
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Buckets under the prefix of an installation that is not there yet.
enum Left {
    /// Only the one of an earlier proof.
    Probe(String),
    /// Others too, in a sentence.
    Others(String),
}

impl Overlap {
    /// Returns what the policy of our name gives, if there is one.
    async fn own_policy(&self, grant: &Grant) -> Result<Option<Vec<Buckets>>, AwsError> {
        let arn = grant.policy_arn();
        let Some(policy) = self.aws.policy(&arn).await? else {
            return Ok(None);
        };
        let document = self.aws.policy_document(&arn, &policy.default_version);
        Ok(Some(granted(&parse(&document.await?))))
    }

    /// Returns the other cluster that the stack of our name belongs to, if so.
    async fn stack(&self) -> Result<Option<String>, AwsError> {
        if !self.uses_stack {
            return Ok(None);
        }
        let stack = self.aws.stack(&self.identity.stack).await?;
        let own = &self.identity.ownership.cluster;
        let cluster = stack.and_then(|stack| Ownership::cluster_of(&stack.tags).map(str::to_owned));
        Ok(cluster.filter(|cluster| cluster != own))
    }

    /// Reads the policies that may be other installations'.
    async fn read(
        &self,
        policies: Vec<Policy>,
        more: bool,
        grant: &Grant,
        seen: &mut Seen,
    ) -> Result<(), StepError> {
        let own = grant.policy_arn();
        seen.taken = policies.iter().map(|policy| policy.name.clone()).collect();
        let is_candidate = |policy: &Policy| policy.arn != own && policy.name.starts_with(PATTERN);
        let mut candidates: Vec<_> = policies.into_iter().filter(is_candidate).collect();
        let total = candidates.len();
        candidates.truncate(READ);
        let reading = candidates.iter().cloned();
        let reading: Vec<_> = reading.map(|policy| self.neighbour(policy)).collect();
        let read: Vec<_> = stream::iter(reading).buffered(SIDE_BY_SIDE).collect().await;
        let mut unread = Vec::new();
        for (policy, found) in candidates.iter().zip(read) {
            match found {
                Ok(neighbours) => seen.neighbours.extend(neighbours),
                Err(error) if error.kind == AwsErrorKind::Credentials => {
                    return Err(refused(error));
                }
                Err(_) => unread.push(policy.name.as_str()),
            }
        }
        let count = candidates.len();
        seen.notes
            .push(format!("{count} other policies `{PATTERN}*`"));
        if total > count || more {
            seen.unknown.push(format!(
                "only {count} of the account's policies named `{PATTERN}*` were read; whether the prefix of another one overlaps is unknown"
            ));
        }
        if !unread.is_empty() {
            seen.unknown.push(format!(
                "not readable, so it is unknown whether they overlap: policies {}",
                listed(&unread)
            ));
        }
        Ok(())
    }

    /// Returns what a policy gives under our prefix or over it, and whose it is.
    async fn neighbour(&self, policy: Policy) -> Result<Vec<Neighbour>, AwsError> {
        let (arn, version) = (&policy.arn, &policy.default_version);
        let document = self.aws.policy_document(arn, version).await?;
        let mut meeting = granted(&parse(&document));
        meeting.retain(|buckets| buckets.meet(&self.identity.prefix));
        if meeting.is_empty() {
            return Ok(Vec::new());
        }
        // A list holds no tags, and that they cannot be read makes nobody's buckets ours.
        let tags = self.aws.policy(arn).await.ok().flatten();
        let tags = tags.map(|policy| policy.tags).unwrap_or_default();
        let prefix = Buckets::Prefix(self.identity.prefix.clone());
        if self.identity.ownership.is_ours(&tags) {
            // The same installation under a role of another name.
            meeting.retain(|buckets| *buckets != prefix);
        }
        let neighbour = |buckets| Neighbour {
            name: policy.name.clone(),
            cluster: Ownership::cluster_of(&tags).map(str::to_owned),
            buckets,
        };
        Ok(meeting.into_iter().map(neighbour).collect())
    }

    /// Says whose the role of our name is, where that is another installation.
    fn of_names(&self, role: Option<&Role>, grant: &Grant) -> Vec<String> {
        let Some(role) = role else { return Vec::new() };
        let name = &self.identity.role;
        let own = &self.identity.ownership.cluster;
        if let Some(cluster) = Ownership::cluster_of(&role.tags).filter(|cluster| cluster != own) {
            return vec![format!(
                "role `{name}` belongs to cluster `{cluster}`, whose names are computed the same"
            )];
        }
        let others = subjects(role, grant)
            .into_iter()
            .filter(|(namespace, account)| {
                let computed = Inputs {
                    account: &grant.account,
                    region: &self.region,
                    cluster: own,
                    namespace,
                    name: account,
                };
                (namespace, account) != (&self.namespace, &self.name) && computed.role() == *name
            });
        let other = |(namespace, account): (String, String)| {
            format!(
                "role `{name}` belongs to service account `{namespace}/{account}` of this cluster, for which the same name is computed as for `{}/{}`",
                self.namespace, self.name
            )
        };
        others.map(other).collect()
    }

    /// Says which installations have a prefix that begins ours, or is begun by it.
    fn of_prefixes(&self, seen: &Seen) -> Vec<String> {
        let own = &self.identity.prefix;
        let told = seen.neighbours.iter().map(|neighbour| {
            let theirs = neighbour.buckets.beginning();
            let whose = match &neighbour.cluster {
                Some(cluster) => format!("`{}` of cluster `{cluster}`", neighbour.name),
                None => format!("`{}`, which has no tag of this tool", neighbour.name),
            };
            let (what, longer) = match &neighbour.buckets {
                Buckets::One(_) => (format!("takes in bucket `{theirs}` of"), theirs),
                Buckets::Prefix(_) if theirs == own => ("is that of".into(), theirs),
                Buckets::Prefix(_) if theirs.starts_with(own) => {
                    (format!("takes in `{theirs}` of"), theirs)
                }
                Buckets::Prefix(_) => (format!("lies within `{theirs}` of"), own.as_str()),
            };
            let buckets = under(longer, &seen.buckets);
            let buckets = if buckets.is_empty() {
                String::new()
            } else {
                format!("; buckets of both: {}", listed(&buckets))
            };
            format!("bucket prefix `{own}` {what} {whose}{buckets}")
        });
        told.collect()
    }

    /// Says which buckets would become Rok's.
    fn of_buckets(&self, seen: &Seen) -> Option<Left> {
        let prefix = &self.identity.prefix;
        let probe = probe_bucket(prefix);
        match under(prefix, &seen.buckets)[..] {
            [] => None,
            [only] if only == probe => Some(Left::Probe(probe)),
            ref found => Some(Left::Others(format!(
                "buckets that this run did not make would become Rok's, which collects what it does not need: {}",
                listed(found)
            ))),
        }
    }

    async fn hints(&self, seen: &Seen, facts: &Facts) -> Vec<String> {
        let mut hints = Vec::new();
        if let Some((prefix, role)) = self.safe(seen, facts).await {
            // A prefix has fewer letters to choose from than a stack's name.
            let stack = if self.uses_stack {
                format!(" --set aws_cf_s3_resources={prefix}")
            } else {
                String::new()
            };
            hints.push(format!(
                "names that are nobody's: `--set aws_s3_bucket_prefix={prefix} --set aws_s3_role={role}{stack}`"
            ));
        }
        hints.push("if it is meant so: `--set aws_overlap_accept=yes`".into());
        hints
    }

    /// Returns a prefix and a role's name that collide with nothing that was seen.
    async fn safe(&self, seen: &Seen, facts: &Facts) -> Option<(String, String)> {
        let account = facts.get(&super::ACCOUNT).ok()?;
        let cluster = &self.identity.ownership.cluster;
        let (region, namespace, name) = (&self.region, &self.namespace, &self.name);
        let whose = format!("{account}/{region}/{cluster}/{namespace}/{name}");
        for turn in 0..8 {
            let (prefix, role) = safe_names(&whose, cluster, turn);
            let met = |neighbour: &Neighbour| neighbour.buckets.meet(&prefix);
            let is_free = !seen.neighbours.iter().any(met)
                && under(&prefix, &seen.buckets).is_empty()
                && !seen.taken.contains(&role);
            if is_free && !matches!(self.aws.role(&role).await, Ok(Some(_))) {
                return Some((prefix, role));
            }
        }
        None
    }
}

/// Passes on what was found. What may not be looked at is unknown, which stops nothing.
fn known<T>(
    found: Result<T, AwsError>,
    what: &str,
    seen: &mut Seen,
) -> Result<Option<T>, StepError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == AwsErrorKind::Credentials => Err(refused(error)),
        Err(error) => {
            let why = match error.kind {
                AwsErrorKind::AccessDenied => format!("the caller may not {}", error.operation),
                _ => error.to_string(),
            };
            seen.unknown.push(format!("{what} is unknown: {why}"));
            Ok(None)
        }
    }
}

/// Returns namespace and name of the service accounts of our issuer that a role's trust names.
fn subjects(role: &Role, grant: &Grant) -> Vec<(String, String)> {
    let trust = parse(&role.trust_policy);
    let key = format!("{}:sub", grant.issuer);
    let conditions = list(&trust["Statement"])
        .iter()
        .filter_map(|statement| statement["Condition"].as_object());
    let named = conditions.flat_map(|operators| operators.values());
    let values = named.flat_map(|tests| list(&tests[key.as_str()]));
    let account = |value: &serde_json::Value| {
        let account = value.as_str()?.strip_prefix("system:serviceaccount:")?;
        let (namespace, name) = account.split_once(':')?;
        Some((namespace.to_owned(), name.to_owned()))
    };
    values.filter_map(account).collect()
}

fn under<'a>(prefix: &str, buckets: &'a [String]) -> Vec<&'a str> {
    let names = buckets.iter().map(String::as_str);
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Names, the first of them where there are many.
fn listed(names: &[&str]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

//! The managed policy: full access to every bucket with the prefix, and to nothing else.
//!
//! It is found by its name, whatever its path: names are unique in an account. It is brought up to
//! date by new versions, of which AWS keeps five. A version whose document is what we would write
//! for some prefix was written by us, and the oldest of those makes room for a new one; one that
//! says anything else is somebody else's and stays.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::adoption::{Decisions, Object, meaning_digest};
use super::identity::{Grant, Identity};
use super::in_the_way::{InTheWay, gone};
use super::policy::{bucket_policy, differences, is_same, list, normal, parse, pretty};
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, AwsErrorKind, NewPolicy, Policy};
use crate::engine::{
    Change, Context, ErrorKind, FactKey, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb,
};
use crate::steps::ownership::Ownership;

/// The policy's ARN.
pub const POLICY_ARN: FactKey<String> = FactKey::new("aws.policy-arn");

/// The decision about the policy that followed from a hand-off, as `aws_adopt` would say it; empty
/// when there was none to make.
pub const POLICY_ADOPTED: FactKey<String> = FactKey::new("aws.iam-policy.adopted");

/// How many versions of a managed policy AWS keeps.
const VERSION_LIMIT: usize = 5;

/// Creates the policy, or brings it up to date by a new version.
pub struct IamPolicy {
    /// The account.
    pub aws: Aws,
    /// What it is part of.
    pub identity: Identity,
}

#[async_trait]
impl Step for IamPolicy {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Identity::NEEDS.to_vec(),
            gives: vec![POLICY_ARN.name(), POLICY_ADOPTED.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.iam-policy",
                "IAM policy for the bucket prefix",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let grant = self.identity.grant(facts)?;
        let Some(policy) = self.find(&grant).await? else {
            return Ok(self.absent(&grant).with(&POLICY_ADOPTED, &String::new()));
        };
        let found = self.document(&policy, &policy.default_version).await?;
        let digest = meaning_digest(&json!({ "permissions": normal(&found), "path": policy.path }));
        let equal = is_same(&found, &grant.permissions());
        let observation = if let Some(accepted) = self.identity.adopt.kept(Object::Policy) {
            if digest == accepted {
                Observation::satisfied("used as it is, as it was decided")
            } else {
                self.in_the_way(&policy, &found, &grant, digest)
            }
        } else if let Some(whose) = self.whose(&policy, context).await? {
            self.compared(&policy, &found, &grant, whose).await?
        } else if context.handed_off && Ownership::is_unmarked(&policy.tags) && equal {
            let decision = Decisions::keeping(Object::Policy, &digest).value;
            let note = "exactly as it was handed off, so it is used as it is";
            return Ok(Observation::satisfied(note)
                .with(&POLICY_ARN, &policy.arn)
                .with(&POLICY_ADOPTED, &decision));
        } else {
            self.in_the_way(&policy, &found, &grant, digest)
        };
        Ok(observation
            .with(&POLICY_ARN, &policy.arn)
            .with(&POLICY_ADOPTED, &String::new()))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let grant = self.identity.grant(facts)?;
        let Some(policy) = self.find(&grant).await? else {
            return self.create(&grant, context).await;
        };
        let Some(whose) = self.whose(&policy, context).await? else {
            let name = &policy.name;
            let text = format!("policy `{name}` was made or changed by somebody else meanwhile");
            return Err(StepError::new(ErrorKind::Conflict, text).retryable());
        };
        let found = self.document(&policy, &policy.default_version).await?;
        let intended = grant.permissions();
        if !is_same(&found, &intended) {
            if let Some(oldest) = self.room(&policy, &grant).await? {
                let delete = self.aws.delete_policy_version(&policy.arn, &oldest);
                delete.await.map_err(refused)?;
            }
            let document = intended.to_string();
            let create = self.aws.create_policy_version(&policy.arn, &document);
            create.await.map_err(not_there_yet)?;
        }
        if whose == Whose::Taken {
            let tags = self.identity.ownership.tags(&context.run);
            let tag = self.aws.tag_policy(&policy.arn, &tags);
            tag.await.map_err(not_there_yet)?;
        }
        Ok(())
    }
}

/// Why the policy is ours to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// It carries our tags.
    Ours,
    /// It is on our role.
    OfOurRole,
    /// The operator has given it to us.
    Taken,
}

impl IamPolicy {
    /// Returns the policy of our name, at our path or at another one.
    async fn find(&self, grant: &Grant) -> Result<Option<Policy>, StepError> {
        let expected = self
            .aws
            .policy(&grant.policy_arn())
            .await
            .map_err(refused)?;
        if expected.is_some() {
            return Ok(expected);
        }
        let elsewhere = match self.aws.policy_arn_of(&self.identity.role).await {
            // Who may not list finds out when creating it.
            Err(error) if error.kind == AwsErrorKind::AccessDenied => None,
            listed => listed.map_err(refused)?,
        };
        match elsewhere {
            Some(arn) => self.aws.policy(&arn).await.map_err(refused),
            None => Ok(None),
        }
    }

    async fn document(&self, policy: &Policy, version: &str) -> Result<Value, StepError> {
        let document = self.aws.policy_document(&policy.arn, version).await;
        Ok(parse(&document.map_err(not_there_yet)?))
    }

    fn sharing(&self) -> String {
        format!(
            "every bucket whose name starts with `{}` belongs to this installation; share the \
             prefix with nothing else",
            self.identity.prefix
        )
    }

    fn absent(&self, grant: &Grant) -> Observation {
        let (name, adopt) = (&self.identity.role, &self.identity.adopt);
        let observation = if adopt.kept(Object::Policy).is_some() {
            gone(&self.identity, Object::Policy, name)
        } else if adopt.kept(Object::Role).is_some() {
            Observation::satisfied("not needed: the role is used with the policies that it has")
        } else {
            let create = Change::new(Verb::Create, "policy", name);
            Observation::differs(vec![create.after(pretty(&grant.permissions()))])
                .notice(self.sharing())
        };
        observation.with(&POLICY_ARN, &grant.policy_arn())
    }

    async fn create(&self, grant: &Grant, context: &Context) -> Result<(), StepError> {
        let identity = &self.identity;
        let policy = NewPolicy {
            name: identity.role.clone(),
            path: identity.path.clone(),
            document: grant.permissions().to_string(),
            description: Some(format!(
                "Full access to S3 buckets named {}*",
                identity.prefix
            )),
            tags: identity.ownership.tags(&context.run),
        };
        self.aws.create_policy(policy).await.map_err(refused)?;
        Ok(())
    }

    /// Tells why the policy is ours to change; nothing when it is not.
    async fn whose(&self, policy: &Policy, context: &Context) -> Result<Option<Whose>, StepError> {
        let adopt = &self.identity.adopt;
        if adopt.kept(Object::Policy).is_some() {
            return Ok(None);
        }
        if self.identity.ownership.is_ours(&policy.tags) {
            return Ok(Some(Whose::Ours));
        }
        // Asked first: a role that is taken over at the same time may be ours by now.
        if adopt.takes_over(Object::Policy) {
            return Ok(Some(Whose::Taken));
        }
        let unmarked = Ownership::is_unmarked(&policy.tags);
        let is_of_our_role =
            unmarked && self.is_or_will_be_on_our_role(&policy.arn, context).await?;
        Ok(is_of_our_role.then_some(Whose::OfOurRole))
    }

    /// Whether the policy is on the role of its name, and that role is ours. CloudFormation cannot
    /// tag a managed policy, so one that comes from our template is ours by its role.
    pub(super) async fn is_on_our_role(&self, arn: &str) -> Result<bool, StepError> {
        let name = &self.identity.role;
        let Some(role) = self.aws.role(name).await.map_err(refused)? else {
            return Ok(false);
        };
        if !self.identity.ownership.is_ours(&role.tags) {
            return Ok(false);
        }
        let attached = self.aws.attached_policies(name).await.map_err(refused)?;
        Ok(attached
            .unwrap_or_default()
            .iter()
            .any(|policy| policy.arn == arn))
    }

    /// The same, where what an administrator makes for us just now may not be on the role yet.
    async fn is_or_will_be_on_our_role(
        &self,
        arn: &str,
        context: &Context,
    ) -> Result<bool, StepError> {
        if !context.handed_off {
            return self.is_on_our_role(arn).await;
        }
        let role = self.aws.role(&self.identity.role).await.map_err(refused)?;
        Ok(role.is_some_and(|role| self.identity.ownership.is_ours(&role.tags)))
    }

    async fn compared(
        &self,
        policy: &Policy,
        found: &Value,
        grant: &Grant,
        whose: Whose,
    ) -> Result<Observation, StepError> {
        let intended = grant.permissions();
        let (name, prefix) = (&policy.name, &self.identity.prefix);
        let mut changes = Vec::new();
        if !is_same(found, &intended) {
            if let Some(oldest) = self.room(policy, grant).await? {
                let version = format!("{name} {oldest}");
                changes.push(Change::new(Verb::Delete, "oldest policy version", version));
            }
            changes.push(update(name, found, &intended));
        }
        let whose = match whose {
            Whose::Ours => "tags are ours",
            Whose::OfOurRole => "on the role that carries our tags",
            Whose::Taken => {
                let ownership = &self.identity.ownership;
                changes.push(ownership.marking("policy", name, &policy.tags));
                "taken over"
            }
        };
        let version = &policy.default_version;
        let note = format!("version {version} allows s3:* on `{prefix}*`, {whose}");
        Ok(Observation::of_changes(changes, note).notice(self.sharing()))
    }

    fn in_the_way(
        &self,
        policy: &Policy,
        found: &Value,
        grant: &Grant,
        digest: String,
    ) -> Observation {
        let intended = grant.permissions();
        let mut words: Vec<String> = differences(found, &intended)
            .into_iter()
            .map(|difference| format!("permissions: {difference}"))
            .collect();
        if policy.path != self.identity.path {
            words.push(format!(
                "path: found `{}`, expected `{}`; it stays where it is, which makes no difference \
                 to what it allows",
                policy.path, self.identity.path
            ));
        }
        let change = (!is_same(found, &intended)).then(|| update(&policy.name, found, &intended));
        let in_the_way = InTheWay {
            object: Object::Policy,
            name: &policy.name,
            tags: &policy.tags,
            differences: words,
            changes: change.into_iter().collect(),
            can_be_taken: true,
            digest: Some(digest),
            accepting: Vec::new(),
        };
        in_the_way.conflict(&self.identity)
    }

    /// Returns the version that makes room for a new one, when one has to.
    async fn room(&self, policy: &Policy, grant: &Grant) -> Result<Option<String>, StepError> {
        let versions = self.aws.policy_versions(&policy.arn).await;
        let mut versions = versions.map_err(not_there_yet)?;
        if versions.len() < VERSION_LIMIT {
            return Ok(None);
        }
        let count = versions.len();
        versions.retain(|version| !version.is_default);
        versions.sort_by_key(|version| (version.created, number(&version.id)));
        for version in versions {
            let document = self.document(policy, &version.id).await?;
            if is_of_our_making(&document, &grant.partition) {
                return Ok(Some(version.id));
            }
        }
        let (name, arn) = (&policy.name, &policy.arn);
        Err(StepError::failed(format!(
            "policy `{name}` has {count} versions, as many as AWS keeps, and none that may go: \
             besides the one in force none was written by this tool"
        ))
        .hint(format!(
            "`aws iam list-policy-versions --policy-arn {arn}` lists them; remove one that nobody \
             needs: `aws iam delete-policy-version --policy-arn {arn} --version-id VERSION`"
        )))
    }
}

fn update(name: &str, found: &Value, intended: &Value) -> Change {
    Change::new(Verb::Update, "policy", name)
        .before(pretty(found))
        .after(pretty(intended))
}

/// The number of `v12`.
fn number(version: &str) -> u32 {
    version.trim_start_matches('v').parse().unwrap_or_default()
}

/// Whether a document is what we write for some prefix.
fn is_of_our_making(document: &Value, partition: &str) -> bool {
    let statements = list(&document["Statement"]);
    let resources = statements.iter().flat_map(|one| list(&one["Resource"]));
    let of_buckets = format!("arn:{partition}:s3:::");
    let mut prefixes = resources.filter_map(|resource| {
        let rest = resource.as_str()?.strip_prefix(&of_buckets)?;
        rest.strip_suffix("*/*")
    });
    prefixes.any(|prefix| is_same(document, &bucket_policy(partition, prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_ours_is_known_by_what_it_says() {
        let ours = bucket_policy("aws", "rok-other");
        assert!(is_of_our_making(&ours, "aws"));
        assert!(!is_of_our_making(&ours, "aws-cn"));
        let mut theirs = ours.clone();
        theirs["Statement"][0]["Action"] = "s3:Get*".into();
        assert!(!is_of_our_making(&theirs, "aws"));
        let mut theirs = ours;
        let further = theirs["Statement"][0].clone();
        theirs["Statement"].as_array_mut().unwrap().push(further);
        theirs["Statement"][1]["Resource"] = "arn:aws:s3:::backup/*".into();
        assert!(!is_of_our_making(&theirs, "aws"));
        assert!(!is_of_our_making(&json!("no document"), "aws"));
    }

    #[test]
    fn versions_are_counted_by_their_numbers() {
        assert!(number("v10") > number("v9"));
    }
}

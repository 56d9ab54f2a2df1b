//! The managed policy: full access to every bucket with the prefix, and to nothing else.

use async_trait::async_trait;

use super::identity::Identity;
use super::ownership::Ownership;
use super::policy::{is_same, parse, pretty};
use super::{not_there_yet, refused};
use crate::clients::aws::{Aws, NewPolicy};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// The policy's ARN.
pub const POLICY_ARN: FactKey<String> = FactKey::new("aws.policy-arn");

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
            gives: vec![POLICY_ARN.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.iam-policy",
                "IAM policy for the bucket prefix",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let grant = self.identity.grant(facts)?;
        let (arn, intended) = (grant.policy_arn(), grant.permissions());
        let Identity {
            role: name,
            prefix,
            ownership,
            ..
        } = &self.identity;
        let sharing = format!(
            "every bucket whose name starts with `{prefix}` belongs to this installation; share the prefix with nothing else"
        );
        let Some(policy) = self.aws.policy(&arn).await.map_err(refused)? else {
            let create = Change::new(Verb::Create, "policy", name).after(pretty(&intended));
            return Ok(Observation::differs(vec![create])
                .notice(sharing)
                .with(&POLICY_ARN, &arn));
        };
        let version = &policy.default_version;
        let found = self
            .aws
            .policy_document(&arn, version)
            .await
            .map_err(not_there_yet)?;
        let found = parse(&found);
        let changes = if is_same(&found, &intended) {
            Vec::new()
        } else {
            vec![
                Change::new(Verb::Update, "policy", name)
                    .before(pretty(&found))
                    .after(pretty(&intended)),
            ]
        };
        let mut whose = "tags are ours";
        if !ownership.is_ours(&policy.tags) {
            if Ownership::is_unmarked(&policy.tags) && self.is_on_our_role(&arn).await? {
                whose = "on the role that carries our tags";
            } else {
                return Ok(ownership.conflict("policy", name, &policy.tags, changes));
            }
        }
        let note = format!("version {version} allows s3:* on `{prefix}*`, {whose}");
        Ok(Observation::of_changes(changes, note)
            .notice(sharing)
            .with(&POLICY_ARN, &arn))
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let grant = self.identity.grant(facts)?;
        let (arn, document) = (grant.policy_arn(), grant.permissions().to_string());
        let identity = &self.identity;
        if self.aws.policy(&arn).await.map_err(refused)?.is_none() {
            let policy = NewPolicy {
                name: identity.role.clone(),
                path: identity.path.clone(),
                document,
                description: Some(identity.policy_description()),
                tags: identity.ownership.tags(&context.run),
            };
            self.aws.create_policy(policy).await.map_err(refused)?;
            return Ok(());
        }
        let versions = self
            .aws
            .policy_versions(&arn)
            .await
            .map_err(not_there_yet)?;
        if versions.len() >= VERSION_LIMIT {
            // The policy is ours, and so are its versions: the oldest one makes room.
            let oldest = versions
                .iter()
                .filter(|version| !version.is_default)
                .min_by_key(|version| version.created);
            if let Some(oldest) = oldest {
                self.aws
                    .delete_policy_version(&arn, &oldest.id)
                    .await
                    .map_err(refused)?;
            }
        }
        self.aws
            .create_policy_version(&arn, &document)
            .await
            .map_err(not_there_yet)?;
        Ok(())
    }
}

impl IamPolicy {
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
}

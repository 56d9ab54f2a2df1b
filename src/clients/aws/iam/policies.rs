//! Managed policies and their versions.

use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::{config, types};

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::{Tags, decoded, for_sdk, from_sdk};

/// A managed policy as it is, without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its ARN, which holds path and name.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its path, `/` when it has none.
    pub path: String,
    /// What it was described as when it was made; that cannot be changed.
    pub description: Option<String>,
    /// The id of the version in force.
    pub default_version: String,
    /// Its tags.
    pub tags: Tags,
}

/// A managed policy to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPolicy {
    /// Its name.
    pub name: String,
    /// Its path, `/` for none.
    pub path: String,
    /// What it allows: a policy document in JSON.
    pub document: String,
    /// For people.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// One of the at most five versions that a policy keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its id, `v1` and up.
    pub id: String,
    /// Whether it is in force.
    pub is_default: bool,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
}

impl Aws {
    /// Returns the managed policy with this ARN.
    pub async fn policy(&self, arn: &str) -> Result<Option<Policy>, AwsError> {
        const OPERATION: &str = "iam:GetPolicy";
        let answer = self
            .inner
            .iam
            .get_policy()
            .policy_arn(arn)
            .send()
            .await
            .map_err(self.failed(OPERATION));
        found(answer)?
            .and_then(|answer| answer.policy)
            .map(|policy| policy_from_sdk(OPERATION, policy))
            .transpose()
    }

    /// Returns the ARN of the account's own policy of this name, whatever its path: names are
    /// unique in an account, and IAM does not tell two apart by case.
    pub async fn policy_arn_of(&self, name: &str) -> Result<Option<String>, AwsError> {
        let mut pages = self
            .inner
            .iam
            .list_policies()
            .scope(types::PolicyScopeType::Local)
            .into_paginator()
            .items()
            .send();
        while let Some(policy) = pages.next().await {
            let policy = policy.map_err(self.failed("iam:ListPolicies"))?;
            let found = policy.policy_name.unwrap_or_default();
            if found.eq_ignore_ascii_case(name) {
                return Ok(policy.arn);
            }
        }
        Ok(None)
    }

    /// Returns the document of one version, in JSON.
    pub async fn policy_document(&self, arn: &str, version: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "iam:GetPolicyVersion";
        let answer = self
            .inner
            .iam
            .get_policy_version()
            .policy_arn(arn)
            .version_id(version)
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        decoded(
            OPERATION,
            answer
                .policy_version()
                .and_then(types::PolicyVersion::document),
        )
    }

    /// Returns the versions of a policy.
    pub async fn policy_versions(&self, arn: &str) -> Result<Vec<PolicyVersion>, AwsError> {
        let versions: Vec<types::PolicyVersion> = self
            .inner
            .iam
            .list_policy_versions()
            .policy_arn(arn)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("iam:ListPolicyVersions"))?;
        Ok(versions
            .into_iter()
            .map(|version| PolicyVersion {
                is_default: version.is_default_version,
                created: version
                    .create_date
                    .and_then(|date| jiff::Timestamp::from_second(date.secs()).ok()),
                id: version.version_id.unwrap_or_default(),
            })
            .collect())
    }

    /// Returns the account's own managed policies, and whether there are more than these. A list
    /// holds no tags. At most `pages` pages of a thousand are read.
    pub async fn own_policies(&self, pages: usize) -> Result<(Vec<Policy>, bool), AwsError> {
        const OPERATION: &str = "iam:ListPolicies";
        let mut stream = self
            .inner
            .iam
            .list_policies()
            .scope(types::PolicyScopeType::Local)
            .max_items(1000)
            .into_paginator()
            .send();
        let (mut policies, mut more) = (Vec::new(), false);
        for _ in 0..pages {
            let Some(page) = stream.next().await else {
                return Ok((policies, false));
            };
            let page = page.map_err(self.failed(OPERATION))?;
            more = page.is_truncated;
            // One that lacks what a policy has is not worth losing the others for.
            let found = page.policies.unwrap_or_default().into_iter();
            policies.extend(found.filter_map(|policy| policy_from_sdk(OPERATION, policy).ok()));
        }
        Ok((policies, more))
    }

    /// Creates a managed policy.
    pub async fn create_policy(&self, policy: NewPolicy) -> Result<Policy, AwsError> {
        const OPERATION: &str = "iam:CreatePolicy";
        let answer = self
            .inner
            .iam
            .create_policy()
            .policy_name(policy.name)
            .path(policy.path)
            .policy_document(policy.document)
            .set_description(policy.description)
            .set_tags(for_sdk(&policy.tags))
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        let created = answer
            .policy
            .ok_or_else(|| AwsError::incomplete(OPERATION, "policy"))?;
        policy_from_sdk(OPERATION, created)
    }

    /// Adds a version, puts it in force and returns its id. A sixth one is refused.
    ///
    /// It is asked once: each time it is asked, AWS adds another version, so whoever did not hear
    /// the answer has to look.
    pub async fn create_policy_version(
        &self,
        arn: &str,
        document: &str,
    ) -> Result<String, AwsError> {
        const OPERATION: &str = "iam:CreatePolicyVersion";
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = self
            .inner
            .iam
            .create_policy_version()
            .policy_arn(arn)
            .policy_document(document)
            .set_as_default(true)
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        answer
            .policy_version
            .and_then(|version| version.version_id)
            .ok_or_else(|| AwsError::incomplete(OPERATION, "version id"))
    }

    /// Deletes a policy that nobody has, and that has no version but the one in force. Returns
    /// whether it was there.
    pub async fn delete_policy(&self, arn: &str) -> Result<bool, AwsError> {
        let answer = self
            .inner
            .iam
            .delete_policy()
            .policy_arn(arn)
            .send()
            .await
            .map_err(self.failed("iam:DeletePolicy"));
        Ok(found(answer)?.is_some())
    }

    /// Deletes a version that is not in force.
    pub async fn delete_policy_version(&self, arn: &str, version: &str) -> Result<(), AwsError> {
        self.inner
            .iam
            .delete_policy_version()
            .policy_arn(arn)
            .version_id(version)
            .send()
            .await
            .map_err(self.failed("iam:DeletePolicyVersion"))?;
        Ok(())
    }

    /// Adds tags to the policy and replaces those of the same keys.
    pub async fn tag_policy(&self, arn: &str, tags: &Tags) -> Result<(), AwsError> {
        self.inner
            .iam
            .tag_policy()
            .policy_arn(arn)
            .set_tags(for_sdk(tags))
            .send()
            .await
            .map_err(self.failed("iam:TagPolicy"))?;
        Ok(())
    }
}

fn policy_from_sdk(operation: &str, policy: types::Policy) -> Result<Policy, AwsError> {
    let tags = from_sdk(policy.tags());
    let part =
        |part: Option<String>, what| part.ok_or_else(|| AwsError::incomplete(operation, what));
    Ok(Policy {
        arn: part(policy.arn, "ARN")?,
        name: part(policy.policy_name, "name")?,
        path: policy.path.unwrap_or_else(|| "/".into()),
        description: policy.description,
        default_version: part(policy.default_version_id, "default version")?,
        tags,
    })
}

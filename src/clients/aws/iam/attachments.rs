//! Which managed policies a role has, and who has a managed policy.

use aws_sdk_iam::types;

use super::super::connect::Aws;
use super::super::error::{AwsError, found};

/// A managed policy that a role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Aws {
    /// Returns the managed policies of a role, or `None` when there is no such role.
    pub async fn attached_policies(
        &self,
        role: &str,
    ) -> Result<Option<Vec<AttachedPolicy>>, AwsError> {
        let answer = self
            .inner
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("iam:ListAttachedRolePolicies"));
        let attached = |policy: types::AttachedPolicy| AttachedPolicy {
            name: policy.policy_name.unwrap_or_default(),
            arn: policy.policy_arn.unwrap_or_default(),
        };
        Ok(found(answer)?.map(|policies| policies.into_iter().map(attached).collect()))
    }

    /// Attaches a managed policy. Attaching one it has is no error.
    pub async fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<(), AwsError> {
        self.inner
            .iam
            .attach_role_policy()
            .role_name(role)
            .policy_arn(policy_arn)
            .send()
            .await
            .map_err(self.failed("iam:AttachRolePolicy"))?;
        Ok(())
    }

    /// Detaches a managed policy. Returns whether the role had it.
    pub async fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<bool, AwsError> {
        let answer = self
            .inner
            .iam
            .detach_role_policy()
            .role_name(role)
            .policy_arn(policy_arn)
            .send()
            .await
            .map_err(self.failed("iam:DetachRolePolicy"));
        Ok(found(answer)?.is_some())
    }

    /// Returns who has a managed policy, attached or as a boundary: `role/rok`, `user/ann`,
    /// `group/team`.
    pub async fn policy_holders(&self, policy_arn: &str) -> Result<Vec<String>, AwsError> {
        let mut pages = self
            .inner
            .iam
            .list_entities_for_policy()
            .policy_arn(policy_arn)
            .into_paginator()
            .send();
        let mut holders = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = found(page.map_err(self.failed("iam:ListEntitiesForPolicy")))? else {
                break;
            };
            let roles = page.policy_roles().iter().map(types::PolicyRole::role_name);
            let users = page.policy_users().iter().map(types::PolicyUser::user_name);
            let groups = page.policy_groups();
            let groups = groups.iter().map(types::PolicyGroup::group_name);
            let named = |kind: &'static str| {
                move |name: Option<&str>| name.map(|name| format!("{kind}/{name}"))
            };
            holders.extend(roles.filter_map(named("role")));
            holders.extend(users.filter_map(named("user")));
            holders.extend(groups.filter_map(named("group")));
        }
        Ok(holders)
    }
}

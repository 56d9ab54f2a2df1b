//! Which managed policies a role has.

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
}

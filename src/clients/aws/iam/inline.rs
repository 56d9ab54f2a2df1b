//! Policies that live inside a role.

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::decoded;

/// A policy inside a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinePolicy {
    /// Its name.
    pub name: String,
    /// What it says: a policy document in JSON.
    pub document: String,
}

impl Aws {
    /// Returns the policies inside a role, or `None` when there is no such role.
    pub async fn inline_policies(&self, role: &str) -> Result<Option<Vec<InlinePolicy>>, AwsError> {
        let Some(names) = self.inline_policy_names(role).await? else {
            return Ok(None);
        };
        let policies = names.into_iter().map(|name| self.inline_policy(role, name));
        futures::future::try_join_all(policies).await.map(Some)
    }

    /// Returns the names of the policies inside a role, or `None` when there is no such role.
    pub async fn inline_policy_names(&self, role: &str) -> Result<Option<Vec<String>>, AwsError> {
        let names = self
            .inner
            .iam
            .list_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("iam:ListRolePolicies"));
        found(names)
    }

    async fn inline_policy(&self, role: &str, name: String) -> Result<InlinePolicy, AwsError> {
        const OPERATION: &str = "iam:GetRolePolicy";
        let answer = self
            .inner
            .iam
            .get_role_policy()
            .role_name(role)
            .policy_name(&name)
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        let document = decoded(OPERATION, Some(&answer.policy_document))?;
        Ok(InlinePolicy { name, document })
    }
}

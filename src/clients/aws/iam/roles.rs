//! Roles and who may assume them.

use aws_sdk_iam::types;

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::{Tags, decoded, for_sdk, from_sdk};

/// A role as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name, unique in the account whatever the path.
    pub name: String,
    /// Its ARN, which holds the path.
    pub arn: String,
    /// Its path, `/` when it has none.
    pub path: String,
    /// Who may assume it, and when: a policy document in JSON.
    pub trust_policy: String,
    /// The ARN of the policy that bounds it.
    pub permissions_boundary: Option<String>,
    /// How long a session may last.
    pub max_session_seconds: Option<i32>,
    /// Its tags.
    pub tags: Tags,
}

/// A role to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its path, `/` for none.
    pub path: String,
    /// Who may assume it, and when: a policy document in JSON.
    pub trust_policy: String,
    /// The ARN of the policy that bounds it.
    pub permissions_boundary: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Aws {
    /// Returns the role of this name.
    pub async fn role(&self, name: &str) -> Result<Option<Role>, AwsError> {
        const OPERATION: &str = "iam:GetRole";
        let answer = self
            .inner
            .iam
            .get_role()
            .role_name(name)
            .send()
            .await
            .map_err(self.failed(OPERATION));
        found(answer)?
            .and_then(|answer| answer.role)
            .map(|role| role_from_sdk(OPERATION, role))
            .transpose()
    }

    /// Creates a role.
    pub async fn create_role(&self, role: NewRole) -> Result<Role, AwsError> {
        const OPERATION: &str = "iam:CreateRole";
        let answer = self
            .inner
            .iam
            .create_role()
            .role_name(role.name)
            .path(role.path)
            .assume_role_policy_document(role.trust_policy)
            .set_permissions_boundary(role.permissions_boundary)
            .set_description(role.description)
            .set_tags(for_sdk(&role.tags))
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        let created = answer
            .role
            .ok_or_else(|| AwsError::incomplete(OPERATION, "role"))?;
        role_from_sdk(OPERATION, created)
    }

    /// Replaces the role's trust policy.
    pub async fn update_trust_policy(&self, name: &str, document: &str) -> Result<(), AwsError> {
        self.inner
            .iam
            .update_assume_role_policy()
            .role_name(name)
            .policy_document(document)
            .send()
            .await
            .map_err(self.failed("iam:UpdateAssumeRolePolicy"))?;
        Ok(())
    }

    /// Bounds the role by a policy, instead of the one that bounded it before.
    pub async fn put_permissions_boundary(
        &self,
        name: &str,
        policy_arn: &str,
    ) -> Result<(), AwsError> {
        self.inner
            .iam
            .put_role_permissions_boundary()
            .role_name(name)
            .permissions_boundary(policy_arn)
            .send()
            .await
            .map_err(self.failed("iam:PutRolePermissionsBoundary"))?;
        Ok(())
    }

    /// Takes the bounds of the role away. That it has none is no error.
    pub async fn delete_permissions_boundary(&self, name: &str) -> Result<(), AwsError> {
        let answer = self
            .inner
            .iam
            .delete_role_permissions_boundary()
            .role_name(name)
            .send()
            .await
            .map_err(self.failed("iam:DeleteRolePermissionsBoundary"));
        found(answer)?;
        Ok(())
    }

    /// Deletes a role that has no policies and is in no instance profile. Returns whether it was
    /// there.
    pub async fn delete_role(&self, name: &str) -> Result<bool, AwsError> {
        let answer = self
            .inner
            .iam
            .delete_role()
            .role_name(name)
            .send()
            .await
            .map_err(self.failed("iam:DeleteRole"));
        Ok(found(answer)?.is_some())
    }

    /// Returns name and trust policy of every role of the account, and nothing else of it: a list
    /// holds neither tags nor boundaries.
    pub async fn trusts(&self) -> Result<Vec<(String, String)>, AwsError> {
        let roles: Vec<types::Role> = self
            .inner
            .iam
            .list_roles()
            .max_items(1000)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("iam:ListRoles"))?;
        let trust = |role: types::Role| {
            let policy = role.assume_role_policy_document().unwrap_or_default();
            let policy = percent_encoding::percent_decode_str(policy).decode_utf8_lossy();
            (role.role_name.clone(), policy.into_owned())
        };
        Ok(roles.into_iter().map(trust).collect())
    }

    /// Returns the names of the instance profiles that hold a role, or `None` when there is no such
    /// role.
    pub async fn instance_profiles(&self, role: &str) -> Result<Option<Vec<String>>, AwsError> {
        let answer = self
            .inner
            .iam
            .list_instance_profiles_for_role()
            .role_name(role)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("iam:ListInstanceProfilesForRole"));
        let name = |profile: types::InstanceProfile| profile.instance_profile_name;
        Ok(found(answer)?.map(|profiles| profiles.into_iter().map(name).collect()))
    }

    /// Adds tags to the role and replaces those of the same keys.
    pub async fn tag_role(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        self.inner
            .iam
            .tag_role()
            .role_name(name)
            .set_tags(for_sdk(tags))
            .send()
            .await
            .map_err(self.failed("iam:TagRole"))?;
        Ok(())
    }
}

fn role_from_sdk(operation: &str, role: types::Role) -> Result<Role, AwsError> {
    Ok(Role {
        trust_policy: decoded(operation, role.assume_role_policy_document())?,
        tags: from_sdk(role.tags()),
        permissions_boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        max_session_seconds: role.max_session_duration,
        name: role.role_name,
        arn: role.arn,
        path: role.path,
    })
}

//! Roles, who has them where, and what the caller may do.

use super::connect::Azure;
use super::error::AzureError;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    /// Its resource id.
    pub id: String,
    /// The id without the path before it, the same in every subscription for a built-in role.
    pub name: String,
    /// What people call it: `Storage Blob Data Contributor`.
    pub role_name: String,
    /// Whether somebody other than Microsoft made it.
    pub is_custom: bool,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// What a role allows, or what the caller may do at a place. Each is a list of patterns with `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// What is allowed with resources.
    pub actions: Vec<String>,
    /// What is not, of those.
    pub not_actions: Vec<String>,
    /// What is allowed with the data in them.
    pub data_actions: Vec<String>,
    /// What is not, of those.
    pub not_data_actions: Vec<String>,
}

/// Who has a role where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its resource id.
    pub id: String,
    /// Its name, a GUID.
    pub name: String,
    /// Where it counts: there, and below.
    pub scope: String,
    /// Whose it is.
    pub principal_id: String,
    /// `ServicePrincipal`, `User`, `Group` and so on.
    pub principal_type: Option<String>,
    /// The resource id of the role.
    pub role_definition_id: String,
    /// What somebody wrote beside it.
    pub description: Option<String>,
    /// What narrows it.
    pub condition: Option<String>,
}

/// A role assignment to be made, of an identity or an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAssignment {
    /// The object id of the identity.
    pub principal_id: String,
    /// The resource id of the role.
    pub role_definition_id: String,
    /// What is written beside it.
    pub description: Option<String>,
}

/// Which role assignments are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleFilter<'a> {
    /// Those at the scope and above it.
    AtScope,
    /// Those of a principal, by its object id: at the scope, above it and below it.
    Principal(&'a str),
}

/// Returns whether permissions allow an action, such as
/// `Microsoft.Authorization/roleAssignments/write`; `data` tells whether it is one with data.
pub fn allows(permissions: &[Permission], action: &str, data: bool) -> bool {
    todo!()
}

impl Azure {
    /// Returns the role called `role_name`, as it can be assigned at `scope`.
    pub async fn role_definition(
        &self,
        scope: &str,
        role_name: &str,
    ) -> Result<Option<RoleDefinition>, AzureError> {
        todo!()
    }

    /// Returns the role assignments that count at `scope`.
    pub async fn role_assignments(
        &self,
        scope: &str,
        filter: RoleFilter<'_>,
    ) -> Result<Vec<RoleAssignment>, AzureError> {
        todo!()
    }

    /// Returns the role assignment called `name` at `scope`.
    pub async fn role_assignment(
        &self,
        scope: &str,
        name: &str,
    ) -> Result<Option<RoleAssignment>, AzureError> {
        todo!()
    }

    /// Makes a role assignment called `name`, a GUID, at `scope`.
    pub async fn put_role_assignment(
        &self,
        scope: &str,
        name: &str,
        assignment: &NewAssignment,
    ) -> Result<RoleAssignment, AzureError> {
        todo!()
    }

    /// Deletes the role assignment `id`. One that is gone is fine.
    pub async fn delete_role_assignment(&self, id: &str) -> Result<(), AzureError> {
        todo!()
    }

    /// Returns what the caller may do at `scope`.
    pub async fn permissions(&self, scope: &str) -> Result<Vec<Permission>, AzureError> {
        todo!()
    }
}

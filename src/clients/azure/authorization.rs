//! Roles, who has them where, and what the caller may do.

use azure_core::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::connect::Azure;
use super::error::{AzureError, gone};
use super::request::{read, segment};
use super::resources::{quoted, whole};

const VERSION: &str = "2022-04-01";

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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
/// `Microsoft.Authorization/roleAssignments/write`; `data` tells whether it is one with data. What one
/// permission leaves out another one may allow.
pub fn allows(permissions: &[Permission], action: &str, data: bool) -> bool {
    permissions.iter().any(|permission| {
        let (allowed, left_out) = if data {
            (&permission.data_actions, &permission.not_data_actions)
        } else {
            (&permission.actions, &permission.not_actions)
        };
        let is_like = |pattern: &String| matches(pattern, action);
        allowed.iter().any(is_like) && !left_out.iter().any(is_like)
    })
}

/// Whether an action is like a pattern in which each `*` is any text. Case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    true
}

#[derive(Deserialize)]
struct DefinitionAnswer {
    id: String,
    name: String,
    properties: DefinitionProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionProperties {
    role_name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    permissions: Vec<Permission>,
}

#[derive(Deserialize)]
struct AssignmentAnswer {
    id: String,
    name: String,
    properties: AssignmentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentProperties {
    scope: String,
    principal_id: String,
    principal_type: Option<String>,
    role_definition_id: String,
    description: Option<String>,
    condition: Option<String>,
}

impl From<AssignmentAnswer> for RoleAssignment {
    fn from(found: AssignmentAnswer) -> Self {
        let properties = found.properties;
        Self {
            id: found.id,
            name: found.name,
            scope: properties.scope,
            principal_id: properties.principal_id,
            principal_type: properties.principal_type,
            role_definition_id: properties.role_definition_id,
            description: properties.description,
            condition: properties.condition,
        }
    }
}

impl Azure {
    /// Returns the role called `role_name`, as it can be assigned at `scope`.
    pub async fn role_definition(
        &self,
        scope: &str,
        role_name: &str,
    ) -> Result<Option<RoleDefinition>, AzureError> {
        let filter = format!("roleName eq {}", quoted(role_name));
        let found: Vec<DefinitionAnswer> = self
            .list(
                &below(scope, "roleDefinitions"),
                VERSION,
                &[("$filter", &filter)],
            )
            .await?;
        let definition = |found: DefinitionAnswer| RoleDefinition {
            id: found.id,
            name: found.name,
            role_name: found.properties.role_name,
            is_custom: found.properties.kind.as_deref() == Some("CustomRole"),
            permissions: found.properties.permissions,
        };
        Ok(found.into_iter().map(definition).next())
    }

    /// Returns the role assignments that count at `scope`.
    pub async fn role_assignments(
        &self,
        scope: &str,
        filter: RoleFilter<'_>,
    ) -> Result<Vec<RoleAssignment>, AzureError> {
        let filter = match filter {
            RoleFilter::AtScope => "atScope()".to_owned(),
            RoleFilter::Principal(id) => format!("principalId eq {}", quoted(id)),
        };
        let found: Vec<AssignmentAnswer> = self
            .list(
                &below(scope, "roleAssignments"),
                VERSION,
                &[("$filter", &filter)],
            )
            .await?;
        Ok(found.into_iter().map(RoleAssignment::from).collect())
    }

    /// Returns the role assignment called `name` at `scope`.
    pub async fn role_assignment(
        &self,
        scope: &str,
        name: &str,
    ) -> Result<Option<RoleAssignment>, AzureError> {
        let path = format!("{}/{}", below(scope, "roleAssignments"), segment(name));
        let found: Option<AssignmentAnswer> = self.get(&path, VERSION).await?;
        Ok(found.map(RoleAssignment::from))
    }

    /// Makes a role assignment called `name`, a GUID, at `scope`.
    pub async fn put_role_assignment(
        &self,
        scope: &str,
        name: &str,
        assignment: &NewAssignment,
    ) -> Result<RoleAssignment, AzureError> {
        let path = format!("{}/{}", below(scope, "roleAssignments"), segment(name));
        let mut properties = json!({
            "principalId": assignment.principal_id,
            "roleDefinitionId": assignment.role_definition_id,
            // Without it the directory is asked, which may not know a new identity yet.
            "principalType": "ServicePrincipal",
        });
        if let Some(description) = &assignment.description {
            properties["description"] = description.as_str().into();
        }
        let asked = self
            .asked(Method::Put, &path, VERSION, &[])?
            .json(&json!({"properties": properties}));
        let operation = asked.operation();
        let answer = self.send(asked).await?;
        let made: AssignmentAnswer = read(&operation, &answer)?;
        Ok(made.into())
    }

    /// Deletes the role assignment `id`. One that is gone is fine.
    pub async fn delete_role_assignment(&self, id: &str) -> Result<(), AzureError> {
        let asked = self.asked(Method::Delete, whole(id), VERSION, &[])?;
        gone(self.send(asked).await)
    }

    /// Returns what the caller may do at `scope`.
    pub async fn permissions(&self, scope: &str) -> Result<Vec<Permission>, AzureError> {
        self.list(&below(scope, "permissions"), VERSION, &[]).await
    }
}

/// Returns the path of what authorization has at a scope.
fn below(scope: &str, what: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/{what}", whole(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_held_against_patterns_without_case() {
        for (pattern, action, is_like) in [
            ("*", "Microsoft.Storage/storageAccounts/read", true),
            ("*/read", "Microsoft.Storage/storageAccounts/read", true),
            ("*/read", "Microsoft.Storage/storageAccounts/write", false),
            (
                "Microsoft.Storage/*",
                "microsoft.storage/storageAccounts/write",
                true,
            ),
            (
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/roleAssignments/delete",
                true,
            ),
            ("Microsoft.A/*/b/*/c", "Microsoft.A/1/b/2/c", true),
            ("Microsoft.A/*/b/*/c", "Microsoft.A/1/b/c", false),
            ("Microsoft.A/read", "Microsoft.A/readers", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, action), is_like, "{pattern} {action}");
        }
    }

    #[test]
    fn what_one_role_leaves_out_another_may_allow() {
        let permission = |actions: &[&str], not_actions: &[&str]| Permission {
            actions: actions.iter().map(ToString::to_string).collect(),
            not_actions: not_actions.iter().map(ToString::to_string).collect(),
            ..Permission::default()
        };
        let contributor = permission(&["*"], &["Microsoft.Authorization/*/Write"]);
        let write = "Microsoft.Authorization/roleAssignments/write";
        assert!(!allows(std::slice::from_ref(&contributor), write, false));
        let administrator = permission(&["Microsoft.Authorization/*"], &[]);
        let both = [contributor, administrator];
        assert!(allows(&both, write, false));
        assert!(!allows(&both, "Microsoft.Storage/x/read", true));
    }
}

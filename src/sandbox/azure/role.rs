//! Roles: what their permissions allow.

mod built_in;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::authorization::Plane;
use super::state::AzureState;
use built_in::BUILT_IN;
pub(super) use built_in::MANAGED_IDENTITY_OPERATOR;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDefinition {
    pub guid: String,
    /// `Storage Blob Data Contributor`.
    pub name: String,
    pub description: String,
    /// `BuiltInRole` or `CustomRole`.
    pub kind: String,
    pub permissions: Vec<Permission>,
    pub assignable_scopes: Vec<String>,
}

/// What a role allows; names may hold `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    pub actions: Vec<String>,
    pub not_actions: Vec<String>,
    pub data_actions: Vec<String>,
    pub not_data_actions: Vec<String>,
}

impl Permission {
    pub(super) fn allows(&self, action: &str, plane: Plane) -> bool {
        let (granted, withheld) = match plane {
            Plane::Control => (&self.actions, &self.not_actions),
            Plane::Data => (&self.data_actions, &self.not_data_actions),
        };
        let named = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        named(granted) && !named(withheld)
    }
}

impl RoleDefinition {
    /// The id under which a subscription shows the role.
    pub(super) fn id(&self, subscription: &str) -> String {
        let root = match subscription {
            "" => String::new(),
            id => format!("/subscriptions/{id}"),
        };
        format!(
            "{root}/providers/Microsoft.Authorization/roleDefinitions/{}",
            self.guid
        )
    }

    pub(super) fn document(&self, subscription: &str) -> Value {
        json!({
            "id": self.id(subscription),
            "name": self.guid,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "type": self.kind,
                "description": self.description,
                "assignableScopes": self.assignable_scopes,
                "permissions": self.permissions,
                "createdOn": "2015-02-02T21:55:09.8806423Z",
                "updatedOn": "2021-11-11T20:13:52.3466234Z",
                "createdBy": null,
                "updatedBy": null,
            },
        })
    }
}

/// All roles that can be assigned, the built-in ones first.
pub(super) fn all(state: &AzureState) -> impl Iterator<Item = &RoleDefinition> {
    let custom = state.custom_roles.values().map(|role| &role.current);
    BUILT_IN.iter().chain(custom)
}

/// The role of that GUID; with a time, as decisions know it then.
pub(super) fn of_guid<'a>(
    state: &'a AzureState,
    guid: &str,
    now: Option<Timestamp>,
) -> Option<&'a RoleDefinition> {
    let built_in = BUILT_IN
        .iter()
        .find(|role| role.guid.eq_ignore_ascii_case(guid));
    built_in.or_else(|| {
        let role = state.custom_roles.get(&guid.to_ascii_lowercase())?;
        match now {
            Some(now) => role.seen(now),
            None => Some(&role.current),
        }
    })
}

/// The role of that name.
pub(super) fn named<'a>(state: &'a AzureState, name: &str) -> Option<&'a RoleDefinition> {
    all(state).find(|role| role.name.eq_ignore_ascii_case(name))
}

/// Compares an action with a pattern in which `*` stands for anything. `a/*/read` is `a/read`, too.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    is_like(pattern.as_bytes(), action.as_bytes())
        || pattern
            .split_once("/*/")
            .is_some_and(|(first, last)| format!("{first}/{last}") == action)
}

fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    // Where the last star was, and how much of the text it has taken so far.
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((stood, taken)) => {
                    at = stood + 1;
                    place = taken + 1;
                    star = Some((stood, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(role: &str, action: &str, plane: Plane) -> bool {
        let role = BUILT_IN.iter().find(|known| known.name == role).unwrap();
        role.permissions
            .iter()
            .any(|permission| permission.allows(action, plane))
    }

    #[test]
    fn built_in_roles_allow_what_is_documented_of_them() {
        use Plane::{Control, Data};
        let blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
        let assign = "Microsoft.Authorization/roleAssignments/write";
        let identity = "Microsoft.ManagedIdentity/userAssignedIdentities";
        for (role, action, plane, expected) in [
            ("Owner", assign, Control, true),
            // The trap of Azure: who owns an account does not read its blobs.
            ("Owner", blobs, Data, false),
            ("Contributor", assign, Control, false),
            ("Contributor", &format!("{identity}/write"), Control, true),
            (
                "Contributor",
                "microsoft.authorization/roleassignments/read",
                Control,
                true,
            ),
            ("Reader", &format!("{identity}/read"), Control, true),
            ("Reader", &format!("{identity}/write"), Control, false),
            ("User Access Administrator", assign, Control, true),
            (
                "Managed Identity Operator",
                &format!("{identity}/read"),
                Control,
                true,
            ),
            (
                "Managed Identity Operator",
                &format!("{identity}/assign/action"),
                Control,
                true,
            ),
            (
                "Managed Identity Operator",
                &format!("{identity}/write"),
                Control,
                false,
            ),
            ("Storage Blob Data Contributor", blobs, Data, true),
            ("Storage Blob Data Contributor", blobs, Control, false),
            (
                "Storage Blob Data Reader",
                &blobs.replace("read", "write"),
                Data,
                false,
            ),
        ] {
            assert_eq!(allows(role, action, plane), expected, "{role}: {action}");
        }
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, action, expected) in [
            ("*", "a/b", true),
            ("*/read", "a/b/Read", true),
            ("*/read", "a/b/readall", false),
            ("a/*/c", "a/b/b/c", true),
            ("a/*/c", "a/c", true),
            ("a/b", "a/b/c", false),
            ("a/*", "a", false),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} on {action}");
        }
    }
}

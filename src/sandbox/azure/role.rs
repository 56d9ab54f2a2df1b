//! Roles: what their permissions allow, and the built-in ones with the ids that every tenant has.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::authorization::Plane;
use super::state::AzureState;

pub(super) const MANAGED_IDENTITY_OPERATOR: &str = "f1a07417-d97a-45cb-824c-7a7467783830";

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

/// What almost every built-in role may do besides.
const COMMON: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
];
const NOTHING: &[&str] = &[];

/// A built-in role: name, GUID, description, actions, actions withheld, data actions.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static [&'static str]],
    &'static [&'static str],
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        "Owner",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
        &[&["*"]],
        NOTHING,
        NOTHING,
    ),
    (
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, manage assignments in Azure Blueprints, or share image galleries.",
        &[&["*"]],
        &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ],
        NOTHING,
    ),
    (
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "View all resources, but does not allow you to make any changes.",
        &[&["*/read"]],
        NOTHING,
        NOTHING,
    ),
    (
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "Lets you manage user access to Azure resources.",
        &[&["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"]],
        NOTHING,
        NOTHING,
    ),
    (
        "Role Based Access Control Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not allow you to manage access using other ways, such as Azure Policy.",
        &[&[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ]],
        NOTHING,
        NOTHING,
    ),
    (
        "Managed Identity Operator",
        MANAGED_IDENTITY_OPERATOR,
        "Read and Assign User Assigned Identity",
        &[
            &[
                "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
                "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            ],
            COMMON,
        ],
        NOTHING,
        NOTHING,
    ),
    (
        "Managed Identity Contributor",
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Create, Read, Update, and Delete User Assigned Identity",
        &[
            &[
                "Microsoft.ManagedIdentity/userAssignedIdentities/read",
                "Microsoft.ManagedIdentity/userAssignedIdentities/write",
                "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
                "Microsoft.ManagedIdentity/userAssignedIdentities/revokeTokens/action",
            ],
            COMMON,
        ],
        NOTHING,
        NOTHING,
    ),
    (
        "Storage Account Contributor",
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Lets you manage storage accounts, including accessing storage account keys which provide full access to storage account data.",
        &[
            &[
                "Microsoft.Insights/diagnosticSettings/*",
                "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
                "Microsoft.ResourceHealth/availabilityStatuses/read",
                "Microsoft.Storage/storageAccounts/*",
            ],
            COMMON,
        ],
        NOTHING,
        NOTHING,
    ),
    (
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Allows for read, write and delete access to Azure Storage blob containers and data",
        &[&[
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ]],
        NOTHING,
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        ],
    ),
    (
        "Storage Blob Data Owner",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Allows for full access to Azure Storage blob containers and data, including assigning POSIX access control.",
        &[&[
            "Microsoft.Storage/storageAccounts/blobServices/containers/*",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ]],
        NOTHING,
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
    ),
    (
        "Storage Blob Data Reader",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Allows for read access to Azure Storage blob containers and data",
        &[&[
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ]],
        NOTHING,
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
    ),
    (
        "Azure Kubernetes Service Cluster Admin Role",
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8",
        "List cluster admin credential action.",
        &[&[
            "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
            "Microsoft.ContainerService/managedClusters/accessProfiles/listCredential/action",
            "Microsoft.ContainerService/managedClusters/read",
            "Microsoft.ContainerService/managedClusters/runcommand/action",
        ]],
        NOTHING,
        NOTHING,
    ),
    (
        "Azure Kubernetes Service Cluster User Role",
        "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
        "List cluster user credential action.",
        &[&[
            "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
            "Microsoft.ContainerService/managedClusters/read",
        ]],
        NOTHING,
        NOTHING,
    ),
    (
        "Azure Kubernetes Service Contributor Role",
        "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8",
        "Grants access to read and write Azure Kubernetes Service clusters",
        &[
            &[
                "Microsoft.ContainerService/locations/*",
                "Microsoft.ContainerService/managedClusters/*",
            ],
            COMMON,
        ],
        NOTHING,
        NOTHING,
    ),
    (
        "Virtual Machine Contributor",
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
        "Lets you manage virtual machines, but not access to them, and not the virtual network or storage account they're connected to.",
        &[
            &[
                "Microsoft.Compute/virtualMachines/*",
                "Microsoft.Compute/virtualMachineScaleSets/*",
                "Microsoft.Compute/locations/*",
            ],
            COMMON,
        ],
        NOTHING,
        NOTHING,
    ),
    (
        "Network Contributor",
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Lets you manage networks, but not access to them.",
        &[&["Microsoft.Network/*"], COMMON],
        NOTHING,
        NOTHING,
    ),
];

static BUILT_IN: LazyLock<Vec<RoleDefinition>> = LazyLock::new(|| {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let role = |(name, guid, description, actions, not_actions, data_actions): &Row| {
        let permission = Permission {
            actions: texts(&actions.concat()),
            not_actions: texts(not_actions),
            data_actions: texts(data_actions),
            not_data_actions: Vec::new(),
        };
        RoleDefinition {
            guid: (*guid).into(),
            name: (*name).into(),
            description: (*description).into(),
            kind: "BuiltInRole".into(),
            permissions: vec![permission],
            assignable_scopes: vec!["/".into()],
        }
    };
    ROWS.iter().map(role).collect()
});

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

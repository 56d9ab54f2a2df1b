//! The practice subscription as it is kept on disk.
//!
//! Everything is public and plain, so that a test can break the world on purpose. Azure compares
//! names without case: whatever has a resource id is kept under that id in small letters, see [`key`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::authority::Authority;
use super::operation::Operation;
use super::role::RoleDefinition;
use crate::sandbox::lagged::Lagged;
use crate::sandbox::tls;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// One tenant with its subscriptions and all that is in them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AzureState {
    pub tenant: String,
    /// The subscription that has the cluster.
    pub subscription: String,
    /// By id.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Who signs the server's certificate.
    pub(super) certificates: tls::Authority,
    /// Who signs the tokens.
    pub(super) tokens: Authority,
    /// By client id.
    pub applications: BTreeMap<String, Application>,
    pub groups: BTreeMap<String, ResourceGroup>,
    pub identities: BTreeMap<String, Identity>,
    pub assignments: BTreeMap<String, Assignment>,
    /// Roles besides the built-in ones, by their GUIDs.
    pub custom_roles: BTreeMap<String, Lagged<RoleDefinition>>,
    pub clusters: BTreeMap<String, Cluster>,
    pub scale_sets: BTreeMap<String, ScaleSet>,
    /// By name: storage accounts share one space of names.
    pub accounts: BTreeMap<String, StorageAccount>,
    pub deployments: BTreeMap<String, Deployment>,
    /// What takes its time, by id.
    pub operations: BTreeMap<String, Operation>,
    pub locks: BTreeMap<String, Lock>,
    /// Policies that forbid to write.
    pub policies: Vec<Policy>,
    /// Resource providers that the subscription may use, in small letters.
    pub registered: BTreeSet<String>,
}

/// A subscription of the tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subscription {
    pub name: String,
    /// `Enabled`, `Warned`, `Disabled`.
    pub state: String,
}

/// An application of the directory with its service principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Application {
    pub name: String,
    pub client_id: String,
    pub object_id: String,
    pub secrets: Vec<String>,
}

/// A resource group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResourceGroup {
    pub subscription: String,
    pub name: String,
    pub location: String,
    pub tags: Tags,
    /// The resource that this group belongs to, such as a cluster.
    pub managed_by: Option<String>,
}

/// A user-assigned managed identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// As Azure writes it: with a small `resourcegroups`.
    pub id: String,
    pub name: String,
    pub location: String,
    pub tags: Tags,
    pub client_id: String,
    pub principal_id: String,
    /// When the directory, and everybody but the resource provider, knows of it.
    pub known: Lagged<()>,
    /// By name in small letters.
    pub credentials: BTreeMap<String, FederatedCredential>,
}

/// Whose tokens Entra takes for those of a managed identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FederatedCredential {
    pub name: String,
    pub trust: Lagged<Trust>,
}

/// What an assertion must say, letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
}

/// A role that somebody has at a scope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    pub id: String,
    /// A GUID.
    pub name: String,
    pub scope: String,
    pub principal: String,
    /// `ServicePrincipal`, `User`, `Group`.
    pub principal_type: String,
    /// The GUID of the role.
    pub role: String,
    pub description: Option<String>,
    pub created: Timestamp,
    /// The object id of who made it.
    pub created_by: String,
    /// When decisions know of it.
    pub in_force: Lagged<()>,
}

/// An AKS cluster; its API server is elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cluster {
    pub id: String,
    pub name: String,
    pub location: String,
    pub tags: Tags,
    /// The cluster's own identity, as Azure shows it.
    pub identity: Value,
    /// `properties` as Azure shows them.
    pub properties: Value,
    pub etag: String,
    pub endpoint: String,
    pub certificate_authority_pem: String,
    /// The token of the user that the kubeconfig of Azure names.
    pub token: String,
}

/// The machines of a node pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleSet {
    pub id: String,
    pub name: String,
    pub location: String,
    pub tags: Tags,
    /// The ids of identities that its machines may use.
    pub identities: Vec<String>,
}

/// A storage account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StorageAccount {
    pub id: String,
    pub name: String,
    pub location: String,
    pub tags: Tags,
    pub kind: String,
    /// `Standard_LRS` and the like.
    pub sku: String,
    pub created: Timestamp,
    /// Of `properties` what was given, and what Azure sets where nothing was.
    pub properties: Value,
    /// Both halves are base64, as Azure gives them.
    pub keys: [String; 2],
    /// Blob containers, by name.
    pub containers: BTreeMap<String, Container>,
}

/// A container of blobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Container {
    pub created: Timestamp,
    pub etag: String,
    pub blobs: BTreeMap<String, Blob>,
}

/// A blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Blob {
    pub body: Vec<u8>,
    pub content_type: String,
    pub etag: String,
    pub modified: Timestamp,
    /// The `x-ms-meta-…` headers, without their prefix.
    pub metadata: BTreeMap<String, String>,
}

/// A template that was deployed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub name: String,
    /// `properties` as Azure shows them.
    pub properties: Value,
    /// What was done, one entry for each resource.
    pub operations: Vec<Value>,
}

/// A management lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lock {
    pub id: String,
    pub name: String,
    pub scope: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
}

/// A policy that denies to write resources of a type below a scope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub scope: String,
    /// `Microsoft.Storage/storageAccounts`.
    pub resource_type: String,
}

/// What a thing of Azure is kept under.
pub fn key(id: &str) -> String {
    id.trim_end_matches('/').to_ascii_lowercase()
}

impl AzureState {
    /// The managed identity with that client id.
    pub fn identity_of_client(&self, client_id: &str) -> Option<&Identity> {
        self.identities
            .values()
            .find(|identity| identity.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The service principal of the application with that object id.
    pub fn application_of_object(&self, object_id: &str) -> Option<&Application> {
        self.applications
            .values()
            .find(|application| application.object_id.eq_ignore_ascii_case(object_id))
    }

    /// Adds a service principal without any role. Returns its object id.
    pub fn add_application(&mut self, name: &str, client_id: &str, secret: &str) -> String {
        let object_id = crate::sandbox::random::uuid();
        self.applications.insert(
            client_id.to_ascii_lowercase(),
            Application {
                name: name.into(),
                client_id: client_id.into(),
                object_id: object_id.clone(),
                secrets: vec![secret.into()],
            },
        );
        object_id
    }

    /// Gives a role at a scope, at once. The role is named as people name it.
    ///
    /// # Panics
    ///
    /// When no role has that name.
    pub fn assign(&mut self, principal: &str, role: &str, scope: &str, now: Timestamp) -> String {
        let role = super::role::named(self, role)
            .unwrap_or_else(|| panic!("no role is called `{role}`"))
            .guid
            .clone();
        let name = crate::sandbox::random::uuid();
        let scope = scope.trim_end_matches('/');
        let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
        self.assignments.insert(
            key(&id),
            Assignment {
                id: id.clone(),
                name,
                scope: scope.into(),
                principal: principal.into(),
                principal_type: "ServicePrincipal".into(),
                role,
                description: None,
                created: now,
                created_by: principal.into(),
                in_force: Lagged::settled(()),
            },
        );
        id
    }

    /// Whether the directory has somebody of that object id, and when deciders may know.
    pub(super) fn known_principal(&self, object_id: &str) -> Option<(PrincipalKind, Lagged<()>)> {
        let is_it = |id: &str| id.eq_ignore_ascii_case(object_id);
        if self.application_of_object(object_id).is_some() {
            return Some((PrincipalKind::ServicePrincipal, Lagged::settled(())));
        }
        let identity = self
            .identities
            .values()
            .find(|identity| is_it(&identity.principal_id));
        if let Some(identity) = identity {
            return Some((PrincipalKind::ManagedIdentity, identity.known.clone()));
        }
        self.clusters
            .values()
            .any(|cluster| cluster.principal().is_some_and(is_it))
            .then(|| (PrincipalKind::ManagedIdentity, Lagged::settled(())))
    }
}

/// What somebody of the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    ServicePrincipal,
    ManagedIdentity,
}

impl Cluster {
    /// The object id of the control plane's identity.
    pub fn principal(&self) -> Option<&str> {
        self.identity["principalId"].as_str()
    }

    /// The group that holds the cluster's machines.
    pub fn node_group(&self) -> &str {
        self.properties["nodeResourceGroup"]
            .as_str()
            .unwrap_or_default()
    }

    /// Who issues the tokens of the cluster's service accounts, where that is switched on.
    pub fn issuer(&self) -> Option<&str> {
        let profile = &self.properties["oidcIssuerProfile"];
        (profile["enabled"] == true).then(|| profile["issuerURL"].as_str())?
    }
}

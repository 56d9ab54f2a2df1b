//! The ARM template: what of the identity a deployment makes, and its text.
//!
//! A deployment may be repeated, and then changes nothing. Everything is written out: names and ids
//! are known, and the one thing that is not, the object id of an identity that is still to be made, is
//! looked up by the deployment itself.

use serde_json::{Value, json};

use super::{DATA_ROLE_ID, Handoff, OPERATOR_ROLE_ID};
use crate::clients::azure::ResourceId;
use crate::steps::azure::Method;
use crate::steps::handoff::Part;

const SCHEMA: &str =
    "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const IDENTITY_VERSION: &str = "2023-01-31";
const STORAGE: &str = "Microsoft.Storage/storageAccounts";
const STORAGE_VERSION: &str = "2023-05-01";
const ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";
const ASSIGNMENT_VERSION: &str = "2022-04-01";
const DEPLOYMENT: &str = "Microsoft.Resources/deployments";
const DEPLOYMENT_VERSION: &str = "2022-09-01";

/// Why no template makes what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTemplate {
    /// A template does not look before it makes something.
    #[error("not everything could be seen, and a template would write over what is there")]
    Unseen,
    /// A template gives an object the tags that it names, and no others.
    #[error("a template would take other tags away from managed identity `{0}`")]
    OtherTags(String),
    /// The credential names an issuer that is not there yet.
    #[error(
        "the issuer of AKS cluster `{0}` is known once it is switched on, which a template cannot do \
         without writing over the cluster"
    )]
    NoIssuer(String),
}

/// Returns the template of what is missing.
///
/// # Errors
///
/// When a template cannot make all of it.
pub(super) fn text(handoff: &Handoff) -> Result<String, NoTemplate> {
    let (identity, standing) = (&handoff.identity, &handoff.standing);
    let method = identity.method;
    if standing.identity == Part::Outdated {
        return Err(NoTemplate::OtherTags(identity.name.clone()));
    }
    if method == Method::WorkloadIdentity && standing.feature.is_open() {
        return Err(NoTemplate::NoIssuer(identity.cluster.clone()));
    }
    if standing.needed(method).contains(&Part::Unknown) {
        return Err(NoTemplate::Unseen);
    }
    let mut resources = Vec::new();
    if standing.account.is_open() {
        resources.push(handoff.storage_account());
    }
    if standing.identity.is_open() {
        resources.push(handoff.managed_identity());
    }
    if standing.data_role.is_open() {
        resources.push(handoff.data_role());
    }
    match method {
        Method::WorkloadIdentity if standing.credential.is_open() => {
            resources.push(handoff.credential());
        }
        Method::PodIdentity if standing.operator_role.is_open() => {
            resources.push(handoff.operator_role());
        }
        _ => {}
    }
    Ok(pretty(&template(&resources)))
}

fn template(resources: &[Value]) -> Value {
    json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "resources": resources,
    })
}

impl Handoff {
    fn managed_identity(&self) -> Value {
        json!({
            "type": IDENTITY,
            "apiVersion": IDENTITY_VERSION,
            "name": literal(&self.identity.name),
            "location": literal(&self.identity.location),
            "tags": self.tags(),
        })
    }

    fn storage_account(&self) -> Value {
        json!({
            "type": STORAGE,
            "apiVersion": STORAGE_VERSION,
            "name": literal(&self.identity.account),
            "location": literal(&self.identity.location),
            "tags": self.tags(),
            "sku": { "name": "Standard_LRS" },
            "kind": "StorageV2",
            "properties": {
                "supportsHttpsTrafficOnly": true,
                "minimumTlsVersion": "TLS1_2",
                "allowBlobPublicAccess": false,
                "allowSharedKeyAccess": false,
                "allowCrossTenantReplication": false,
                "defaultToOAuthAuthentication": true,
            },
        })
    }

    fn credential(&self) -> Value {
        let name = format!("{}/{}", self.identity.name, self.known.credential);
        json!({
            "type": format!("{IDENTITY}/federatedIdentityCredentials"),
            "apiVersion": IDENTITY_VERSION,
            "name": literal(&name),
            "dependsOn": self.after_identity(),
            "properties": {
                "issuer": literal(&self.known.issuer),
                "subject": literal(&self.identity.subject()),
                "audiences": [literal(&self.known.audience)],
            },
        })
    }

    /// The identity's role on the storage account, which may be in a group of its own: a deployment to
    /// one group reaches another one by a deployment within it.
    fn data_role(&self) -> Value {
        let mut after = self.after_identity();
        if self.standing.account.is_open() {
            after.push(resource(STORAGE, &self.identity.account));
        }
        let account = ResourceId::parse(&self.known.account);
        let group = account.map(|account| account.group);
        let elsewhere = group.filter(|group| !group.eq_ignore_ascii_case(&self.identity.group));
        let scope = format!("{STORAGE}/{}", self.identity.account);
        let Some(group) = elsewhere else {
            let mut assignment = self.assignment(
                &self.data_assignment(),
                &scope,
                DATA_ROLE_ID,
                &self.principal(),
            );
            assignment["dependsOn"] = json!(after);
            return assignment;
        };
        let inner = self.assignment(
            &self.data_assignment(),
            &scope,
            DATA_ROLE_ID,
            "[parameters('principal')]",
        );
        let mut template = template(&[inner]);
        template["parameters"] = json!({ "principal": { "type": "string" } });
        json!({
            "type": DEPLOYMENT,
            "apiVersion": DEPLOYMENT_VERSION,
            "name": literal(&self.deployment()),
            "resourceGroup": literal(&group),
            "dependsOn": after,
            "properties": {
                "mode": "Incremental",
                "expressionEvaluationOptions": { "scope": "inner" },
                "parameters": { "principal": { "value": self.principal() } },
                "template": template,
            },
        })
    }

    /// The cluster's role on the identity.
    fn operator_role(&self) -> Value {
        let scope = format!("{IDENTITY}/{}", self.identity.name);
        let principal = literal(&self.known.control_plane);
        let name = self.operator_assignment();
        let mut assignment = self.assignment(&name, &scope, OPERATOR_ROLE_ID, &principal);
        assignment["dependsOn"] = json!(self.after_identity());
        assignment
    }

    /// With the principal's type told, nobody looks it up in a directory that has not heard of it.
    fn assignment(&self, name: &str, scope: &str, role: &str, principal: &str) -> Value {
        json!({
            "type": ASSIGNMENT,
            "apiVersion": ASSIGNMENT_VERSION,
            "name": name,
            "scope": literal(scope),
            "properties": {
                "roleDefinitionId": literal(&self.role(role)),
                "principalId": principal,
                "principalType": "ServicePrincipal",
                "description": literal(&self.description()),
            },
        })
    }

    /// The identity's object id, as it is known or as the deployment finds it.
    fn principal(&self) -> String {
        let known = &self.known.principal;
        if !known.is_empty() {
            return literal(known);
        }
        let id = word(&self.identity.id());
        format!("[reference({id}, '{IDENTITY_VERSION}').principalId]")
    }

    fn after_identity(&self) -> Vec<String> {
        let makes = self.standing.identity.is_open();
        let identity = makes.then(|| resource(IDENTITY, &self.identity.name));
        identity.into_iter().collect()
    }

    fn tags(&self) -> Value {
        let marks = self.marks().into_iter();
        let tags = marks.map(|(name, value)| (name, json!(literal(&value))));
        Value::Object(tags.collect())
    }
}

/// Returns the id of a resource in the deployment's group, as an expression.
fn resource(kind: &str, name: &str) -> String {
    format!("[resourceId('{kind}', {})]", word(name))
}

/// Returns the text as a string of an expression.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns the text as a value that is no expression, whatever it begins with.
fn literal(text: &str) -> String {
    let expression = if text.starts_with('[') { "[" } else { "" };
    format!("{expression}{text}")
}

fn pretty(template: &Value) -> String {
    format!("{template:#}\n")
}

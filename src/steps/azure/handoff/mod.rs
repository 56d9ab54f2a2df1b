//! What an administrator of Azure needs who has the rights that the operator lacks: an ARM template, a
//! script, and a page that explains both.

mod page;
mod script;
mod standing;
mod template;

pub use standing::Standing;
pub use template::NoTemplate;

use std::path::Path;

use super::identity::{AzureIdentity, Method};
use super::role_assignment::{DATA_ROLE_ID, OPERATOR_ROLE_ID};
use crate::steps::handoff::shell::command;
use crate::steps::handoff::{self, HandoffFile, PAGE, Part, SCRIPT};
use crate::steps::names;

/// The steps that make the identity, which somebody else can make for the caller.
pub const PARTS: &[&str] = &[
    "azure.storage-account",
    "azure.managed-identity",
    "azure.role-assignment",
    "azure.workload-identity",
    "azure.federated-credential",
    "azure.identity-operator",
];

/// The file of the template.
pub const TEMPLATE: &str = "rok-identity.json";

/// The longest name of a deployment.
const DEPLOYMENT_LIMIT: usize = 64;

/// What is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// The identity.
    pub identity: AzureIdentity,
    /// What of it is there.
    pub standing: Standing,
    /// What was found that the files name.
    pub known: Known,
    /// The caller who lacks the rights.
    pub operator: String,
}

/// What was found that the files name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The tenant's id.
    pub tenant: String,
    /// The storage account's resource id.
    pub account: String,
    /// The managed identity's object id; empty while it is still to be made.
    pub principal: String,
    /// The cluster's issuer; empty while it has none.
    pub issuer: String,
    /// The object id that the cluster's control plane acts as; empty where it has none.
    pub control_plane: String,
    /// What tokens are for that Entra exchanges.
    pub audience: String,
    /// The name of the federated credential: that of the one which is to change.
    pub credential: String,
}

impl Handoff {
    /// Returns the command that deploys the template in that file.
    fn deploy_command(&self, template: &Path) -> String {
        let identity = &self.identity;
        command([
            "az",
            "deployment",
            "group",
            "create",
            "--subscription",
            &identity.subscription,
            "--resource-group",
            &identity.group,
            "--name",
            &self.deployment(),
            "--template-file",
            &template.display().to_string(),
        ])
    }

    /// The deployment's name, by which Azure keeps what was deployed.
    fn deployment(&self) -> String {
        let name = self.identity.name.chars();
        name.take(DEPLOYMENT_LIMIT).collect()
    }

    /// The tags that say whose an object is.
    fn marks(&self) -> [(String, String); 2] {
        self.identity.ownership.marks()
    }

    /// Returns the template's text, or why no template makes what is missing.
    fn template(&self) -> Result<String, NoTemplate> {
        template::text(self)
    }

    /// Whose the data role is, as its assignment is named: the principal's, or, while nobody knows that,
    /// the identity's own. A request that is sent again finds what it made.
    fn data_assignment(&self) -> String {
        let (principal, id) = (&self.known.principal, self.identity.id());
        let whose = if principal.is_empty() { &id } else { principal };
        names::assignment(&self.known.account, whose, DATA_ROLE_ID)
    }

    /// The name of the assignment that lets the cluster give the identity to its nodes.
    fn operator_assignment(&self) -> String {
        let (id, principal) = (self.identity.id(), &self.known.control_plane);
        names::assignment(&id, principal, OPERATOR_ROLE_ID)
    }

    /// The resource id of a built-in role.
    fn role(&self, definition: &str) -> String {
        let subscription = &self.identity.subscription;
        format!(
            "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{definition}"
        )
    }

    /// What is written beside an assignment.
    fn description(&self) -> String {
        self.identity.assignment_description()
    }
}

impl handoff::Handoff for Handoff {
    fn cluster(&self) -> &str {
        &self.identity.ownership.cluster
    }

    fn is_complete(&self) -> bool {
        self.standing.is_complete(self.identity.method)
    }

    fn missing(&self) -> Vec<String> {
        let AzureIdentity {
            name,
            account,
            cluster,
            group,
            ..
        } = &self.identity;
        let standing = &self.standing;
        let mut lines = Vec::new();
        let mut say = |part: Part, made: String, changed: String| match part {
            Part::There => {}
            Part::Missing => lines.push(made),
            Part::Outdated => lines.push(changed),
            Part::Unknown => lines.push(format!("{made}, unless it is there already")),
        };
        let storage = format!("the storage account `{account}`");
        say(standing.account, storage.clone(), storage);
        say(
            standing.identity,
            format!("the managed identity `{name}` in resource group `{group}`"),
            format!("our tags on managed identity `{name}`"),
        );
        let role = format!(
            "role `{}` for that identity, on storage account `{account}` alone",
            super::DATA_ROLE
        );
        say(standing.data_role, role.clone(), role);
        match self.identity.method {
            Method::WorkloadIdentity => {
                let feature =
                    format!("OIDC issuer and workload identity of AKS cluster `{cluster}`");
                say(standing.feature, feature.clone(), feature);
                let subject = self.identity.subject();
                say(
                    standing.credential,
                    format!("a federated credential of that identity for `{subject}`"),
                    format!(
                        "federated credential `{}` of that identity, which is outdated",
                        self.known.credential
                    ),
                );
            }
            Method::PodIdentity => {
                let role = format!(
                    "role `{}` for the control plane of AKS cluster `{cluster}`, on that identity",
                    super::OPERATOR_ROLE
                );
                say(standing.operator_role, role.clone(), role);
            }
        }
        lines
    }

    fn files(&self) -> Vec<HandoffFile> {
        let template = self.template().into_iter();
        template
            .map(|text| HandoffFile::text(TEMPLATE, text))
            .chain([
                HandoffFile::program(SCRIPT, script::text(self)),
                HandoffFile::text(PAGE, page::text(self)),
            ])
            .collect()
    }

    fn names(&self) -> &'static [&'static str] {
        &[TEMPLATE, SCRIPT, PAGE]
    }

    fn commands(&self, folder: &Path) -> Vec<String> {
        let script = folder.join(SCRIPT).display().to_string();
        let template = self.template().into_iter();
        let deploy = template.map(|_| self.deploy_command(&folder.join(TEMPLATE)));
        deploy.chain([command(["bash", &script])]).collect()
    }
}

#[cfg(test)]
mod tests;

//! The page: what is asked for, why, and how, for somebody who has not heard of it before.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Handoff, Method, TEMPLATE as TEMPLATE_FILE};
use crate::steps::azure::DATA_ROLE;
use crate::steps::azure::who::exactly;
use crate::steps::handoff::markdown::{code, list, one_line};
use crate::steps::handoff::shell::command;
use crate::steps::handoff::{Handoff as _, PAGE, SCRIPT, render};

const TEMPLATE: &str = include_str!("../../../../templates/handoff/azure/README.md.j2");

/// Returns the page.
pub(super) fn text(handoff: &Handoff) -> String {
    let (identity, known) = (&handoff.identity, &handoff.known);
    let id = identity.id();
    let in_group = [
        "--subscription",
        &identity.subscription,
        "--resource-group",
        &identity.group,
    ];
    let az = |words: &[&str]| command([&["az"], words].concat());
    let grouped = |words: &[&str]| az(&[words, &in_group].concat());
    let in_words = match identity.method {
        Method::WorkloadIdentity => {
            let issuer = if known.issuer.is_empty() {
                format!("the issuer of AKS cluster {}", code(&identity.cluster))
            } else {
                format!("issuer {}", code(&known.issuer))
            };
            format!(
                "{} of {issuer} with audience {}",
                exactly(&identity.subject()),
                code(&known.audience)
            )
        }
        Method::PodIdentity => format!(
            "the Pods of namespace {} of AKS cluster {} that carry the label `aadpodidbinding: {}`",
            code(&identity.namespace),
            code(&identity.cluster),
            one_line(&identity.pod_identity)
        ),
    };
    let operator = identity.method == Method::PodIdentity;
    let undo = operator.then(|| {
        let name = handoff.operator_assignment();
        let id = format!("{id}/providers/Microsoft.Authorization/roleAssignments/{name}");
        az(&["role", "assignment", "delete", "--ids", &id])
    });
    let data = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/{}",
        known.account,
        handoff.data_assignment()
    );
    let undo = undo.into_iter().chain([
        az(&["role", "assignment", "delete", "--ids", &data]),
        az(&["identity", "delete", "--ids", &id]),
    ]);
    let mut variables: BTreeMap<String, String> = [
        ("CLUSTER", code(&identity.cluster)),
        ("OPERATOR", code(&handoff.operator)),
        (
            "ROK_CLUSTER",
            code(&format!(
                "{}/{}",
                identity.namespace, identity.service_account
            )),
        ),
        ("GROUP", code(&identity.group)),
        ("SUBSCRIPTION", code(&identity.subscription)),
        ("MISSING", list(&handoff.missing())),
        ("ROLE", code(DATA_ROLE)),
        ("ACCOUNT", code(&identity.account)),
        ("ADMISSION", one_line(&in_words)),
        ("SCRIPT_COMMAND", command(["bash", SCRIPT])),
        ("CHECK_IDENTITY", az(&["identity", "show", "--ids", &id])),
        (
            "CHECK_ROLE",
            az(&[
                "role",
                "assignment",
                "list",
                "--scope",
                &known.account,
                "--role",
                DATA_ROLE,
            ]),
        ),
        ("UNDO", undo.collect::<Vec<_>>().join("\n")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if identity.method == Method::WorkloadIdentity {
        let check = grouped(&[
            "identity",
            "federated-credential",
            "list",
            "--identity-name",
            &identity.name,
        ]);
        variables.insert("CHECK_CREDENTIALS".into(), check);
    }
    match handoff.template() {
        Ok(_) => {
            let deploy = handoff.deploy_command(Path::new(TEMPLATE_FILE));
            variables.insert("TEMPLATE_COMMAND".into(), deploy);
        }
        Err(reason) => {
            variables.insert("NO_TEMPLATE".into(), one_line(&reason.to_string()));
        }
    }
    render(PAGE, TEMPLATE, &variables)
}

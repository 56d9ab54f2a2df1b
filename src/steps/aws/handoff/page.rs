//! The page: what is asked for, why, and how, for somebody who has not heard of it before.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Handoff, STACK};
use crate::steps::handoff::markdown::{code, list, one_line};
use crate::steps::handoff::shell::command;
use crate::steps::handoff::{Handoff as _, PAGE, Part, SCRIPT, render};

const TEMPLATE: &str = include_str!("../../../../templates/handoff/README.md.j2");

/// Returns the page.
pub(super) fn text(handoff: &Handoff) -> String {
    let (grant, about) = (&handoff.grant, &handoff.about);
    let identity = &grant.identity;
    let (role, region) = (identity.role.as_str(), about.region.as_str());
    let policy = grant.policy_arn();
    let iam = |words: &[&str]| command([&["aws", "iam"], words, &["--region", region]].concat());
    let undo = [
        iam(&[
            "detach-role-policy",
            "--role-name",
            role,
            "--policy-arn",
            &policy,
        ]),
        iam(&["delete-policy", "--policy-arn", &policy]),
        iam(&["delete-role", "--role-name", role]),
    ];
    let mut variables: BTreeMap<String, String> = [
        ("CLUSTER", code(&identity.ownership.cluster)),
        ("OPERATOR", code(&about.operator)),
        ("ROK_CLUSTER", code(&about.installation)),
        ("REGION", code(region)),
        ("ACCOUNT", code(&grant.account)),
        ("MISSING", list(&handoff.missing())),
        ("PREFIX", code(&identity.prefix)),
        ("ADMISSION", one_line(&grant.admission().in_words())),
        ("SCRIPT_COMMAND", command(["bash", SCRIPT])),
        ("CHECK_ROLE", iam(&["get-role", "--role-name", role])),
        (
            "CHECK_POLICIES",
            iam(&["list-attached-role-policies", "--role-name", role]),
        ),
        (
            "CHECK_PROVIDER",
            iam(&[
                "get-open-id-connect-provider",
                "--open-id-connect-provider-arn",
                &grant.provider_arn(),
            ]),
        ),
        ("UNDO_SCRIPT", undo.join("\n")),
        (
            "UNDO_STACK",
            command([
                "aws",
                "cloudformation",
                "delete-stack",
                "--stack-name",
                &identity.stack,
                "--region",
                region,
            ]),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    match &handoff.stack {
        Ok(_) => {
            let deploy = handoff.deploy_command(Path::new(STACK));
            variables.insert("STACK_COMMAND".into(), deploy);
        }
        Err(reason) => {
            variables.insert("NO_STACK".into(), one_line(&reason.to_string()));
        }
    }
    if let Some(boundary) = &identity.boundary {
        variables.insert("BOUNDARY".into(), code(boundary));
    }
    if handoff.standing.provider == Part::Unknown {
        let text = "It could not be seen whether the account has the cluster's OIDC provider. The stack takes it \
                    for there; the script looks, and makes it when it is missing.";
        variables.insert("ASSUMED".into(), text.into());
    }
    render(PAGE, TEMPLATE, &variables)
}

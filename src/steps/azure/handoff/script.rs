//! The script: the identity by the Azure CLI.

use std::collections::BTreeMap;

use super::{DATA_ROLE_ID, Handoff, OPERATOR_ROLE_ID};
use crate::clients::azure::ResourceId;
use crate::steps::azure::Method;
use crate::steps::handoff::shell::quoted;
use crate::steps::handoff::{Part, SCRIPT, render};

const TEMPLATE: &str = include_str!("../../../../templates/handoff/azure/create-identity.sh.j2");

/// Returns the script.
pub(super) fn text(handoff: &Handoff) -> String {
    let (identity, known, standing) = (&handoff.identity, &handoff.known, &handoff.standing);
    let [cluster, recipe] = handoff.marks();
    let account_group = ResourceId::parse(&known.account).map(|id| id.group);
    let mut variables: BTreeMap<String, String> = [
        ("TENANT", known.tenant.clone()),
        ("SUBSCRIPTION", identity.subscription.clone()),
        ("GROUP", identity.group.clone()),
        ("LOCATION", identity.location.clone()),
        ("CLUSTER", cluster.1),
        ("RECIPE", recipe.1),
        ("IDENTITY", identity.name.clone()),
        ("IDENTITY_ID", identity.id()),
        ("ACCOUNT", identity.account.clone()),
        ("ACCOUNT_GROUP", account_group.unwrap_or_default()),
        ("ACCOUNT_ID", known.account.clone()),
        ("DATA_ROLE", handoff.role(DATA_ROLE_ID)),
        ("DATA_ASSIGNMENT", handoff.data_assignment()),
        ("OPERATOR_ROLE", handoff.role(OPERATOR_ROLE_ID)),
        ("OPERATOR_ASSIGNMENT", handoff.operator_assignment()),
        ("CONTROL_PLANE", known.control_plane.clone()),
        ("DESCRIPTION", handoff.description()),
        ("AKS_CLUSTER", identity.cluster.clone()),
        ("ISSUER", known.issuer.clone()),
        ("SUBJECT", identity.subject()),
        ("AUDIENCE", known.audience.clone()),
        ("CREDENTIAL", known.credential.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), quoted(&value)))
    .into();
    let pods = identity.method == Method::PodIdentity;
    let (feature, credential, operator) = if pods {
        (Part::There, Part::There, standing.operator_role)
    } else {
        (standing.feature, standing.credential, Part::There)
    };
    for (name, part) in [
        ("MAKES_ACCOUNT", standing.account),
        ("MAKES_IDENTITY", standing.identity),
        ("ASSIGNS_DATA_ROLE", standing.data_role),
        ("ENABLES", feature),
        ("MAKES_CREDENTIAL", credential),
        ("ASSIGNS_OPERATOR_ROLE", operator),
    ] {
        let word = if part.is_open() { "yes" } else { "no" };
        variables.insert(name.into(), word.into());
    }
    let marks = if standing.identity == Part::Outdated {
        "yes"
    } else {
        "no"
    };
    variables.insert("MARKS_IDENTITY".into(), marks.into());
    render(SCRIPT, TEMPLATE, &variables)
}

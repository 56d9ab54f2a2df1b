//! The script: the identity by the AWS CLI.

use std::collections::BTreeMap;

use serde_json::json;

use super::Handoff;
use crate::steps::aws::policy::AUDIENCE;
use crate::steps::handoff::shell::quoted;
use crate::steps::handoff::{SCRIPT, render};

const TEMPLATE: &str = include_str!("../../../../templates/handoff/create-identity.sh.j2");

/// Returns the script.
pub(super) fn text(handoff: &Handoff) -> String {
    let (grant, standing) = (&handoff.grant, &handoff.standing);
    let identity = &grant.identity;
    let [cluster, recipe] = handoff.marks();
    let tags: Vec<_> = [&cluster, &recipe]
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .into();
    let mut variables: BTreeMap<String, String> = [
        ("ACCOUNT", grant.account.clone()),
        ("PARTITION", grant.partition.clone()),
        ("REGION", handoff.about.region.clone()),
        ("CLUSTER", cluster.1),
        ("RECIPE", recipe.1),
        ("TAGS", json!(tags).to_string()),
        ("ISSUER", grant.issuer.clone()),
        ("AUDIENCE", AUDIENCE.to_owned()),
        ("PROVIDER_ARN", grant.provider_arn()),
        ("ROLE", identity.role.clone()),
        ("POLICY_ARN", grant.policy_arn()),
        ("PATH", identity.path.clone()),
        ("ROLE_DESCRIPTION", identity.role_description().to_owned()),
        ("TRUST", grant.trust_policy().to_string()),
        ("POLICY_DESCRIPTION", identity.policy_description()),
        ("PERMISSIONS", grant.permissions().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), quoted(&value)))
    .into();
    if let Some(boundary) = &identity.boundary {
        variables.insert("BOUNDARY".into(), quoted(boundary));
    }
    for (name, part) in [
        ("MAKES_PROVIDER", standing.provider),
        ("MAKES_ROLE", standing.role),
        ("MAKES_POLICY", standing.policy),
        ("ATTACHES", standing.attachment),
    ] {
        let word = if part.is_open() { "yes" } else { "no" };
        variables.insert(name.into(), word.into());
    }
    render(SCRIPT, TEMPLATE, &variables)
}

//! What a statement must hold and must not, by where its document stands, in AWS's words.

use super::{Clause, Malformed, Principals};

pub(super) const VENDOR: &str =
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

pub(super) fn identity(
    actions: &Clause,
    resources: Option<&Clause>,
    principals: Option<&Principals>,
) -> Result<(), Malformed> {
    if principals.is_some() {
        return Err(Malformed(
            "Policy document should not specify a principal.".into(),
        ));
    }
    if actions
        .patterns
        .iter()
        .any(|action| action != "*" && !action.contains(':'))
    {
        return Err(Malformed(VENDOR.into()));
    }
    let resources =
        resources.ok_or(Malformed("Policy statement must contain resources.".into()))?;
    for resource in &resources.patterns {
        let mut parts = resource.split(':');
        match (parts.next(), parts.next()) {
            (Some("*"), None) => {}
            (Some("arn"), Some(partition)) => {
                let valid = ["aws", "aws-cn", "aws-us-gov", "*"].contains(&partition);
                if !valid {
                    return Err(Malformed(format!(
                        "Partition \"{partition}\" is not valid for resource \"{resource}\"."
                    )));
                }
                if resource.splitn(6, ':').count() < 6 && !resource.ends_with('*') {
                    return Err(Malformed("The policy failed legacy parsing".into()));
                }
            }
            _ => {
                return Err(Malformed(format!(
                    "Resource {resource} must be in ARN format or \"*\"."
                )));
            }
        }
    }
    Ok(())
}

pub(super) fn trust(
    actions: &Clause,
    resources: Option<&Clause>,
    principals: Option<&Principals>,
) -> Result<(), Malformed> {
    if resources.is_some() {
        return Err(Malformed("Has prohibited field Resource".into()));
    }
    let principals = principals.ok_or(Malformed("Missing required field Principal".into()))?;
    let is_sts = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("sts:");
    if !actions.patterns.iter().all(is_sts) {
        return Err(Malformed(
            "AssumeRole policy may only specify STS AssumeRole actions.".into(),
        ));
    }
    for (kind, value) in &principals.entries {
        let valid = match kind.as_str() {
            "Federated" => value.starts_with("arn:") || !value.contains(':'),
            "AWS" => {
                value == "*"
                    || value.starts_with("arn:")
                    || (value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()))
                    || ["AROA", "AIDA"]
                        .iter()
                        .any(|prefix| value.starts_with(prefix))
            }
            _ => true,
        };
        if !valid {
            return Err(invalid_principal(kind, value));
        }
    }
    Ok(())
}

pub(in crate::sandbox::aws) fn invalid_principal(kind: &str, value: &str) -> Malformed {
    Malformed(format!(
        "Invalid principal in policy: \"{kind}\":\"{value}\""
    ))
}

//! What a role's policies say about an action on a resource, as far as documents alone can tell.

use serde_json::Value;

use crate::steps::aws::policy::{is_like, list};

/// A policy that a role holds.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Its name or ARN.
    pub(super) name: String,
    /// Its document.
    pub(super) document: Value,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// The policy that denies it.
    Denied(String),
    /// It depends on a condition.
    Unclear,
    /// It is allowed on these resources and not on the one asked about.
    Elsewhere(Vec<String>),
    /// Nothing speaks of the action.
    Missing,
}

/// Decides as IAM does: a denial beats everything, what nobody allows is denied.
pub(super) fn decide(policies: &[Held], action: &str, resource: &str) -> Verdict {
    let (mut allowed, mut unclear, mut elsewhere) = (false, false, Vec::new());
    for policy in policies {
        for statement in list(&policy.document["Statement"]) {
            if !covers(statement, "Action", "NotAction", |pattern| {
                is_like(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
            }) {
                continue;
            }
            let on_resource = covers(statement, "Resource", "NotResource", |pattern| {
                is_like(pattern, resource)
            });
            let variable = texts(&statement["Resource"]).any(|pattern| pattern.contains("${"));
            let depends = !statement["Condition"].is_null() || variable;
            match (
                statement["Effect"] == "Deny",
                on_resource || variable,
                depends,
            ) {
                (true, true, false) => return Verdict::Denied(policy.name.clone()),
                (_, true, true) => unclear = true,
                (false, true, false) => allowed = true,
                (false, false, _) => {
                    elsewhere.extend(texts(&statement["Resource"]).map(str::to_owned));
                }
                (true, false, _) => {}
            }
        }
    }
    if unclear {
        Verdict::Unclear
    } else if allowed {
        Verdict::Allowed
    } else if elsewhere.is_empty() {
        Verdict::Missing
    } else {
        Verdict::Elsewhere(elsewhere)
    }
}

fn covers(statement: &Value, name: &str, negated: &str, fits: impl Fn(&str) -> bool) -> bool {
    if statement[negated].is_null() {
        texts(&statement[name]).any(fits)
    } else {
        !texts(&statement[negated]).any(fits)
    }
}

fn texts(values: &Value) -> impl Iterator<Item = &str> {
    list(values).iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decided(statements: &Value) -> Verdict {
        let held = Held {
            name: "p".into(),
            document: json!({ "Statement": statements }),
        };
        decide(&[held], "s3:GetObject", "arn:aws:s3:::rok-1/x")
    }

    #[test]
    fn a_document_is_read_as_iam_reads_it() {
        let allow =
            json!({ "Effect": "Allow", "Action": "S3:Get*", "Resource": "arn:aws:s3:::rok-1*" });
        assert_eq!(decided(&allow), Verdict::Allowed);
        let mut other = allow.clone();
        other["Resource"] = "arn:aws:s3:::rok-2*".into();
        let elsewhere = Verdict::Elsewhere(vec!["arn:aws:s3:::rok-2*".into()]);
        assert_eq!(decided(&other), elsewhere);
        other["Action"] = "s3:PutObject".into();
        assert_eq!(decided(&other), Verdict::Missing);
        let deny =
            json!({ "Effect": "Deny", "NotAction": "s3:Put*", "NotResource": "arn:aws:s3:::x" });
        assert_eq!(decided(&json!([allow, deny])), Verdict::Denied("p".into()));
        let mut conditional = deny.clone();
        conditional["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(decided(&json!([allow, conditional])), Verdict::Unclear);
        let mut variable = allow.clone();
        variable["Resource"] = "arn:aws:s3:::${aws:PrincipalTag/b}".into();
        assert_eq!(decided(&variable), Verdict::Unclear);
    }
}

//! Why a trust policy does not let the service account in.
//!
//! STS says one sentence for all of it; here each statement is compared with the token, and the
//! one that comes nearest is explained.

use serde_json::Value;

use super::causes::{TRUST_AUDIENCE, TRUST_DENIES, TRUST_OTHER, TRUST_PROVIDER, TRUST_SUBJECT};
use super::entry::Cause;
use crate::steps::aws::policy::{AUDIENCE, Admission, is_about_tokens, is_like, list};

/// Returns what is wrong with a trust policy, and what was found there; none when it lets the
/// service account in.
pub(super) fn fault(admission: &Admission, document: &Value) -> Option<(&'static Cause, String)> {
    if admission.is_granted_by(document) {
        return None;
    }
    let statements = list(&document["Statement"]);
    let allowed = statements
        .iter()
        .any(|statement| admission.is_allowed_by(statement));
    if allowed {
        let denial = statements
            .iter()
            .find(|statement| admission.may_be_denied_by(statement));
        return denial.map(|statement| (&TRUST_DENIES, statement.to_string()));
    }
    let nearest = statements
        .iter()
        .filter(|statement| statement["Effect"] == "Allow" && is_about_tokens(statement))
        .map(|statement| mismatches(admission, statement))
        .min_by_key(Vec::len);
    let mismatch = nearest.and_then(|mismatches| mismatches.into_iter().next());
    let nothing = || "no statement allows `sts:AssumeRoleWithWebIdentity`".to_owned();
    Some(mismatch.unwrap_or_else(|| (&TRUST_OTHER, nothing())))
}

/// Returns the conditions of the statements about tokens, for people.
pub(super) fn in_words(document: &Value) -> String {
    let words: Vec<String> = list(&document["Statement"])
        .iter()
        .filter(|statement| is_about_tokens(statement))
        .flat_map(|statement| each_test(statement).collect::<Vec<_>>())
        .map(|(operator, key, values)| {
            let key = key.rsplit(':').next().unwrap_or(key);
            format!("{key} {operator} {}", joined(values))
        })
        .collect();
    if words.is_empty() {
        "no condition".into()
    } else {
        words.join(", ")
    }
}

/// What keeps one statement from letting the service account in, the plainest first.
fn mismatches(admission: &Admission, statement: &Value) -> Vec<(&'static Cause, String)> {
    let mut mismatches = Vec::new();
    let principals = list(&statement["Principal"]["Federated"]);
    if !principals
        .iter()
        .any(|value| value == admission.provider.as_str())
    {
        let found = if principals.is_empty() {
            statement["Principal"].to_string()
        } else {
            joined(&statement["Principal"]["Federated"])
        };
        mismatches.push((&TRUST_PROVIDER, found));
    }
    for (operator, key, values) in each_test(statement) {
        let (cause, claim) = match key.strip_prefix(&admission.issuer) {
            Some(":sub") => (&TRUST_SUBJECT, admission.subject.as_str()),
            Some(":aud") => (&TRUST_AUDIENCE, AUDIENCE),
            // Its provider is told of already.
            None if key.contains("/id/") => continue,
            _ => {
                let found = format!("{operator} on `{key}`, which the token does not have");
                mismatches.push((&TRUST_OTHER, found));
                continue;
            }
        };
        let expected = || list(values).iter().filter_map(Value::as_str);
        let holds = match operator {
            "StringEquals" => expected().any(|expected| expected == claim),
            "StringLike" => expected().any(|expected| is_like(expected, claim)),
            _ => {
                let found = format!("{operator} on `{key}`");
                mismatches.push((&TRUST_OTHER, found));
                continue;
            }
        };
        if !holds {
            // A common mistake: nothing but the character itself equals a `*`.
            let pattern = operator == "StringEquals"
                && expected().any(|expected| expected.contains('*') && is_like(expected, claim));
            let found = joined(values);
            let found = if pattern {
                format!(
                    "{found} under StringEquals, where `*` is no pattern: StringLike has patterns"
                )
            } else {
                found
            };
            mismatches.push((cause, found));
        }
    }
    mismatches
}

/// Every test of a statement's conditions: operator, key and values.
fn each_test(statement: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    conditions.flat_map(|(operator, tests)| {
        let tests = tests.as_object().into_iter().flatten();
        tests.map(move |(key, values)| (operator.as_str(), key.as_str(), values))
    })
}

fn joined(values: &Value) -> String {
    let texts: Vec<_> = list(values)
        .iter()
        .map(|value| value.as_str().unwrap_or("?"))
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rok() -> Admission {
        Admission {
            provider: "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1".into(),
            issuer: "oidc.example/id/1".into(),
            subject: "system:serviceaccount:rok:rok".into(),
        }
    }

    fn of(change: impl FnOnce(&mut Value)) -> Option<(&'static str, String)> {
        let mut trust = rok().trust_policy();
        change(&mut trust["Statement"][0]);
        fault(&rok(), &trust).map(|(cause, found)| (cause.id, found))
    }

    #[test]
    fn each_mismatch_is_named_with_what_was_found() {
        assert_eq!(of(|_| ()), None);
        let other = "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/2";
        let seen = of(|it| {
            it["Principal"]["Federated"] = other.into();
            it["Condition"] = json!({ "StringEquals": { "oidc.example/id/2:aud": AUDIENCE } });
        });
        assert_eq!(seen, Some(("trust-provider", other.into())));
        let test = |key: &str, value: &str| {
            of(|it| {
                it["Condition"]["StringEquals"][format!("oidc.example/id/1:{key}")] = value.into();
            })
        };
        let subject = "system:serviceaccount:rok:other";
        assert_eq!(
            test("sub", subject),
            Some(("trust-subject", subject.into()))
        );
        let audience = test("aud", "sts.us-west-2.amazonaws.com");
        assert_eq!(audience.unwrap().0, "trust-audience");
        let (id, found) = test("sub", "system:serviceaccount:rok:*").unwrap();
        assert!(
            id == "trust-subject" && found.contains("StringLike"),
            "{found}"
        );
    }

    #[test]
    fn what_is_not_a_mismatch_of_claims_is_told_too() {
        let (id, found) = of(|it| {
            it["Condition"]["IpAddress"] = json!({ "aws:SourceIp": "10.0.0.0/8" });
        })
        .unwrap();
        assert!(
            id == "trust-other" && found.contains("aws:SourceIp"),
            "{found}"
        );
        let (id, found) = of(|it| it["Action"] = "sts:AssumeRole".into()).unwrap();
        assert!(
            id == "trust-other" && found.starts_with("no statement"),
            "{found}"
        );
        let mut trust = rok().trust_policy();
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
        trust["Statement"].as_array_mut().unwrap().push(deny);
        assert_eq!(fault(&rok(), &trust).unwrap().0.id, "trust-denies");
    }

    #[test]
    fn the_nearest_statement_is_the_one_explained() {
        let mut trust = rok().trust_policy();
        let mut far = trust["Statement"][0].clone();
        far["Principal"]["Federated"] = "arn:other".into();
        far["Condition"]["StringEquals"]["oidc.example/id/1:sub"] = "x".into();
        trust["Statement"][0]["Condition"]["StringEquals"]["oidc.example/id/1:sub"] = "near".into();
        trust["Statement"].as_array_mut().unwrap().insert(0, far);
        assert_eq!(
            fault(&rok(), &trust).unwrap(),
            (&TRUST_SUBJECT, "near".into())
        );
    }
}

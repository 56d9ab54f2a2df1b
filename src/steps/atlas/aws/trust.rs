//! Why a trust policy does not let the service account in.
//!
//! STS says one sentence for all of it; here each statement is compared with the token, and the
//! one that comes nearest is explained.

use serde_json::Value;

use super::causes::{TRUST_AUDIENCE, TRUST_DENIES, TRUST_OTHER, TRUST_PROVIDER, TRUST_SUBJECT};
use crate::steps::atlas::entry::Cause;
use crate::steps::aws::policy::{
    AUDIENCE, Admission, Certainty, Condition, Statement, admitted, is_like, list,
};

/// Returns what is wrong with a trust policy, and what was found there; none when it lets the
/// service account in.
pub(super) fn fault(admission: &Admission, document: &Value) -> Option<(&'static Cause, String)> {
    let token = admission.token();
    if admitted(document).admits(&token) {
        return None;
    }
    let statements = || {
        list(&document["Statement"])
            .iter()
            .map(|it| (Statement::parse(it), it))
    };
    if statements().any(|(statement, _)| statement.allows(&token) == Certainty::Yes) {
        let denial = statements().find(|(statement, _)| statement.denies(&token) != Certainty::No);
        return denial.map(|(_, found)| (&TRUST_DENIES, found.to_string()));
    }
    let nearest = statements()
        .filter(|(statement, found)| {
            found["Effect"] == "Allow" && statement.is_about_tokens() == Certainty::Yes
        })
        .map(|(statement, found)| mismatches(admission, &statement, &found["Principal"]))
        .min_by_key(Vec::len);
    let mismatch = nearest.and_then(|mismatches| mismatches.into_iter().next());
    let nothing = || "no statement allows `sts:AssumeRoleWithWebIdentity`".to_owned();
    Some(mismatch.unwrap_or_else(|| (&TRUST_OTHER, nothing())))
}

/// Returns the conditions of the statements about tokens, for people.
pub(super) fn in_words(document: &Value) -> String {
    let words: Vec<String> = list(&document["Statement"])
        .iter()
        .map(Statement::parse)
        .filter(|statement| statement.is_about_tokens() != Certainty::No)
        .flat_map(|statement| statement.conditions)
        .map(|condition| {
            let claim = condition.key.rsplit(':').next().unwrap_or(&condition.key);
            format!("{claim} {} {}", condition.name, condition.values.join(", "))
        })
        .collect();
    if words.is_empty() {
        "no condition".into()
    } else {
        words.join(", ")
    }
}

/// What keeps one statement from letting the service account in, the plainest first.
fn mismatches(
    admission: &Admission,
    statement: &Statement,
    principal: &Value,
) -> Vec<(&'static Cause, String)> {
    let mut mismatches = Vec::new();
    let is_ours = statement.names(&admission.provider) == Certainty::Yes;
    if !is_ours {
        mismatches.push((&TRUST_PROVIDER, providers(principal)));
    }
    for condition in &statement.conditions {
        let holds = condition.holds(&admission.token());
        if holds == Certainty::Yes {
            continue;
        }
        mismatches.push(match condition.claim(&admission.issuer) {
            Some("sub") => (&TRUST_SUBJECT, found(condition, &admission.subject)),
            Some("aud") => (&TRUST_AUDIENCE, found(condition, AUDIENCE)),
            // Its provider is told of already.
            None if !is_ours && condition.is_of_an_issuer() => continue,
            _ => {
                let why = match holds {
                    Certainty::Unsure => "which cannot be judged from here",
                    _ => "which the token does not have",
                };
                let found = format!("{} on `{}`, {why}", condition.name, condition.key);
                (&TRUST_OTHER, found)
            }
        });
    }
    mismatches
}

fn providers(principal: &Value) -> String {
    match list(&principal["Federated"]) {
        [] => principal.to_string(),
        providers => {
            let names = providers.iter().map(|name| name.as_str().unwrap_or("?"));
            names.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What a condition wants that a claim is not.
fn found(condition: &Condition, claim: &str) -> String {
    let values = condition.values.join(", ");
    // A common mistake: nothing but the character itself equals a `*`.
    let is_meant = |value: &String| value.contains('*') && is_like(value, claim);
    match condition.name.as_str() {
        "StringEquals" if condition.values.iter().any(is_meant) => {
            format!("{values} under StringEquals, where `*` is no pattern: StringLike has patterns")
        }
        "StringEquals" | "StringLike" => values,
        name => format!("{name} {values}"),
    }
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

//! Our statement among those of others in one trust policy.
//!
//! A role's trust policy may let in others too: another service account, a person, a pipeline. What
//! is not ours stays as it is, in its place, and ours is added or brought up to date beside it.

use serde_json::{Value, json};

use super::policy::{Admission, is_same, list};

/// What AWS takes for a trust policy, in characters without blanks, unless the quota was raised.
pub(super) const SIZE_LIMIT: usize = 2048;

/// The most that the quota can be raised to.
const SIZE_RAISED: usize = 4096;

/// Returns the trust policy as it should be: what was found, with our statement in it. It is the
/// found one to the letter when that holds our statement already. In a role that is `ours` one
/// statement was written by us, so it is known again even after somebody has changed whom it lets
/// in.
pub(super) fn with_ours(found: &Value, admission: &Admission, ours: bool) -> Value {
    let intended = admission.trust_policy();
    let statement = &intended["Statement"][0];
    if found.get("Statement").is_none() {
        return intended;
    }
    let mut statements = list(&found["Statement"]).to_vec();
    match place(&statements, statement, admission, ours) {
        Some(place) if means(&statements[place], statement) => return found.clone(),
        Some(place) => statements[place] = statement.clone(),
        None => statements.push(statement.clone()),
    }
    let mut whole = found.clone();
    whole["Statement"] = Value::Array(statements);
    whole
}

/// Whether the document holds our statement, and others beside it.
pub(super) fn has_others(found: &Value, admission: &Admission) -> bool {
    let intended = &admission.trust_policy()["Statement"][0];
    let statements = list(&found["Statement"]);
    statements.len() > 1 && statements.iter().any(|one| means(one, intended))
}

/// Returns how many characters AWS would count of a document that is too large for it, and how
/// many it takes. An account whose document is larger than usual has had its quota raised.
pub(super) fn excess(found: Option<&Value>, whole: &Value) -> Option<(usize, usize)> {
    let raised = found.is_some_and(|found| size(found) > SIZE_LIMIT);
    let limit = if raised { SIZE_RAISED } else { SIZE_LIMIT };
    let size = size(whole);
    (size > limit).then_some((size, limit))
}

fn size(document: &Value) -> usize {
    let text = document.to_string();
    text.chars().filter(|one| !one.is_whitespace()).count()
}

/// Where our statement stands, in whatever state.
fn place(
    statements: &[Value],
    intended: &Value,
    admission: &Admission,
    ours: bool,
) -> Option<usize> {
    let at = |wanted: &dyn Fn(&Value) -> bool| statements.iter().position(wanted);
    let exact = at(&|one| means(one, intended));
    let about_us = || at(&|one| is_alike(one, admission) && lets_in_only_us(one, admission));
    let only_one = || {
        let mut alike = statements
            .iter()
            .enumerate()
            .filter(|(_, one)| is_alike(one, admission));
        match (alike.next(), alike.next()) {
            (Some((place, _)), None) if ours => Some(place),
            _ => None,
        }
    };
    exact.or_else(about_us).or_else(only_one)
}

fn means(one: &Value, other: &Value) -> bool {
    let document = |statement: &Value| json!({ "Version": "2012-10-17", "Statement": [statement] });
    is_same(&document(one), &document(other))
}

/// Whether a statement has the shape of ours: it lets the tokens of our issuer in and is about
/// nothing else, whatever it asks of their subject and audience.
fn is_alike(statement: &Value, admission: &Admission) -> bool {
    let fields = ["Sid", "Effect", "Principal", "Action", "Condition"];
    let has_only = statement
        .as_object()
        .is_some_and(|own| own.keys().all(|key| fields.contains(&key.as_str())));
    let principal = statement["Principal"].as_object();
    let provider = principal.is_some_and(|kinds| {
        kinds.len() == 1 && is_only(&statement["Principal"]["Federated"], &admission.provider)
    });
    let assumes = matches!(list(&statement["Action"]), [Value::String(action)]
        if action.eq_ignore_ascii_case("sts:AssumeRoleWithWebIdentity"));
    let claims = statement["Condition"]
        .as_object()
        .into_iter()
        .flat_map(|operators| operators.values())
        .filter_map(Value::as_object)
        .flat_map(|tests| tests.keys());
    let own_claims = [
        format!("{}:sub", admission.issuer),
        format!("{}:aud", admission.issuer),
    ];
    has_only
        && statement["Effect"] == "Allow"
        && provider
        && assumes
        && claims.into_iter().all(|claim| own_claims.contains(claim))
}

/// Whether it names our subject and nobody else's; the audience may be missing or another one.
fn lets_in_only_us(statement: &Value, admission: &Admission) -> bool {
    let condition = &statement["Condition"];
    let claim = format!("{}:sub", admission.issuer);
    let mut tests = ["StringEquals", "StringLike"]
        .into_iter()
        .map(|operator| &condition[operator][&claim])
        .filter(|values| !values.is_null());
    tests.any(|values| is_only(values, &admission.subject))
}

fn is_only(values: &Value, expected: &str) -> bool {
    matches!(list(values), [Value::String(value)] if value == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "oidc.example/id/1";

    fn rok() -> Admission {
        Admission {
            provider: format!("arn:aws:iam::123451234512:oidc-provider/{ISSUER}"),
            issuer: ISSUER.into(),
            subject: "system:serviceaccount:rok:rok".into(),
        }
    }

    fn ours() -> Value {
        rok().trust_policy()["Statement"][0].clone()
    }

    fn of(subject: &str) -> Value {
        let other = Admission {
            subject: format!("system:serviceaccount:{subject}"),
            ..rok()
        };
        other.trust_policy()["Statement"][0].clone()
    }

    fn person() -> Value {
        json!({
            "Sid": "Break Glass", "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": { "AWS": ["arn:aws:iam::123451234512:role/admin"] },
            "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } },
        })
    }

    fn document(statements: Value) -> Value {
        json!({ "Version": "2008-10-17", "Id": "theirs", "Statement": statements })
    }

    #[test]
    fn ours_is_added_beside_what_others_wrote() {
        for (found, marked) in [
            (document(json!([person()])), false),
            (document(person()), true),
            (document(json!([of("theirs:theirs"), person()])), false),
            (document(json!([of("a:a"), person(), of("b:b")])), true),
        ] {
            let whole = with_ours(&found, &rok(), marked);
            let before = list(&found["Statement"]);
            let after = list(&whole["Statement"]);
            assert_eq!(&after[..before.len()], before, "theirs, in their places");
            assert_eq!(&after[before.len()..], [ours()]);
            assert_eq!(
                (&whole["Version"], &whole["Id"]),
                (&found["Version"], &found["Id"])
            );
            assert_eq!(with_ours(&whole, &rok(), marked), whole, "once is enough");
            assert!(has_others(&whole, &rok()) && !has_others(&found, &rok()));
        }
    }

    #[test]
    fn ours_is_known_again_and_mended_in_its_place() {
        let without = |field: &str| {
            let mut statement = ours();
            let tests = statement["Condition"]["StringEquals"]
                .as_object_mut()
                .unwrap();
            tests.remove(&format!("{ISSUER}:{field}"));
            statement
        };
        let mut loose = ours();
        loose["Condition"] = json!({ "StringLike": { format!("{ISSUER}:sub"): [rok().subject] } });
        for (statement, marked) in [
            (without("aud"), false),
            (loose, false),
            (of("rok:*"), true),
            (of("rok:other"), true),
            (without("sub"), true),
        ] {
            let found = document(json!([person(), statement]));
            let whole = with_ours(&found, &rok(), marked);
            assert_eq!(whole["Statement"], json!([person(), ours()]));
        }
    }

    #[test]
    fn what_lets_in_others_is_theirs_in_a_role_that_is_not_ours() {
        let mut everybody = ours();
        everybody["Condition"] = json!({
            "StringEquals": { format!("{ISSUER}:aud"): "sts.amazonaws.com" },
        });
        for statement in [everybody, of("rok:*")] {
            let found = document(json!([statement]));
            let whole = with_ours(&found, &rok(), false);
            assert_eq!(whole["Statement"], json!([statement, ours()]));
        }
    }

    #[test]
    fn another_spelling_of_ours_is_left_as_it_is() {
        let mut spelled = ours();
        spelled["Action"] = json!(["sts:assumerolewithwebidentity"]);
        spelled["Sid"] = "Rok".into();
        let found = document(json!([spelled]));
        assert_eq!(with_ours(&found, &rok(), false), found);
        assert_eq!(
            with_ours(&json!("no document"), &rok(), true),
            rok().trust_policy()
        );
    }

    #[test]
    fn the_size_is_that_of_aws_and_a_raised_quota_shows() {
        let many = |count: usize| document(vec![person(); count].into());
        assert_eq!(excess(None, &many(5)), None);
        let (size, limit) = excess(Some(&many(5)), &many(20)).unwrap();
        assert!(size > SIZE_LIMIT && limit == SIZE_LIMIT);
        assert_eq!(excess(Some(&many(12)), &many(13)), None);
    }
}

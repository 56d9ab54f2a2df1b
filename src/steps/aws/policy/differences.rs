//! How one document differs from another, a sentence each.

use std::collections::BTreeSet;

use serde_json::Value;

use super::meaning::{List, Meaning, Statement, Test, Word, joined};
use super::pattern::is_within;
use super::subject;

/// Statements that differ in more places than this have nothing to do with one another.
const ALIKE: usize = 2;

/// Returns how what was found differs from what is intended: nothing exactly when both mean the
/// same.
pub fn differences(found: &Value, intended: &Value) -> Vec<String> {
    let (found, intended) = (Meaning::of(found), Meaning::of(intended));
    let mut words = Vec::new();
    if found.rest != intended.rest {
        words.push(match &found.rest {
            Some(rest) => format!("holds what IAM does not know: {rest}"),
            None => "lacks fields of the intended document".into(),
        });
    }
    if found.version != intended.version {
        words.push(format!(
            "is of version `{}` of the policy language, not `{}`",
            found.version, intended.version
        ));
    }
    let less = |one: &Meaning, other: &Meaning| {
        joined(
            one.statements
                .difference(&other.statements)
                .cloned()
                .collect(),
        )
    };
    let mut further = less(&found, &intended);
    for missing in less(&intended, &found) {
        let nearest = further
            .iter()
            .filter(|other| distance(other, &missing) <= ALIKE)
            .min_by_key(|other| distance(other, &missing))
            .cloned();
        match nearest {
            Some(nearest) => {
                further.remove(&nearest);
                words.extend(between(&nearest, &missing));
            }
            None => words.push(format!("no statement {}", said(&missing))),
        }
    }
    words.extend(
        further
            .iter()
            .map(|statement| format!("a further statement {}", said(statement))),
    );
    words
}

/// In how many places two statements differ.
fn distance(one: &Statement, other: &Statement) -> usize {
    if one.effect != other.effect || one.rest != other.rest {
        return usize::MAX;
    }
    let lists = List::ALL
        .iter()
        .filter(|list| one.lists.get(list) != other.lists.get(list));
    lists.count() + usize::from(one.tests != other.tests)
}

/// How two statements of the same effect differ.
fn between(found: &Statement, intended: &Statement) -> Vec<String> {
    let mut words = Vec::new();
    for list in List::ALL {
        if found.lists.get(&list) != intended.lists.get(&list) {
            let of =
                |statement: &Statement| statement.lists.get(&list).cloned().unwrap_or_default();
            words.push(of_lists(list, &found.effect, &of(found), &of(intended)));
        }
    }
    let keys = |statement: &Statement| -> BTreeSet<Word> {
        statement
            .tests
            .iter()
            .map(|test| test.key.clone())
            .collect()
    };
    let allows = found.effect == "Allow";
    let (keys_found, keys_intended) = (keys(found), keys(intended));
    for key in keys_found.union(&keys_intended) {
        // The issuer before a claim is told only where another one is meant.
        let is_other = |other: &&Word| *other != key && claim(other) == claim(key);
        let name = if keys_found
            .union(&keys_intended)
            .any(|other| is_other(&other))
        {
            &key.shown
        } else {
            claim(key)
        };
        let of = |statement: &Statement| -> Vec<Test> {
            statement
                .tests
                .iter()
                .filter(|test| test.key == *key)
                .cloned()
                .collect()
        };
        let (found, intended) = (of(found), of(intended));
        if found != intended {
            words.push(of_tests(name, allows, &found, &intended));
        }
    }
    words
}

fn of_lists(list: List, effect: &str, found: &BTreeSet<Word>, intended: &BTreeSet<Word>) -> String {
    let further: Vec<&Word> = found.difference(intended).collect();
    let missing: Vec<&Word> = intended.difference(found).collect();
    let within = |narrow: &[&Word], wide: &[&Word]| {
        let is_in = |one: &Word| wide.iter().any(|other| is_within(&one.sense, &other.sense));
        narrow.iter().all(|one| is_in(one))
    };
    let (narrower, wider) = (within(&further, &missing), within(&missing, &further));
    let (new, old) = (
        quoted(further.iter().copied()),
        quoted(missing.iter().copied()),
    );
    let (does, does_not) = match (list, effect) {
        (List::Action, "Allow") => ("allows", "does not allow"),
        (List::Action, "Deny") => ("denies", "does not deny"),
        (List::Principal, "Allow") => ("trusts", "does not trust"),
        (List::Resource, _) => ("is about", "is not about"),
        _ => {
            let name = list.name();
            return format!(
                "`{name}` is {} instead of {}",
                quoted(found),
                quoted(intended)
            );
        }
    };
    match (further.is_empty(), missing.is_empty()) {
        (_, true) => format!("{does} {new} too"),
        (true, _) => format!("{does_not} {old}"),
        _ if narrower && list == List::Action => format!("{does} {new} only, not {old}"),
        _ if narrower && list == List::Resource => format!("narrower: {new} instead of {old}"),
        _ if wider && list != List::Principal => format!("wider: {does} {new} instead of {old}"),
        _ => format!("{does} {new} instead of {old}"),
    }
}

/// How the conditions on one key differ.
fn of_tests(name: &str, allows: bool, found: &[Test], intended: &[Test]) -> String {
    let joined = |tests: &[Test]| {
        let tests: Vec<_> = tests.iter().map(compared).collect();
        tests.join(" and ")
    };
    match (found, intended) {
        ([], _) => format!("lacks the condition on `{name}`"),
        (_, []) => format!("has a further condition: `{name}` {}", joined(found)),
        ([one], [other])
            if allows && one.operator == other.operator && is_choice(&one.operator) =>
        {
            of_values(name, one, other)
        }
        _ => format!("`{name}` {} instead of {}", joined(found), joined(intended)),
    }
}

/// Whether one value of the test is enough, so that each more lets in more.
fn is_choice(operator: &str) -> bool {
    ["StringEquals", "StringLike"].contains(&operator)
}

fn of_values(name: &str, found: &Test, intended: &Test) -> String {
    let in_words = |value: &Word| match name {
        "sub" if found.operator == "StringLike" => subject::like(&value.sense),
        "sub" => subject::exactly(&value.sense),
        "aud" => format!("audience `{}`", value.sense),
        _ => format!("`{name}` `{}`", value.sense),
    };
    let words = |one: &Test, other: &Test| {
        let words: Vec<_> = one.values.difference(&other.values).map(in_words).collect();
        enumerated(&words)
    };
    let (further, missing) = (words(found, intended), words(intended, found));
    match (further.is_empty(), missing.is_empty()) {
        (_, true) => format!("lets in {further} too"),
        (true, _) => format!("does not let in {missing}"),
        _ => format!("lets in {further} instead of {missing}"),
    }
}

/// What a statement says.
fn said(statement: &Statement) -> String {
    if let Some(rest) = &statement.rest {
        return format!("holds what IAM does not know: {rest}");
    }
    let listed = |list: List, before: &str, but: &str, negated: List| {
        let own = statement
            .lists
            .get(&list)
            .map(|values| format!("{before}{}", quoted(values)));
        let others = statement.lists.get(&negated);
        let others = others.map(|values| format!("{before}{but} {}", quoted(values)));
        own.into_iter().chain(others).collect::<String>()
    };
    let effect = match statement.effect.as_str() {
        "Allow" => "allows".into(),
        "Deny" => "denies".into(),
        other => format!("says `{other}` of"),
    };
    let tests = statement.tests.iter();
    let tests: Vec<_> = tests
        .map(|test| format!("`{}` {}", test.key.shown, compared(test)))
        .collect();
    let condition = if tests.is_empty() {
        String::new()
    } else {
        format!(" if {}", tests.join(" and "))
    };
    format!(
        "{effect}{}{}{}{condition}",
        listed(List::Action, " ", "all actions but", List::NotAction),
        listed(List::Resource, " on ", "everything but", List::NotResource),
        listed(List::Principal, " to ", "everybody but", List::NotPrincipal),
    )
}

fn compared(test: &Test) -> String {
    format!("{} {}", test.operator, quoted(&test.values))
}

/// The last part of a key: the claim without its issuer.
fn claim(key: &Word) -> &str {
    let claim = key.shown.rsplit(':').next().unwrap_or(&key.shown);
    if ["sub", "aud", "amr"].contains(&claim) {
        claim
    } else {
        &key.shown
    }
}

fn quoted<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    let words: Vec<_> = words
        .into_iter()
        .map(|word| format!("`{}`", word.shown))
        .collect();
    if words.is_empty() {
        return "nothing".into();
    }
    enumerated(&words)
}

fn enumerated(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{AUDIENCE, Admission, bucket_policy, is_same};
    use super::*;

    const SUB: &str = "oidc.example/id/1:sub";
    const AUD: &str = "oidc.example/id/1:aud";

    fn trust() -> Value {
        let rok = Admission {
            provider: "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1".into(),
            issuer: "oidc.example/id/1".into(),
            subject: "system:serviceaccount:rok:rok".into(),
        };
        rok.trust_policy()
    }

    fn of_trust(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut found = trust();
        change(&mut found["Statement"][0]);
        differences(&found, &trust())
    }

    fn of_bucket(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut found = bucket_policy("aws", "rok-1");
        change(&mut found["Statement"][0]);
        differences(&found, &bucket_policy("aws", "rok-1"))
    }

    #[test]
    fn trust_policies_differ_in_whom_they_let_in() {
        let subject = |value: Value| of_trust(|it| it["Condition"]["StringEquals"][SUB] = value);
        let other = "system:serviceaccount:rok:other";
        assert_eq!(
            subject(json!([other, "system:serviceaccount:rok:rok"])),
            ["lets in service account `rok/other` too"]
        );
        assert_eq!(
            subject(json!(other)),
            ["lets in service account `rok/other` instead of service account `rok/rok`"]
        );
        assert_eq!(
            subject(json!("system:serviceaccount:rok:*")),
            ["lets in subject `system:serviceaccount:rok:*` instead of service account `rok/rok`"]
        );
        assert_eq!(
            of_trust(|it| {
                it["Condition"] = json!({
                    "StringEquals": { AUD: AUDIENCE },
                    "StringLike": { SUB: "system:serviceaccount:rok:*" },
                });
            }),
            [
                "`sub` StringLike `system:serviceaccount:rok:*` instead of StringEquals `system:serviceaccount:rok:rok`"
            ]
        );
        assert_eq!(
            of_trust(|it| it["Condition"]["StringEquals"][AUD] = json!([AUDIENCE, "x"])),
            ["lets in audience `x` too"]
        );
        assert_eq!(
            of_trust(|it| it["Condition"] = json!({ "StringEquals": { AUD: AUDIENCE } })),
            ["lacks the condition on `sub`"]
        );
        assert_eq!(
            of_trust(|it| it["Condition"]["IpAddress"] = json!({ "aws:SourceIp": "10.0.0.0/8" })),
            ["has a further condition: `aws:SourceIp` IpAddress `10.0.0.0/8`"]
        );
    }

    #[test]
    fn trust_policies_differ_in_whom_they_trust() {
        let provider = "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1";
        assert_eq!(
            of_trust(|it| it["Principal"]["Federated"] = json!([provider, "arn:other"])),
            [format!(
                "a further statement allows `sts:AssumeRoleWithWebIdentity` to `arn:other` \
                 if `{AUD}` StringEquals `{AUDIENCE}` and `{SUB}` StringEquals \
                 `system:serviceaccount:rok:rok`"
            )]
        );
        assert_eq!(
            of_trust(|it| it["Principal"] = json!({ "AWS": "123412341234" })),
            [format!(
                "trusts `AWS: 123412341234` instead of `{provider}`"
            )]
        );
        assert_eq!(
            of_trust(|it| {
                it["Principal"]["Federated"] = "arn:other".into();
                it["Condition"] = json!({ "StringEquals": { "oidc.example/id/2:aud": AUDIENCE } });
            }),
            [
                format!("trusts `arn:other` instead of `{provider}`"),
                format!("lacks the condition on `{AUD}`"),
                "lacks the condition on `sub`".into(),
                format!(
                    "has a further condition: `oidc.example/id/2:aud` StringEquals `{AUDIENCE}`"
                ),
            ]
        );
    }

    #[test]
    fn policies_differ_in_what_they_allow() {
        assert_eq!(
            of_bucket(|it| it["Action"] = "s3:GetObject".into()),
            ["allows `s3:GetObject` only, not `s3:*`"]
        );
        assert_eq!(
            of_bucket(|it| it["Action"] = json!(["s3:*", "sts:X"])),
            [
                "a further statement allows `sts:X` on `arn:aws:s3:::rok-1*` and `arn:aws:s3:::rok-1*/*`"
            ]
        );
        assert_eq!(
            of_bucket(|it| it["Action"] = "*".into()),
            ["wider: allows `*` instead of `s3:*`"]
        );
        assert_eq!(
            of_bucket(|it| it["Resource"] = json!(["arn:aws:s3:::rok-1*/*"])),
            ["no statement allows `s3:*` on `arn:aws:s3:::rok-1*`"]
        );
        assert_eq!(
            of_bucket(|it| {
                it["Resource"] = json!(["arn:aws:s3:::rok-1-a*", "arn:aws:s3:::rok-1*/*"]);
            }),
            ["narrower: `arn:aws:s3:::rok-1-a*` instead of `arn:aws:s3:::rok-1*`"]
        );
        assert_eq!(
            of_bucket(|it| {
                it["Resource"] = json!(["arn:aws-cn:s3:::rok-1*", "arn:aws:s3:::rok-1*/*"]);
            }),
            ["is about `arn:aws-cn:s3:::rok-1*` instead of `arn:aws:s3:::rok-1*`"]
        );
        assert_eq!(
            of_bucket(|it| it["Effect"] = "Deny".into()),
            [
                "no statement allows `s3:*` on `arn:aws:s3:::rok-1*` and `arn:aws:s3:::rok-1*/*`",
                "a further statement denies `s3:*` on `arn:aws:s3:::rok-1*` and `arn:aws:s3:::rok-1*/*`"
            ]
        );
        let mut denied = bucket_policy("aws", "rok-1");
        denied["Version"] = "2008-10-17".into();
        let deny = json!({
            "Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*",
            "Condition": { "Bool": { "aws:SecureTransport": false } },
        });
        denied["Statement"].as_array_mut().unwrap().push(deny);
        assert_eq!(
            differences(&denied, &bucket_policy("aws", "rok-1")),
            [
                "is of version `2008-10-17` of the policy language, not `2012-10-17`",
                "a further statement denies all actions but `s3:Get*` on `*` if `aws:SecureTransport` Bool `false`"
            ]
        );
    }

    #[test]
    fn what_is_no_policy_differs_in_all() {
        let words = differences(&Value::String("no json".into()), &trust());
        assert_eq!(words[0], "holds what IAM does not know: \"no json\"");
        assert!(words[2].starts_with("no statement allows"), "{words:?}");
        let mut odd = trust();
        odd["Statement"][0]["Effects"] = "Allow".into();
        let words = differences(&odd, &trust());
        assert!(
            words[1].ends_with("what IAM does not know: {\"Effects\":\"Allow\"}"),
            "{words:?}"
        );
    }

    /// Documents of few words, so that many mean the same.
    fn documents() -> impl Strategy<Value = Value> {
        let values = |words: &'static [&'static str]| {
            prop_oneof![
                proptest::sample::select(words).prop_map(Value::from),
                proptest::collection::vec(proptest::sample::select(words), 0..3)
                    .prop_map(Value::from),
            ]
        };
        let condition = prop_oneof![
            3 => Just(json!({})),
            2 => (values(&["a", "A", "b"]), proptest::sample::select(&["k:x", "K:X", "k:y"][..]))
                .prop_map(|(values, key)| json!({ "StringEquals": { key: values } })),
            1 => Just(json!("odd")),
        ];
        let statement = (
            proptest::sample::select(&["Allow", "Deny"][..]),
            values(&["s3:*", "S3:*", "s3:get"]),
            proptest::sample::select(&["Action", "NotAction"][..]),
            values(&["r", "r*", "R"]),
            values(&["*", "arn:a"]),
            condition,
        );
        let statement = statement.prop_map(
            |(effect, actions, name, resources, principals, condition)| {
                json!({
                    "Effect": effect, name: actions, "Resource": resources,
                    "Principal": { "AWS": principals }, "Condition": condition,
                })
            },
        );
        let version = proptest::sample::select(&["2008-10-17", "2012-10-17"][..]);
        (version, proptest::collection::vec(statement, 0..4)).prop_map(
            |(version, statements)| json!({ "Version": version, "Statement": statements }),
        )
    }

    proptest! {
        #[test]
        fn no_differences_are_the_same_meaning(one in documents(), other in documents()) {
            prop_assert_eq!(differences(&one, &other).is_empty(), is_same(&one, &other));
            prop_assert_eq!(differences(&other, &one).is_empty(), is_same(&one, &other));
            prop_assert!(differences(&one, &one).is_empty());
        }
    }
}

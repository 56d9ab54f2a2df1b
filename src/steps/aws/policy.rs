//! Policy documents: what we write, and whether two documents mean the same.
//!
//! Documents are compared by meaning: the order of statements and of values, a string against a
//! list of one, and the case of actions make no difference.

use serde_json::{Value, json};

/// The audience of tokens that STS takes; the same in every partition, since it names the token's
/// reader and not an endpoint.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// What a token is traded in for a session by, in lower case as actions are compared.
const ASSUMING: &str = "sts:assumerolewithwebidentity";

/// Who may assume the role: one service account of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The ARN of the IAM OIDC provider.
    pub provider: String,
    /// The issuer without `https://`.
    pub issuer: String,
    /// `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
}

impl Admission {
    /// Returns the trust policy that admits exactly this service account: both `sub` and `aud`,
    /// since `aud` alone would let in every service account of the cluster.
    pub fn trust_policy(&self) -> Value {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": self.provider },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        format!("{}:sub", self.issuer): self.subject,
                        format!("{}:aud", self.issuer): AUDIENCE,
                    }
                }
            }]
        })
    }

    /// Returns the sentence for people.
    pub fn in_words(&self) -> String {
        format!(
            "service account `{}` of issuer `{}` with audience `{AUDIENCE}`",
            self.subject
                .trim_start_matches("system:serviceaccount:")
                .replace(':', "/"),
            self.issuer
        )
    }

    /// Whether `document` lets this service account in, in a statement of the plain kind:
    /// `StringEquals` or `StringLike` on `sub` and `aud`. A statement that may deny it has the
    /// last word, as it has in IAM.
    pub fn is_granted_by(&self, document: &Value) -> bool {
        let statements = list(&document["Statement"]);
        !statements
            .iter()
            .any(|statement| self.may_be_denied_by(statement))
            && statements
                .iter()
                .any(|statement| self.is_allowed_by(statement))
    }

    pub(in crate::steps) fn is_allowed_by(&self, statement: &Value) -> bool {
        let principal = |value: &Value| value.as_str() == Some(&self.provider);
        statement["Effect"] == "Allow"
            && is_about_tokens(statement)
            && list(&statement["Principal"]["Federated"])
                .iter()
                .any(principal)
            && self.meets(&statement["Condition"])
    }

    /// Whether a statement denies, or cannot be shown not to.
    pub(in crate::steps) fn may_be_denied_by(&self, statement: &Value) -> bool {
        let action = |pattern: &Value| {
            pattern
                .as_str()
                .is_none_or(|pattern| is_like(&pattern.to_ascii_lowercase(), ASSUMING))
        };
        let actions = match &statement["NotAction"] {
            Value::Null => list(&statement["Action"]).iter().any(action),
            others => !list(others).iter().any(action),
        };
        let principals = match &statement["NotPrincipal"] {
            Value::Null => self.is_among(&statement["Principal"]),
            others => !self.is_among(others),
        };
        statement["Effect"] == "Deny"
            && actions
            && principals
            && self.may_meet(&statement["Condition"])
    }

    /// Whether the provider is named, or everybody is.
    fn is_among(&self, principals: &Value) -> bool {
        let named = |value: &Value| value == "*" || value.as_str() == Some(&self.provider);
        named(principals)
            || list(&principals["AWS"]).iter().any(|value| value == "*")
            || list(&principals["Federated"]).iter().any(named)
    }

    /// Whether no condition excludes this service account. What is not understood excludes nobody.
    fn may_meet(&self, conditions: &Value) -> bool {
        let Some(conditions) = conditions.as_object() else {
            return true;
        };
        conditions.iter().all(|(operator, tests)| {
            let mut tests = tests.as_object().into_iter().flatten();
            tests.all(|(key, expected)| {
                let found = match key.strip_prefix(&self.issuer) {
                    Some(":sub") => self.subject.as_str(),
                    Some(":aud") => AUDIENCE,
                    _ => return true,
                };
                let mut expected = list(expected).iter().filter_map(Value::as_str);
                match operator.as_str() {
                    "StringEquals" => expected.any(|expected| expected == found),
                    "StringLike" => expected.any(|expected| is_like(expected, found)),
                    "StringNotEquals" => expected.all(|expected| expected != found),
                    "StringNotLike" => expected.all(|expected| !is_like(expected, found)),
                    _ => true,
                }
            })
        })
    }

    fn meets(&self, conditions: &Value) -> bool {
        let Some(conditions) = conditions.as_object() else {
            return conditions.is_null();
        };
        conditions.iter().all(|(operator, tests)| {
            let tests = tests.as_object().into_iter().flatten();
            let mut tests = tests.map(|(key, expected)| {
                let found = match key.strip_prefix(&self.issuer) {
                    Some(":sub") => self.subject.as_str(),
                    Some(":aud") => AUDIENCE,
                    // A key that this token does not have.
                    _ => return false,
                };
                list(expected)
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|expected| match operator.as_str() {
                        "StringEquals" => expected == found,
                        "StringLike" => is_like(expected, found),
                        _ => false,
                    })
            });
            tests.all(|passes| passes)
        })
    }
}

/// Whether a statement names the action that trades a token in.
pub(in crate::steps) fn is_about_tokens(statement: &Value) -> bool {
    list(&statement["Action"]).iter().any(|value| {
        value.as_str().is_some_and(|action| {
            [ASSUMING, "sts:*", "*"].contains(&action.to_ascii_lowercase().as_str())
        })
    })
}

/// Returns the policy that gives full access to every bucket with the prefix.
pub fn bucket_policy(partition: &str, prefix: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [
                format!("arn:{partition}:s3:::{prefix}*"),
                format!("arn:{partition}:s3:::{prefix}*/*"),
            ]
        }]
    })
}

/// Returns the document as people and diffs like it: sorted keys, a line for each value.
pub fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("a document is plain values");
    text.push('\n');
    text
}

/// Parses a document that the cloud holds; one that is no JSON is kept as a string, which equals
/// nothing we write.
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()))
}

/// Whether two documents mean the same.
pub fn is_same(one: &Value, other: &Value) -> bool {
    normal(one) == normal(other)
}

pub(in crate::steps) fn normal(document: &Value) -> Value {
    let mut statements: Vec<Value> = list(&document["Statement"])
        .iter()
        .map(|statement| {
            let Some(fields) = statement.as_object() else {
                return statement.clone();
            };
            let fields = fields
                .iter()
                .filter(|(key, _)| *key != "Sid")
                .map(|(key, value)| {
                    let value = match key.as_str() {
                        "Action" | "NotAction" => sorted(value, str::to_ascii_lowercase),
                        "Resource" | "NotResource" => sorted(value, str::to_owned),
                        "Principal" | "NotPrincipal" => {
                            each(value, &|value| sorted(value, str::to_owned))
                        }
                        "Condition" => each(value, &|tests| {
                            each(tests, &|value| sorted(value, str::to_owned))
                        }),
                        _ => value.clone(),
                    };
                    (key.clone(), value)
                });
            Value::Object(fields.collect())
        })
        .collect();
    statements.sort_by_key(ToString::to_string);
    json!({ "Version": document["Version"], "Statement": statements })
}

/// A string against a list of one makes no difference.
pub(in crate::steps) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

fn sorted(value: &Value, text: impl Fn(&str) -> String) -> Value {
    let of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), &text);
    let mut values: Vec<String> = list(value).iter().map(of).collect();
    values.sort();
    values.dedup();
    values.into()
}

fn each(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match value.as_object() {
        Some(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), change(value)))
                .collect(),
        ),
        None => value.clone(),
    }
}

/// IAM's patterns: `*` is any text, `?` any character.
pub(in crate::steps) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of, mut star, mut mark) = (0, 0, None, 0);
    while at < text.len() {
        if of < pattern.len() && pattern[of] == '*' {
            (star, mark) = (Some(of), at);
            of += 1;
        } else if of < pattern.len() && (pattern[of] == '?' || pattern[of] == text[at]) {
            (at, of) = (at + 1, of + 1);
        } else if let Some(star) = star {
            mark += 1;
            (at, of) = (mark, star + 1);
        } else {
            return false;
        }
    }
    pattern[of..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rok() -> Admission {
        Admission {
            provider: "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1".into(),
            issuer: "oidc.example/id/1".into(),
            subject: "system:serviceaccount:rok:rok".into(),
        }
    }

    #[test]
    fn our_trust_policy_lets_in_our_account_and_no_other() {
        let trust = rok().trust_policy();
        assert!(rok().is_granted_by(&trust));
        let other = |change: fn(&mut Admission)| {
            let mut admission = rok();
            change(&mut admission);
            admission.is_granted_by(&trust)
        };
        assert!(!other(
            |admission| admission.subject = "system:serviceaccount:rok:other".into()
        ));
        assert!(!other(
            |admission| admission.issuer = "oidc.example/id/2".into()
        ));
        assert!(!other(|admission| admission.provider.push('2')));
    }

    #[test]
    fn trust_with_a_pattern_or_the_audience_alone_lets_in_too() {
        let trust = |condition: Value| {
            let mut trust = rok().trust_policy();
            trust["Statement"][0]["Condition"] = condition;
            trust
        };
        let like =
            json!({ "StringLike": { "oidc.example/id/1:sub": "system:serviceaccount:rok:*" } });
        assert!(rok().is_granted_by(&trust(like)));
        let audience = json!({ "StringEquals": { "oidc.example/id/1:aud": ["x", AUDIENCE] } });
        assert!(rok().is_granted_by(&trust(audience)));
        let pattern_under_equals =
            json!({ "StringEquals": { "oidc.example/id/1:sub": "system:serviceaccount:rok:*" } });
        assert!(!rok().is_granted_by(&trust(pattern_under_equals)));
        let denied = json!({ "StringNotEquals": { "oidc.example/id/1:sub": "x" } });
        assert!(
            !rok().is_granted_by(&trust(denied)),
            "unknown operators admit nobody"
        );
    }

    #[test]
    fn a_statement_that_may_deny_has_the_last_word() {
        let with = |statement: Value| {
            let mut trust = rok().trust_policy();
            let statements = trust["Statement"].as_array_mut().unwrap();
            statements.push(statement);
            rok().is_granted_by(&trust)
        };
        let deny = |change: fn(&mut Value)| {
            let mut statement = json!({
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:AssumeRoleWithWebIdentity",
            });
            change(&mut statement);
            with(statement)
        };
        assert!(!deny(|_| ()));
        assert!(!deny(|it| it["Action"] = json!(["s3:*", "STS:Assume*"])));
        assert!(deny(|it| it["Action"] = json!("sts:TagSession")));
        assert!(!deny(|it| {
            it["Action"] = Value::Null;
            it["NotAction"] = json!("sts:TagSession");
        }));
        assert!(deny(|it| it["NotAction"] = json!("sts:*")));
        assert!(!deny(|it| it["Principal"] = json!({ "AWS": "*" })));
        assert!(!deny(
            |it| it["Principal"] = json!({ "Federated": [rok().provider] })
        ));
        assert!(deny(
            |it| it["Principal"] = json!({ "Federated": "arn:other" })
        ));
        assert!(deny(
            |it| it["NotPrincipal"] = json!({ "Federated": rok().provider })
        ));
        assert!(!deny(
            |it| it["NotPrincipal"] = json!({ "AWS": "arn:other" })
        ));
        let sub = |operator: &str, value: &str| {
            with(json!({
                "Effect": "Deny", "Principal": "*", "Action": "sts:*",
                "Condition": { operator: { "oidc.example/id/1:sub": value } },
            }))
        };
        assert!(!sub("StringEquals", "system:serviceaccount:rok:rok"));
        assert!(sub("StringEquals", "system:serviceaccount:rok:other"));
        assert!(!sub("StringLike", "system:serviceaccount:*"));
        assert!(sub("StringNotEquals", "system:serviceaccount:rok:rok"));
        assert!(!sub("StringNotLike", "system:serviceaccount:other:*"));
        assert!(
            !sub("ForAnyValue:StringLike", "x"),
            "what is not understood may deny"
        );
        assert!(!deny(|it| {
            it["Condition"] = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } });
        }));
    }

    #[test]
    fn documents_are_compared_by_meaning() {
        let ours = bucket_policy("aws", "rok-1");
        let same = json!({
            "Version": "2012-10-17",
            "Statement": {
                "Sid": "Rok", "Effect": "Allow", "Action": ["S3:*"],
                "Resource": ["arn:aws:s3:::rok-1*/*", "arn:aws:s3:::rok-1*"],
            }
        });
        assert!(is_same(&ours, &same));
        assert!(!is_same(&ours, &bucket_policy("aws", "rok-2")));
        assert!(!is_same(&ours, &bucket_policy("aws-cn", "rok-1")));
        let mut wider = ours.clone();
        wider["Statement"][0]["Resource"] = "*".into();
        assert!(!is_same(&ours, &wider));
        assert!(!is_same(&ours, &parse("no json")));
    }

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    crate::corpus::fed!("policy", feed);

    /// A document means the same as itself, also when it is written and read, and one that says
    /// nothing about us lets nobody in.
    fn feed(text: &[u8]) {
        let document = parse(&String::from_utf8_lossy(text));
        assert!(is_same(&document, &document));
        assert_eq!(parse(&pretty(&document)), document);
        if rok().is_granted_by(&document) {
            let said = document.to_string();
            assert!(said.contains(&rok().provider), "{said}");
        }
    }
}

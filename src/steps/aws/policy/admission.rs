//! Who is to be let in by a role's trust policy.

use serde_json::{Value, json};

use super::document::list;
use super::pattern::is_like;

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

#[cfg(test)]
mod tests {
    use super::super::{is_same, parse, pretty};
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

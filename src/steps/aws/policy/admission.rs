//! Who is to be let in by a role's trust policy.

use serde_json::{Value, json};

use super::subject;
use super::who::{Token, admitted};

/// The audience of tokens that STS takes; the same in every partition, since it names the token's
/// reader and not an endpoint.
pub const AUDIENCE: &str = "sts.amazonaws.com";

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
            "{} of issuer `{}` with audience `{AUDIENCE}`",
            subject::exactly(&self.subject),
            self.issuer
        )
    }

    /// Returns what the service account shows to STS.
    pub fn token(&self) -> Token {
        let claims = [("sub", self.subject.as_str()), ("aud", AUDIENCE)];
        Token {
            provider: self.provider.clone(),
            claims: claims
                .map(|(name, value)| (name.into(), vec![value.into()]))
                .into(),
        }
    }

    /// Whether `document` certainly lets this service account in.
    pub fn is_granted_by(&self, document: &Value) -> bool {
        admitted(document).admits(&self.token())
    }
}

/// Whatever a document says: it means the same as itself, also when it is written and read, and one
/// that says nothing about us lets nobody in.
#[cfg(any(test, fuzzing))]
pub fn feed(text: &[u8]) {
    use super::{is_same, parse, pretty};

    let document = parse(&String::from_utf8_lossy(text));
    assert!(is_same(&document, &document));
    assert_eq!(parse(&pretty(&document)), document);
    let admission = Admission {
        provider: "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1".into(),
        issuer: "oidc.example/id/1".into(),
        subject: "system:serviceaccount:rok:rok".into(),
    };
    if admission.is_granted_by(&document) {
        let said = document.to_string();
        let names = [&admission.provider, "\"*\"", "NotPrincipal"];
        assert!(names.iter().any(|name| said.contains(name)), "{said}");
    }
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
        let others = json!({ "StringNotEquals": { "oidc.example/id/1:sub": "x" } });
        assert!(rok().is_granted_by(&trust(others)));
        let unknown = json!({ "StringMatches": { "oidc.example/id/1:sub": "*" } });
        assert!(
            !rok().is_granted_by(&trust(unknown)),
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
        assert!(deny(|it| {
            it["Action"] = Value::Null;
            it["NotAction"] = json!("sts:*");
        }));
        assert!(!deny(|it| it["Principal"] = json!({ "AWS": "*" })));
        assert!(!deny(
            |it| it["Principal"] = json!({ "Federated": [rok().provider] })
        ));
        assert!(deny(
            |it| it["Principal"] = json!({ "Federated": "arn:other" })
        ));
        assert!(deny(|it| {
            it["Principal"] = Value::Null;
            it["NotPrincipal"] = json!({ "Federated": rok().provider });
        }));
        assert!(!deny(|it| {
            it["Principal"] = Value::Null;
            it["NotPrincipal"] = json!({ "AWS": "arn:other" });
        }));
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
            !sub("ForAnyValue:StringMatches", "x"),
            "what is not understood may deny"
        );
        assert!(!deny(|it| {
            it["Condition"] = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } });
        }));
    }

    crate::corpus::fed!("policy", feed);
}

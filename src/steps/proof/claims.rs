//! The claims of a service account's token, compared with what the cloud and the documentation
//! expect.

use serde_json::Value;

use super::workload::Workload;
use crate::engine::{Chain, Link, LinkState, StepError};

/// The claims that the proof looks at, as texts; what is absent is empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    audiences: Vec<String>,
    issuer: String,
    namespace: String,
    pod: String,
    account: String,
    subject: String,
}

/// What a token has to say for the cloud to take it.
pub(super) struct Expected {
    pub(super) audience: String,
    /// The issuer, to the letter.
    pub(super) issuer: String,
    pub(super) subject: String,
    /// How to ask the cloud for the issuer that it expects.
    pub(super) asks: String,
}

/// The claims that differ: found beside expected.
pub(super) struct Differences {
    differences: Vec<Difference>,
    asks: String,
}

struct Difference {
    claim: &'static str,
    found: String,
    expected: String,
    link: Link,
}

impl Claims {
    /// Reads them from a token's payload.
    pub(super) fn of(payload: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let kubernetes = &payload["kubernetes.io"];
        Self {
            audiences: match &payload["aud"] {
                Value::Array(audiences) => audiences.iter().map(text).collect(),
                single => vec![text(single)],
            },
            issuer: text(&payload["iss"]),
            namespace: text(&kubernetes["namespace"]),
            pod: text(&kubernetes["pod"]["name"]),
            account: text(&kubernetes["serviceaccount"]["name"]),
            subject: text(&payload["sub"]),
        }
    }

    /// Compares the three claims that the cloud judges by. Its own refusal would not tell which of
    /// them is wrong.
    pub(super) fn compare(&self, expected: &Expected) -> Differences {
        let mut differences = Vec::new();
        let mut differs = |claim, found: String, expected: &str, link| {
            differences.push(Difference {
                claim,
                found,
                expected: expected.to_owned(),
                link,
            });
        };
        let audience = &expected.audience;
        if !self.audiences.iter().any(|found| found == audience) {
            differs("aud", self.audiences.join(", "), audience, Link::Token);
        }
        if self.issuer != expected.issuer {
            differs("iss", self.issuer.clone(), &expected.issuer, Link::Issuer);
        }
        if self.subject != expected.subject {
            differs("sub", self.subject.clone(), &expected.subject, Link::Token);
        }
        Differences {
            differences,
            asks: expected.asks.clone(),
        }
    }

    /// Compares all six claims of a token that a Pod holds.
    pub(super) fn compare_in_pod(
        &self,
        expected: &Expected,
        workload: &Workload,
        pod: &str,
    ) -> Differences {
        self.compare_of(expected, [&workload.namespace, pod, &workload.name])
    }

    fn compare_of(&self, expected: &Expected, [namespace, pod, account]: [&str; 3]) -> Differences {
        let mut differences = self.compare(expected);
        for (claim, found, expected) in [
            ("kubernetes.io.namespace", &self.namespace, namespace),
            ("kubernetes.io.pod.name", &self.pod, pod),
            ("kubernetes.io.serviceaccount.name", &self.account, account),
        ] {
            if found != expected {
                differences.differences.push(Difference {
                    claim,
                    found: found.clone(),
                    expected: expected.into(),
                    link: Link::Token,
                });
            }
        }
        differences
    }
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// Returns the failed verification of a token.
    pub(super) fn into_error(self, whose: &str, mut chain: Chain) -> StepError {
        let mut wrong = Vec::new();
        for difference in &self.differences {
            let found = match difference.found.as_str() {
                "" => "nothing",
                found => found,
            };
            let text = format!(
                "`{}`: found {found}, expected {}",
                difference.claim, difference.expected
            );
            chain.set(difference.link, LinkState::Broken, text.clone());
            wrong.push(text);
        }
        let error = StepError::verification(format!("{whose} differs: {}", wrong.join("; ")));
        let of_issuer = self
            .differences
            .iter()
            .any(|difference| difference.link == Link::Issuer);
        let error = if of_issuer {
            error
                .hint("a wrong issuer means that this context is not the chosen cluster, or that the cluster's issuer was changed")
                .hint(self.asks)
        } else {
            error.hint("delete the Pod and start again: the token was issued for something else")
        };
        error.with_chain(chain)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::ChainKind;

    fn payload() -> Value {
        json!({
            "aud": ["sts.amazonaws.com"],
            "iss": "https://oidc.eks.us-west-2.amazonaws.com/id/ABC",
            "kubernetes.io": {
                "namespace": "rok",
                "pod": { "name": "probe", "uid": "1" },
                "serviceaccount": { "name": "rok", "uid": "2" },
            },
            "sub": "system:serviceaccount:rok:rok",
        })
    }

    fn expected() -> Expected {
        Expected {
            audience: "sts.amazonaws.com".into(),
            issuer: "https://oidc.eks.us-west-2.amazonaws.com/id/ABC".into(),
            subject: "system:serviceaccount:rok:rok".into(),
            asks: "`aws eks describe-cluster`".into(),
        }
    }

    fn differing(claims: &Value) -> Vec<&'static str> {
        let differences = Claims::of(claims).compare_of(&expected(), ["rok", "probe", "rok"]);
        differences
            .differences
            .iter()
            .map(|difference| difference.claim)
            .collect()
    }

    #[test]
    fn all_six_claims_of_a_pod_are_compared() {
        assert!(differing(&payload()).is_empty());
        for (path, claims) in [
            ("/aud", &["aud"][..]),
            ("/iss", &["iss"]),
            ("/kubernetes.io/namespace", &["kubernetes.io.namespace"]),
            ("/kubernetes.io/pod/name", &["kubernetes.io.pod.name"]),
            (
                "/kubernetes.io/serviceaccount/name",
                &["kubernetes.io.serviceaccount.name"],
            ),
            ("/sub", &["sub"]),
        ] {
            let mut changed = payload();
            *changed.pointer_mut(path).unwrap() = "other".into();
            assert_eq!(differing(&changed), claims);
        }
    }

    /// Entra compares issuers to the letter.
    #[test]
    fn a_trailing_slash_makes_another_issuer() {
        let mut claims = payload();
        claims["iss"] = "https://oidc.eks.us-west-2.amazonaws.com/id/ABC/".into();
        assert_eq!(differing(&claims), ["iss"]);
    }

    #[test]
    fn an_audience_may_be_one_text() {
        let mut claims = payload();
        claims["aud"] = "sts.amazonaws.com".into();
        assert!(differing(&claims).is_empty());
    }

    #[test]
    fn a_difference_names_found_and_expected_and_its_link() {
        let mut claims = payload();
        claims["iss"] = "https://other".into();
        let differences = Claims::of(&claims).compare(&expected());
        let error = differences.into_error("the token", Chain::unknown(ChainKind::IamRole, ""));
        assert!(
            error
                .message
                .contains("`iss`: found https://other, expected https://oidc.eks.us-west-2.amazonaws.com/id/ABC"),
            "{error}"
        );
        let weakest = error
            .chain
            .as_ref()
            .and_then(|chain| chain.weakest())
            .unwrap();
        assert_eq!(weakest.link, Link::Issuer);
    }
}

//! The claims of a service account's token, compared with what AWS and the documentation expect.

use serde_json::Value;

use crate::engine::{Chain, Link, LinkState, StepError};
use crate::steps::aws::policy::AUDIENCE;
use crate::steps::names;

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

/// The claims that differ: found beside expected.
pub(super) struct Differences(Vec<Difference>);

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

    /// Compares the three claims that AWS judges by. AWS's own refusal would not tell which of
    /// them is wrong.
    pub(super) fn compare(&self, issuer: &str, subject: &str) -> Differences {
        let mut differences = Vec::new();
        if !self.audiences.iter().any(|audience| audience == AUDIENCE) {
            differences.push(Difference {
                claim: "aud",
                found: self.audiences.join(", "),
                expected: AUDIENCE.into(),
                link: Link::Token,
            });
        }
        let bare = self.issuer.split_once("://").map_or("", |(_, rest)| rest);
        if bare != issuer {
            differences.push(Difference {
                claim: "iss",
                found: self.issuer.clone(),
                expected: format!("https://{issuer}"),
                link: Link::Issuer,
            });
        }
        if self.subject != subject {
            differences.push(Difference {
                claim: "sub",
                found: self.subject.clone(),
                expected: subject.into(),
                link: Link::Token,
            });
        }
        Differences(differences)
    }

    /// Compares all six claims of a token that a Pod holds.
    pub(super) fn compare_in_pod(
        &self,
        issuer: &str,
        namespace: &str,
        account: &str,
        pod: &str,
    ) -> Differences {
        let subject = names::subject(namespace, account);
        let mut differences = self.compare(issuer, &subject);
        for (claim, found, expected) in [
            ("kubernetes.io.namespace", &self.namespace, namespace),
            ("kubernetes.io.pod.name", &self.pod, pod),
            ("kubernetes.io.serviceaccount.name", &self.account, account),
        ] {
            if found != expected {
                differences.0.push(Difference {
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
        self.0.is_empty()
    }

    /// Returns the failed verification of a token.
    pub(super) fn into_error(self, whose: &str, mut chain: Chain) -> StepError {
        let mut wrong = Vec::new();
        for difference in &self.0 {
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
            .0
            .iter()
            .any(|difference| difference.link == Link::Issuer);
        let error = if of_issuer {
            error
                .hint("a wrong issuer means that this context is not the chosen cluster, or that the cluster's issuer was changed")
                .hint("`aws eks describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer` tells which one AWS expects")
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

    fn differing(claims: &Value) -> Vec<&'static str> {
        let issuer = "oidc.eks.us-west-2.amazonaws.com/id/ABC";
        let differences = Claims::of(claims).compare_in_pod(issuer, "rok", "rok", "probe");
        differences
            .0
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
        let differences = Claims::of(&claims).compare("issuer/id", "system:serviceaccount:rok:rok");
        let error = differences.into_error("the token", Chain::unknown(ChainKind::IamRole, ""));
        assert!(
            error
                .message
                .contains("`iss`: found https://other, expected https://issuer/id"),
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

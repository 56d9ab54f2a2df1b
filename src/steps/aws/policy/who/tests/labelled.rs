//! Policies as people and tools write them, each with whom it lets in and what is to be said of it.

mod clusters;
mod others;

use serde_json::{Value, json};

use super::super::admitted;
use super::{Certainty, token};

const PROVIDER: &str =
    "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1";
const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1";
const SUB: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1:sub";
const AUD: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1:aud";
const STS: &str = "sts.amazonaws.com";
const ROK: &str = "system:serviceaccount:rok:rok";

/// A policy and what is expected of it. `ISSUER` in words stands for the cluster's.
struct Labelled {
    name: &'static str,
    document: Value,
    words: &'static [&'static str],
    /// A part of each warning.
    warnings: &'static [&'static str],
    /// How the token of `rok/rok` and that of `default/other` are judged.
    judged: [Certainty; 2],
}

fn check(policies: &[Labelled]) {
    for policy in policies {
        let name = policy.name;
        let admitted = admitted(&policy.document);
        let words: Vec<_> = policy
            .words
            .iter()
            .map(|it| it.replace("ISSUER", ISSUER))
            .collect();
        assert_eq!(admitted.in_words(), words, "{name}");
        let warnings = admitted.warnings();
        assert_eq!(
            warnings.len(),
            policy.warnings.len(),
            "{name}: {warnings:#?}"
        );
        for (warning, part) in warnings.iter().zip(policy.warnings) {
            assert!(warning.contains(part), "{name}: {warning}");
        }
        let judge =
            |subject| admitted.judge(&token(PROVIDER, &[("sub", &[subject]), ("aud", &[STS])]));
        let judged = [judge(ROK), judge("system:serviceaccount:default:other")];
        assert_eq!(judged, policy.judged, "{name}");
    }
}

/// A statement that lets in tokens of the cluster under these conditions.
fn web(conditions: Value) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "Federated": PROVIDER },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    })
}

/// The statement that lets in `rok/rok` alone.
fn rok() -> Value {
    web(json!({ "StringEquals": { SUB: ROK, AUD: STS } }))
}

/// The statement with fields changed; one that is null is taken away.
fn but(mut statement: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        statement[name] = value.clone();
    }
    statement
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    statement
}

fn policy(statements: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[test]
fn forty_policies_are_told_right() {
    let (clusters, others) = (clusters::policies(), others::policies());
    check(&clusters);
    check(&others);
    assert_eq!(clusters.len() + others.len(), 40);
}

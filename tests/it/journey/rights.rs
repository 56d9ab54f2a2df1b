//! The rights that are looked for beforehand are those that a run makes use of.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::practice::{Practice, events, json_lines};

/// What a run can do without, or needs in few: the first two tell what is unknown without them, the
/// last one is of use when a policy has all the versions that it may have.
const SPARED: [&str; 3] = [
    "iam:ListPolicies",
    "iam:SimulatePrincipalPolicy",
    "iam:DeletePolicyVersion",
];

/// Runs, and returns what was asked of IAM and CloudFormation and was not looked for beforehand.
fn overlooked(practice: &Practice, arguments: &[&str]) -> BTreeSet<String> {
    let output = practice.expect(0, &[&["run", "--yes", "--no-pod"], arguments].concat());
    let run = practice.run_of(&output);
    let told = |event: &Value| event["event"]["rights"].as_array().cloned();
    let rights: BTreeSet<String> = events(&run)
        .iter()
        .filter_map(told)
        .flatten()
        .map(|right| right["action"].as_str().expect("an action").to_owned())
        .collect();
    let asked = json_lines(&run.join("wire.jsonl")).into_iter();
    let asked = asked.map(|record| record["operation"].as_str().unwrap_or_default().to_owned());
    let is_guarded = |operation: &String| {
        let services = ["iam:", "cloudformation:"];
        services
            .iter()
            .any(|service| operation.starts_with(service))
            && !SPARED.contains(&operation.as_str())
    };
    let asked: BTreeSet<String> = asked.filter(is_guarded).collect();
    assert!(asked.len() > 3, "{asked:?}");
    asked.difference(&rights).cloned().collect()
}

#[test]
fn nothing_is_asked_of_the_account_that_was_not_looked_for() {
    let nothing = BTreeSet::new();
    let other = ["--set", "aws_s3_bucket_prefix=rok-other"];
    let practice = Practice::new();
    assert_eq!(overlooked(&practice, &[]), nothing);
    let bounded = "aws_permissions_boundary=arn:aws:iam::aws:policy/AdministratorAccess";
    assert_eq!(overlooked(&practice, &["--set", bounded]), nothing);
    // A policy has five versions at most.
    for number in 0..6 {
        let prefix = format!("aws_s3_bucket_prefix=rok-other-{number}");
        assert_eq!(overlooked(&practice, &["--set", &prefix]), nothing);
    }
    let stack = Practice::new();
    let method = ["--set", "aws_identity_method=cloudformation"];
    assert_eq!(overlooked(&stack, &method), nothing);
    assert_eq!(overlooked(&stack, &[method, other].concat()), nothing);
}

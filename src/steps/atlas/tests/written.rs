//! How the table's texts are written, and what a shell makes of its commands.

use std::collections::BTreeMap;

use super::super::{Cause, Source, look_up, table};
use super::*;

/// Every cause of the table.
fn causes() -> impl Iterator<Item = &'static Cause> {
    table::entries().flat_map(|entry| entry.causes).copied()
}

fn place() -> Place {
    Place {
        region: "us-west-2".into(),
        profile: Some("my profile".into()),
        context: Some("arn:aws:eks:us-west-2:1:cluster/x".into()),
        account: ACCOUNT.into(),
        partition: "aws".into(),
        role: "r'ok; rm -rf /".into(),
        issuer: "oidc.example/id/1".into(),
        namespace: "rok".into(),
        service_account: "rok".into(),
        clone: "/my ops".into(),
        ..Place::default()
    }
}

#[test]
fn every_name_in_a_text_is_one_that_a_place_knows() {
    for cause in causes() {
        for text in [&cause.text].into_iter().chain(cause.remedies) {
            for name in text
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap())
            {
                let known =
                    ["found", "user"].contains(&name) || Place::default().value(name).is_some();
                assert!(known, "{}: {name}", cause.id);
            }
            assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        }
    }
}

#[test]
fn an_id_means_one_cause_and_one_sort_of_failure() {
    let mut known = BTreeMap::new();
    for cause in causes() {
        let before = known.insert(cause.id, cause);
        assert!(before.is_none_or(|before| before == cause), "{}", cause.id);
    }
    let mut rows = BTreeMap::new();
    for entry in table::entries() {
        let before = rows.insert(entry.id, entry.row);
        assert!(
            before.is_none_or(|before| before == entry.row),
            "{}",
            entry.id
        );
        assert!(!entry.causes.is_empty(), "{}", entry.id);
        assert!(
            !entry.codes.is_empty() || !entry.texts.is_empty(),
            "{}",
            entry.id
        );
    }
}

#[test]
fn a_failure_is_not_told_without_a_remedy() {
    for entry in table::entries() {
        let silent = entry.causes.iter().all(|cause| cause.remedies.is_empty());
        assert_eq!(
            silent,
            entry.response == super::super::Response::Success,
            "{}",
            entry.id
        );
    }
}

#[test]
fn a_shell_takes_a_command_as_it_is_meant() {
    let place = place();
    let argv = |template: &str, found: &str| {
        let text = place.fill(template, found);
        let command = text.trim_matches('`');
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf '%s\\n' {command}")])
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        argv("`aws iam get-role --role-name {role}`", ""),
        [
            "aws",
            "iam",
            "get-role",
            "--role-name",
            "r'ok; rm -rf /",
            "--profile",
            "my profile"
        ]
    );
    assert_eq!(
        argv("`aws eks describe-cluster --name {found}`", "$(id)")[3..],
        [
            "--name",
            "$(id)",
            "--profile",
            "my profile",
            "--region",
            "us-west-2"
        ]
    );
    assert_eq!(
        argv("`kubectl get pods --namespace {namespace}`", "")[3..],
        [
            "--namespace",
            "rok",
            "--context",
            "arn:aws:eks:us-west-2:1:cluster/x"
        ]
    );
    assert_eq!(
        argv("`git switch --create BRANCH`", "")[..3],
        ["git", "-C", "/my ops"]
    );
    let trust = argv("`aws iam x --policy-document {trust}`", "");
    let document: Value = serde_json::from_str(&trust[4]).unwrap();
    assert_eq!(document, place.admission().trust_policy());
}

#[test]
fn what_is_not_known_stands_in_capitals() {
    let place = Place::default();
    let text = place.fill(
        "`aws eks update-kubeconfig --name {cluster}`, {subject}",
        "",
    );
    assert_eq!(text, "`aws eks update-kubeconfig --name CLUSTER`, SUBJECT");
}

#[test]
fn a_role_and_a_binding_let_somebody_exec() {
    let text = "pods \"p\" is forbidden: User \"arn:aws:iam::1:user/ann lee\" cannot create resource \"pods/exec\" in API group \"\" in the namespace \"rok\"";
    let symptom = Symptom::new(Source::Kubernetes, text).code("Forbidden");
    let entry = look_up(&symptom).unwrap();
    let diagnosis = Diagnosis::of(
        Some(entry),
        entry.causes[0],
        &place(),
        &symptom.found(entry),
    );
    assert!(
        diagnosis
            .cause
            .contains("`get` and `create` on `pods/exec`")
    );
    assert_remedy(
        &diagnosis,
        "kubectl create rolebinding rok-verify-exec --namespace rok --role=rok-verify-exec --user='arn:aws:iam::1:user/ann lee' --context arn:aws:eks:us-west-2:1:cluster/x",
    );
}

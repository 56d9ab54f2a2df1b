//! The template of the stack, in every combination of its switches.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rok_deploy::clients::templates::Renderer;
use serde_yaml::Value;

use crate::support::env::finish;
use crate::support::peers;
use crate::support::practice::DEADLINE;

const TEMPLATE: &str = include_str!("../../templates/gitops/rok/eks/s3-iam-resources.yaml.j2");

const GIVEN: [(&str, &str); 8] = [
    ("ROK_CLUSTER_NAMESPACE", "rok"),
    ("ROK_CLUSTER_NAME", "rok"),
    ("EKS_CLUSTER", "arrikto_cluster"),
    ("AWS_DEFAULT_REGION", "us-west-2"),
    ("AWS_S3_ROLE", "rok-us-west-2-arrikto-cluster"),
    ("AWS_ACCOUNT_ID", "123451234512"),
    ("EKS_CLUSTER_OIDC", "oidc.eks.us-west-2.amazonaws.com/id/0A"),
    ("AWS_S3_BUCKET_PREFIX", "rok-123451234512"),
];
/// The values of each switch; the first leaves it out.
const SWITCHES: [(&str, &[&str]); 6] = [
    ("AWS_IAM_PATH", &["", "/team/rok/"]),
    (
        "AWS_PERMISSIONS_BOUNDARY",
        &["", "arn:aws:iam::123451234512:policy/bound"],
    ),
    ("STACK_OIDC_PROVIDER", &["", "yes", "no"]),
    ("STACK_ROLE", &["", "yes", "no"]),
    ("STACK_POLICY", &["", "yes", "no"]),
    (
        "STACK_POLICY_DESCRIPTION",
        &["", "It's: \"as it was\" # once"],
    ),
];

type Variables = BTreeMap<String, String>;

fn render(variables: &Variables) -> String {
    let rendered = Renderer::new().render("s3-iam-resources.yaml.j2", TEMPLATE, variables);
    rendered.expect("every combination renders")
}

fn combinations() -> Vec<Variables> {
    let given = GIVEN.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut all = vec![BTreeMap::from(given)];
    for (name, values) in SWITCHES {
        let with = |variables: &Variables| {
            let variables = variables.clone();
            values.iter().map(move |value| {
                let mut variables = variables.clone();
                if !value.is_empty() {
                    variables.insert(name.to_owned(), (*value).to_owned());
                }
                variables
            })
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

#[test]
fn a_switch_that_is_usual_changes_nothing() {
    let plain = render(&combinations()[0]);
    for (name, value) in [
        ("AWS_IAM_PATH", "/"),
        ("AWS_PERMISSIONS_BOUNDARY", ""),
        ("STACK_OIDC_PROVIDER", "no"),
        ("STACK_ROLE", "yes"),
        ("STACK_POLICY", "yes"),
        ("STACK_POLICY_DESCRIPTION", ""),
    ] {
        let mut variables = combinations().remove(0);
        variables.insert(name.to_owned(), value.to_owned());
        assert_eq!(render(&variables), plain, "{name}");
    }
    insta::assert_snapshot!(plain);
}

#[test]
fn every_combination_holds_what_it_is_to_hold() {
    for variables in combinations() {
        let text = render(&variables);
        let template: Value = serde_yaml::from_str(&text).expect("it is YAML");
        let resources = template["Resources"]
            .as_mapping()
            .expect("it has resources");
        let is = |name: &str, value: &str| variables.get(name).is_some_and(|known| known == value);
        let mut expected = Vec::new();
        if is("STACK_OIDC_PROVIDER", "yes") {
            expected.push("RokOIDCProvider");
        }
        if !is("STACK_ROLE", "no") {
            expected.push("RokRole");
        }
        if !is("STACK_POLICY", "no") {
            expected.push("RokPolicy");
        }
        if expected.is_empty() {
            expected.push("Nothing");
        }
        let names: Vec<_> = resources.keys().filter_map(Value::as_str).collect();
        assert_eq!(names, expected, "{text}");
        let role = &template["Resources"]["RokRole"]["Properties"];
        let boundary = variables
            .get("AWS_PERMISSIONS_BOUNDARY")
            .map(String::as_str);
        if !role.is_null() {
            assert_eq!(role["PermissionsBoundary"].as_str(), boundary);
        }
        let policy = &template["Resources"]["RokPolicy"]["Properties"];
        if let (false, Some(description)) =
            (policy.is_null(), variables.get("STACK_POLICY_DESCRIPTION"))
        {
            assert_eq!(policy["Description"].as_str(), Some(description.as_str()));
        }
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn cfn_lint_finds_nothing_in_any_combination() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |index: usize| folder.path().join(format!("{index:03}.yaml"));
    let combinations = combinations();
    for (index, variables) in combinations.iter().enumerate() {
        fs::write(place(index), render(variables)).expect("it is writable");
    }
    let linted = |files: &[&Path]| {
        let mut lint = peers::cfn_lint(folder.path());
        lint.args(["--non-zero-exit-code", "informational"]);
        let output = finish(lint.args(files), DEADLINE);
        (output.status.code(), output.stdout)
    };
    let files: Vec<_> = (0..combinations.len()).map(place).collect();
    let files: Vec<_> = files.iter().map(AsRef::as_ref).collect();
    assert_eq!(linted(&files), (Some(0), String::new()));

    // It would find something.
    let broken = folder.path().join("broken.yaml");
    let text = render(&combinations[0]).replace("RoleName", "RoleNaem");
    fs::write(&broken, text).expect("it is writable");
    let (code, said) = linted(&[&broken]);
    assert!(code != Some(0) && said.contains("RoleNaem"), "{said}");
}

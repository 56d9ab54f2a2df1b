//! Whole journeys of the real binary in the practice cloud: what they make, and what they leave alone.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::env::{Output, finish};
use super::support::practice::{
    DEADLINE, PREFIX, Practice, ROLE, document, events, json_lines, json_of, lines, outcomes,
    parse_lines, snapshot, writes,
};

mod adoption;
mod answers;
mod azure;
mod modes;
mod operators_files;
mod records;
mod rights;

#[test]
fn a_plan_changes_nothing_at_all() {
    let practice = Practice::new();
    practice.make_world();
    // While another process serves the world, its ports stay, and every byte can be compared.
    let served = practice.serve();
    let before = snapshot(&practice.env.state_dir());

    let output = practice.expect(3, &["plan"]);
    let last = output.stdout.lines().last();
    assert_eq!(
        last,
        Some("23 changes in 3 tasks; nothing was changed."),
        "{output:?}"
    );

    assert_eq!(snapshot(&practice.env.state_dir()), before);
    assert!(!practice.clone().exists(), "a plan must not clone");
    assert!(practice.runs().is_empty(), "a plan is no run");
    served.stop();
}

#[test]
fn a_run_makes_everything_and_a_second_one_nothing() {
    let practice = Practice::new();
    let output = practice.journey();
    assert_eq!(
        output.stdout.lines().last(),
        Some("Everything is in place: 14 changed, 6 unchanged, 10 verified.")
    );
    let (meaning, history, refs) = (practice.meaning(), practice.history(), practice.refs());

    let output = practice.journey();
    assert_eq!(
        output.stdout.lines().last(),
        Some("Nothing had to be changed: 20 unchanged, 7 verified, 3 not checked.")
    );
    let run = practice.run_of(&output);
    assert_eq!(writes(&run), [Value::Null; 0]);
    let other =
        |outcome: &String| !outcome.ends_with(" unchanged") && !outcome.ends_with(" verified");
    assert_eq!(outcomes(&run).into_iter().find(other), None);
    assert_eq!(practice.refs(), refs, "no commit, no tag, no push");
    assert_eq!((practice.meaning(), practice.history()), (meaning, history));

    let output = practice.expect(0, &["plan"]);
    assert_eq!(output.stdout.lines().last(), Some("Nothing would change."));
}

#[test]
fn the_identity_is_as_documented() {
    let practice = Practice::new();
    practice.journey();
    let (aws, issuer) = (practice.state("aws"), practice.issuer());
    let ours = json!({ "rok-deploy/cluster": "arrikto-cluster", "rok-deploy/recipe": "rok-eks" });
    let ours_and_run = |object: &Value| {
        let mut tags = object["tags"].clone();
        let run = tags
            .as_object_mut()
            .and_then(|tags| tags.remove("rok-deploy/run"));
        assert!(run.is_some(), "{object}");
        assert_eq!(tags, ours);
    };

    let role = &aws["roles"][ROLE];
    ours_and_run(role);
    assert_eq!(
        document(&role["trust"]["current"]),
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {
                "Federated": format!("arn:aws:iam::123451234512:oidc-provider/{issuer}"),
            },
            "Condition": { "StringEquals": {
                (format!("{issuer}:sub")): "system:serviceaccount:rok:rok",
                (format!("{issuer}:aud")): "sts.amazonaws.com",
            } },
        }] }),
    );
    let arn = format!("arn:aws:iam::123451234512:policy/{ROLE}");
    let attached = role["grants"]["attached"].as_object().expect("grants");
    assert_eq!(attached.keys().collect::<Vec<_>>(), [&arn]);

    let policy = &aws["policies"][&arn];
    ours_and_run(policy);
    assert_eq!(policy["versions"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        document(&policy["versions"][0]["document"]),
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{PREFIX}*"), format!("arn:aws:s3:::{PREFIX}*/*")],
        }] }),
    );

    let arn = format!("arn:aws:iam::123451234512:oidc-provider/{issuer}");
    let provider = &aws["providers"][&arn];
    ours_and_run(provider);
    assert_eq!(
        provider["client_ids"]["current"],
        json!(["sts.amazonaws.com"])
    );
    let account = "rok/rok-test/rok-verify-service-account-eks.yaml";
    let account = fs::read_to_string(practice.clone().join(account)).expect("it was rendered");
    let role = format!("eks.amazonaws.com/role-arn: arn:aws:iam::123451234512:role/{ROLE}\n");
    assert!(account.contains(&role), "{account}");
}

#[test]
fn commits_tags_and_env_files_are_as_documented() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let run = run.file_name().expect("a run has an id").to_string_lossy();
    let clone = practice.clone();

    let author = format!(
        "Rok Deploy v{} <no-reply@arrikto.com>",
        env!("CARGO_PKG_VERSION")
    );
    let format = "--format=%an <%ae>%n%cn <%ce>%n%B";
    let log = practice.git(&clone, &["log", "--reverse", format, "HEAD~4..HEAD"]);
    let commit = |subject: &str, steps: &[&str]| {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| {
                format!(
                    "Rok-Deploy-Step: {step}
"
                )
            })
            .collect();
        let steps = steps.concat();
        format!(
            "{author}\nOperator <operator@example.com>\n{subject}\n\nRok-Deploy-Run: {run}\n{steps}"
        )
    };
    let expected = [
        commit(
            "Update CloudFormation stack to authorize Rok on S3 buckets",
            &["aws.stack-template"],
        ),
        commit("Create Cloud Identity", &["gitops.env"]),
        commit(
            "Update Rok manifests",
            &["rok.storage-patch", "rok.configvars-patch"],
        ),
        commit(
            "Configure Pod and SA to verify storage access",
            &["rok.verify-manifests"],
        ),
    ];
    let is_render = |line: &&str| line.starts_with("Rok-Deploy-Render: ");
    let without: Vec<_> = log.lines().filter(|line| !is_render(line)).collect();
    assert_eq!(without.join("\n") + "\n", expected.join("\n"));
    let renders = log.lines().filter(is_render).count();
    assert_eq!(renders, 1 + 4 + 2 + 2, "each file is as it was rendered");
    let env = practice.git(&clone, &["rev-parse", "HEAD~2:deploy/env.cloudidentity"]);
    assert!(
        log.contains(&format!("Rok-Deploy-Render: {env}\n")),
        "{log}"
    );

    let files = |commit: &str| practice.git(&clone, &["show", "--format=", "--name-only", commit]);
    assert_eq!(files("HEAD~3"), "rok/eks/s3-iam-resources.yaml");
    assert_eq!(
        files("HEAD~2"),
        "deploy/env.cloudidentity\ndeploy/env.eks-cluster\ndeploy/env.eks-identity\ndeploy/env.envvars-aws"
    );
    let read = |path: &str| fs::read_to_string(clone.join(path)).expect("the file was rendered");
    assert_eq!(
        [
            "envvars-aws",
            "eks-cluster",
            "eks-identity",
            "cloudidentity"
        ]
        .map(|name| read(&format!("deploy/env.{name}"))),
        [
            "AWS_ACCOUNT_ID=123451234512\nAWS_DEFAULT_REGION=us-west-2\n".to_owned(),
            "EKS_CLUSTER=arrikto-cluster\n".to_owned(),
            format!("EKS_CLUSTER_OIDC={}\n", practice.issuer()),
            format!(
                "ROK_CLUSTER_NAME=rok\nROK_CLUSTER_NAMESPACE=rok\nAWS_S3_BUCKET_PREFIX={PREFIX}\n\
                 AWS_S3_ROLE={ROLE}\nAWS_CF_S3_RESOURCES={ROLE}\n"
            ),
        ],
    );
    let storage = read("rok/rok-cluster/overlays/deploy/patches/storage.yaml");
    assert!(
        storage.contains(&format!(
            "AWSRoleARN: arn:aws:iam::123451234512:role/{ROLE}\n"
        )),
        "{storage}"
    );

    // `history` holds clone and remote against each other.
    let history = practice.history();
    assert_eq!(
        history["tags"],
        json!([
            "release-1.5/cloudidentity tag Create Cloud Identity Create Cloud Identity",
            "release-1.5/objectstorage tag Authorize Access to Object Storage on AWS \
             Configure Pod and SA to verify storage access",
        ]),
    );
    let tagger = practice.git(
        &clone,
        &["for-each-ref", "refs/tags", "--format=%(taggername)"],
    );
    assert_eq!(lines(&tagger), ["Operator", "Operator"]);
}

#[test]
fn slow_replicas_of_iam_are_waited_for() {
    let practice = Practice::new();
    let output = practice.expect(0, &["run", "--yes", "--lag", "1s"]);
    let run = practice.run_of(&output);
    let settled = events(&run)
        .iter()
        .any(|event| event["event"]["kind"] == "step_settling");
    assert!(settled, "nothing was slow: {output:?}");
    // What does not show yet must not be made twice.
    let creates: Vec<_> = writes(&run)
        .iter()
        .map(|record| record["operation"].to_string())
        .filter(|operation| operation.contains("iam:Create"))
        .collect();
    assert_eq!(creates.len(), 3, "{creates:?}");
    assert_eq!(
        practice.expect(0, &["plan"]).stdout.lines().last(),
        Some("Nothing would change.")
    );
}

//! Journeys with other answers: where they come from, and what they change.

use super::*;

#[test]
fn a_repository_may_start_from_the_skeleton_without_a_remote() {
    let practice = Practice::new();
    let clone = practice.env.home().join("ops/new");
    let repo = clone.to_str().expect("a temporary path is text");
    let arguments = ["--set", "gitops_url=", "--repo", repo];
    let output = practice.expect(0, &[&["run", "--yes"], &arguments[..]].concat());
    assert_eq!(practice.git(&clone, &["remote"]), "");
    assert_eq!(practice.git(&clone, &["branch", "--show-current"]), "main");
    assert_eq!(
        lines(&practice.git(&clone, &["log", "--reverse", "--format=%s"])),
        [
            "Start from the skeleton of rok-deploy",
            "Update CloudFormation stack to authorize Rok on S3 buckets",
            "Create Cloud Identity",
            "Update Rok manifests",
            "Configure Pod and SA to verify storage access",
        ]
    );
    assert_eq!(practice.git(&clone, &["status", "--porcelain"]), "");
    let pushed = writes(&practice.run_of(&output))
        .iter()
        .any(|record| record["client"] == "git");
    assert!(!pushed, "{output:?}");
    assert_eq!(
        lines(&practice.git(&practice.remote(), &["log", "--all", "--format=%s"])),
        ["Start the deployments repository"]
    );
    let output = practice.expect(0, &[&["run", "--yes"], &arguments[..]].concat());
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
}

#[test]
fn the_first_place_that_answers_wins() {
    let practice = Practice::new();
    let file = practice.env.home().join("answers.yaml");
    fs::write(
        &file,
        "rok_release: release-file\nrok_cluster_namespace: file\nRok_Cluster_Name: file\n",
    )
    .expect("the home is writable");
    let file = file.to_str().expect("a temporary path is text");
    let arguments = [
        "run",
        "--yes",
        "--answers",
        file,
        "--set",
        "rok_release=release-set",
    ];
    let output = practice.expect(0, &arguments);
    let run = practice.run_of(&output);
    let resolved = events(&run)
        .into_iter()
        .find(|event| event["event"]["kind"] == "answers_resolved")
        .expect("answers are recorded");
    let origin = |key: &str| {
        let answers = resolved["event"]["answers"].as_array().expect("a list");
        let answer = answers
            .iter()
            .find(|answer| answer["key"] == key)
            .expect("it is answered");
        let text = |value: &Value| value.as_str().expect("it is text").to_owned();
        format!(
            "{} from {}",
            text(&answer["value"]),
            text(&answer["origin"]["from"])
        )
    };
    assert_eq!(origin("rok_release"), "release-set from set");
    assert_eq!(origin("rok_cluster_name"), "file from answers_file");
    assert_eq!(origin("aws_default_region"), "us-west-2 from environment");
    assert_eq!(origin("eks_cluster"), "arrikto-cluster from discovered");
    assert_eq!(
        origin("aws_s3_role"),
        "rok-us-west-2-arrikto-cluster-file-file from computed"
    );
    let tags = practice.git(&practice.clone(), &["tag"]);
    assert!(tags.contains("/release-set/cloudidentity"), "{tags}");

    // The clone remembers what was chosen.
    let output = practice.journey();
    let resolved = events(&practice.run_of(&output));
    let remembered = resolved.iter().any(|event| {
        let answers = event["event"]["answers"].as_array();
        answers.is_some_and(|answers| {
            answers.contains(&json!({
                "key": "rok_cluster_namespace",
                "value": "file",
                "origin": { "from": "env_file", "path": "deploy/env.cloudidentity" },
            }))
        })
    });
    assert!(remembered, "{output:?}");
}

#[test]
fn another_release_makes_tags_and_no_commits() {
    let practice = Practice::new();
    practice.journey();
    let head = practice.git(&practice.clone(), &["rev-parse", "HEAD"]);
    practice.expect(0, &["run", "--yes", "--set", "rok_release=release-1.6"]);
    assert_eq!(
        practice.git(&practice.clone(), &["rev-parse", "HEAD"]),
        head
    );
    let history = practice.history();
    assert_eq!(
        history["tags"].as_array().map(Vec::len),
        Some(4),
        "{history}"
    );
}

#[test]
fn another_namespace_computes_the_names_anew_and_says_so() {
    let practice = Practice::new();
    practice.journey();
    Practice::next_second();
    let arguments = [
        "--set",
        "rok_cluster_namespace=two",
        "--set",
        "aws_overlap_accept=yes",
    ];
    let plan = practice.expect(3, &[&["plan"], &arguments[..]].concat());
    let role = format!("{ROLE}-two-rok");
    assert!(
        plan.stdout.contains(&format!("- AWS_S3_ROLE={ROLE}\n")),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains(&format!("+ AWS_S3_ROLE={role}\n")),
        "{}",
        plan.stdout
    );

    practice.expect(0, &[&["run", "--yes"], &arguments[..]].concat());
    let roles = &practice.state("aws")["roles"];
    assert!(
        roles[&role].is_object() && roles[ROLE].is_object(),
        "{roles}"
    );
    practice.history();
    // The clone's own answers are the new ones now.
    let output = practice.journey();
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
}

#[test]
fn a_fresh_world_forgets_the_old_one() {
    let practice = Practice::new();
    practice.journey();
    let issuer = practice.issuer();
    practice.expect(3, &["plan", "--fresh"]);
    assert_ne!(practice.issuer(), issuer);
    let roles = &json_of(&practice.world().join("aws.json"))["roles"];
    assert!(roles.is_object() && roles[ROLE].is_null(), "{roles}");
}

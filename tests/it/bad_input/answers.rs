//! Command line, answers file, and answers that cannot be right.

use super::*;

#[test]
fn an_unknown_answer_comes_with_a_suggestion() {
    let practice = Practice::new();
    let told = refused(
        &practice,
        &[
            "run",
            "--yes",
            "--set",
            "eks_clutser=x",
            "--set",
            "colour=red",
        ],
    );
    insta::assert_snapshot!(told, @"
    exit code 2
    error: --set: unknown answer `colour`
    error: --set: unknown answer `eks_clutser`; did you mean `eks_cluster`?
    hint: `rok-eks` answers: gitops_dir, gitops_url, gitops_branch, gitops_push, aws_profile, aws_default_region, aws_account_id, eks_cluster, eks_cluster_oidc, kube_context, kube_context_accept, rok_cluster_name, rok_cluster_namespace, rok_release, aws_identity_method, aws_s3_role, aws_s3_bucket_prefix, aws_cf_s3_resources, aws_overlap_accept, aws_iam_path, aws_permissions_boundary, aws_adopt, verify_image, verify_pull_secret
    ");
    assert!(
        !practice.env.state_dir().exists(),
        "a typing error made a world"
    );
}

#[test]
fn all_wrong_answers_are_told_at_once() {
    let practice = Practice::new();
    practice.make_world();
    let wrong = [
        "aws_account_id=12",
        "gitops_push=maybe",
        "aws_identity_method=magic",
        "rok_cluster_name=Rok_1",
        "rok_release=a..b",
        "aws_default_region=Oregon",
    ];
    let mut arguments = vec!["run", "--yes"];
    for answer in wrong {
        arguments.extend(["--set", answer]);
    }
    insta::assert_snapshot!(refused(&practice, &arguments), @"
    exit code 2
    error: `gitops_push` is `maybe`; expected `yes` or `no` (from --set)
    error: `aws_default_region` is `Oregon`; expected a region such as `us-west-2` (from --set)
    error: `aws_account_id` is `12`; expected an account id of twelve digits; put one that starts with 0 in quotes where a program would take it for a number (from --set)
    error: `eks_cluster` is not answered; `aws_default_region` comes first
    error: `rok_cluster_name` is `Rok_1`; expected lower-case letters, digits and `-`, starting and ending with a letter or a digit (from --set)
    error: `rok_release` is `a..b`; expected letters, digits, `-`, `_` and `.`, as in `release-1.5` (from --set)
    error: `aws_identity_method` is `magic`; expected `iam` or `cloudformation` or `existing` (from --set)
    ");
}

#[test]
fn all_missing_answers_are_told_at_once() {
    let practice = Practice::new();
    let empty = ["eks_cluster=", "aws_default_region=", "rok_cluster_name="];
    let mut arguments = vec!["run", "--yes"];
    for answer in empty {
        arguments.extend(["--set", answer]);
    }
    practice.make_world();
    insta::assert_snapshot!(refused(&practice, &arguments), @"
    exit code 2
    error: `aws_default_region` is empty; expected a value (from --set)
    error: `aws_account_id` is not answered; `aws_default_region` comes first
    error: `eks_cluster` is empty; expected a value (from --set)
    error: `rok_cluster_name` is empty; expected a value (from --set)
    ");
}

#[test]
fn an_answers_file_is_told_by_place() {
    let practice = Practice::new();
    let files = [
        (
            "indent.yaml",
            "rok_release: release-1.5\n  eks_cluster: x\n",
        ),
        ("list.yaml", "- eks_cluster\n"),
        (
            "nested.yaml",
            "eks_cluster:\n  name: x\nrok_release: [1, 2]\n3: x\n",
        ),
        ("twice.yaml", "eks_cluster: x\neks_cluster: y\n"),
        (
            "unknown.yaml",
            "eks_cluster: arrikto-cluster\nrok_relaese: release-1.5\n",
        ),
    ];
    let mut told = Vec::new();
    for (name, text) in files {
        fs::write(practice.env.home().join(name), text).expect("the home is writable");
        told.push(format!(
            "{name}: {}",
            refused(&practice, &["run", "--yes", "--answers", name])
        ));
    }
    let absent = refused(&practice, &["run", "--yes", "--answers", "absent.yaml"]);
    told.push(format!("absent.yaml: {absent}"));
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    indent.yaml: exit code 2
    error: indent.yaml: is no YAML: mapping values are not allowed in this context at line 2 column 14

    list.yaml: exit code 2
    error: list.yaml: expected `key: value` lines

    nested.yaml: exit code 2
    error: nested.yaml: `eks_cluster` is a mapping; expected one value
    error: nested.yaml: `rok_release` is a list; expected one value
    error: nested.yaml: a key is no text

    twice.yaml: exit code 2
    error: twice.yaml: is no YAML: duplicate entry with key "eks_cluster"

    unknown.yaml: exit code 2
    error: unknown.yaml: unknown answer `rok_relaese`; did you mean `rok_release`?
    hint: `rok-eks` answers: gitops_dir, gitops_url, gitops_branch, gitops_push, aws_profile, aws_default_region, aws_account_id, eks_cluster, eks_cluster_oidc, kube_context, kube_context_accept, rok_cluster_name, rok_cluster_namespace, rok_release, aws_identity_method, aws_s3_role, aws_s3_bucket_prefix, aws_cf_s3_resources, aws_overlap_accept, aws_iam_path, aws_permissions_boundary, aws_adopt, verify_image, verify_pull_secret

    absent.yaml: exit code 2
    error: absent.yaml: No such file or directory (os error 2)
    "#);
    assert!(!practice.env.state_dir().exists());
}

#[test]
fn names_over_the_limits() {
    let practice = Practice::new();
    practice.make_world();
    let long = |length: usize| "n".repeat(length);
    let told: Vec<_> = [
        format!("rok_cluster_namespace={}", long(24)),
        format!("rok_cluster_namespace={}", long(64)),
        format!("aws_s3_bucket_prefix={}", long(53)),
        format!("aws_s3_role={}", long(65)),
        format!("aws_cf_s3_resources={}", long(129)),
    ]
    .iter()
    .map(|answer| refused(&practice, &["run", "--yes", "--set", answer]))
    .collect();
    insta::assert_snapshot!(told.join("\n\n"), @"
    exit code 2
    error: `aws_s3_bucket_prefix` is `rok-123451234512-us-west-2-arrikto-cluster-nnnnnnnnnnnnnnnnnnnnnnnn-rok`, 71 characters; expected at most 52, so that the longest bucket name stays within 63; set `aws_s3_bucket_prefix` to a shorter one (from computed)

    exit code 2
    error: `rok_cluster_namespace` is `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn`, 64 characters; expected at most 63 (from --set)
    error: `aws_s3_role` is `rok-us-west-2-arrikto-cluster-nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-rok`, 98 characters; expected at most 64; set `aws_s3_role` to a shorter one (from computed)
    error: `aws_s3_bucket_prefix` is `rok-123451234512-us-west-2-arrikto-cluster-nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-rok`, 111 characters; expected at most 52, so that the longest bucket name stays within 63; set `aws_s3_bucket_prefix` to a shorter one (from computed)

    exit code 2
    error: `aws_s3_bucket_prefix` is `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn`, 53 characters; expected at most 52, so that the longest bucket name stays within 63; set `aws_s3_bucket_prefix` to a shorter one (from --set)

    exit code 2
    error: `aws_s3_role` is `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn`, 65 characters; expected at most 64; set `aws_s3_role` to a shorter one (from --set)

    exit code 2
    error: `aws_cf_s3_resources` is `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn`; stack names start with a letter and hold letters, digits and `-`; set `aws_cf_s3_resources` (from --set)
    ");
    // The limits themselves are fine.
    for answer in [
        format!("aws_s3_bucket_prefix={}", long(52)),
        format!("aws_s3_role={}", long(64)),
    ] {
        practice.expect(3, &["plan", "--set", &answer]);
    }
}

#[test]
fn unknown_words_of_the_command_line() {
    let practice = Practice::new();
    let told: Vec<_> = [
        &["run", "--yes", "--recipe", "rok-gke"][..],
        &["run", "--yes", "--run-from", "cloudidentiy"],
        &["run", "--yes", "--set", "eks_cluster"],
        &["run", "--yes", "--set", "=x"],
        &["run", "--yes", "--only", "everything"],
        &["run", "--yes", "--wait", "soon"],
        &["replay", "nonesuch"],
        &["runs", "nonesuch"],
    ]
    .iter()
    .map(|arguments| format!("{}: {}", arguments.join(" "), refused(&practice, arguments)))
    .collect();
    insta::assert_snapshot!(told.join("\n\n"), @"
    run --yes --recipe rok-gke: exit code 2
    error: unknown recipe `rok-gke`; expected `rok-eks`, `rok-aks`

    run --yes --run-from cloudidentiy: exit code 2
    error: unknown task `cloudidentiy` of recipe `rok-eks`; expected `environment`, `gitops`, `cloudidentity`, `objectstorage`
    hint: `rok-deploy --list-tasks` describes them

    run --yes --set eks_cluster: exit code 2
    error: `--set eks_cluster`: expected KEY=VALUE

    run --yes --set =x: exit code 2
    error: `--set =x`: expected KEY=VALUE

    run --yes --only everything: exit code 2
    error: invalid value 'everything' for '--only <ONLY>'
      [possible values: generate, apply, verify]

    For more information, try '--help'.

    run --yes --wait soon: exit code 2
    error: invalid value 'soon' for '--wait <DURATION>': expected a duration such as `90s`, `10m` or `1h30m`, found `soon`

    For more information, try '--help'.

    replay nonesuch: exit code 2
    error: there is no run `nonesuch`
    hint: `rok-deploy runs` lists them

    runs nonesuch: exit code 2
    error: there is no run `nonesuch`
    hint: `rok-deploy runs` lists them
    ");
    assert!(!practice.env.state_dir().exists());
}

#[test]
fn faults_are_for_the_practice_cloud_only() {
    let practice = Practice::new();
    let output = practice.env.run(&["run", "--yes", "--faults", "7"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        output.stderr.contains("in the practice cloud only"),
        "{output:?}"
    );
    assert!(practice.runs().is_empty());
}

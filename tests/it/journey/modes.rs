//! Journeys that do a part: one phase, from one task, without a cluster, without an approval.

use super::*;

#[test]
fn phases_one_at_a_time_end_where_a_whole_run_does() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--only", "generate"]);
    assert_eq!(practice.subjects().len(), 5);
    let roles = &practice.state("aws")["roles"];
    assert!(
        roles.is_object() && roles[ROLE].is_null(),
        "generate wrote to the cloud: {roles}"
    );
    let refs = practice.refs();

    practice.expect(0, &["run", "--yes", "--only", "apply"]);
    assert!(practice.state("aws")["roles"][ROLE].is_object());
    assert_eq!(practice.refs(), refs, "apply wrote to Git");

    let output = practice.expect(0, &["run", "--yes", "--only", "verify"]);
    assert!(
        outcomes(&practice.run_of(&output)).contains(&"rok.storage-access verified".to_owned()),
        "{output:?}"
    );

    let whole = Practice::new();
    whole.journey();
    // A mere verification makes no bucket; the Pod of a whole run does.
    whole.change_state("aws", |aws| aws["buckets"] = json!({}));
    assert_eq!(practice.meaning(), whole.meaning());
    assert_eq!(practice.history(), whole.history());
    let output = practice.journey();
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
}

#[test]
fn without_a_cluster_its_steps_are_listed_as_not_checked() {
    let practice = Practice::new();
    let output = practice.expect(0, &["run", "--yes", "--no-cluster"]);
    let run = practice.run_of(&output);
    let left_out: Vec<_> = events(&run)
        .iter()
        .filter(|event| event["event"]["kind"] == "step_not_checked")
        .map(|event| event["event"]["step"].clone())
        .collect();
    assert_eq!(
        left_out,
        [
            "cluster.context",
            "cluster.lease",
            "rok.namespaces",
            "rok.verify-account",
            "rok.storage-access",
            "rok.verify-pod",
            "rok.pod-identity",
            "rok.pod-storage",
            "rok.verify-clean-up",
        ]
    );
    let talk = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("not checked"));
    assert_eq!(talk.count(), 9, "{}", output.stderr);
    assert!(practice.state("aws")["roles"][ROLE].is_object());
    let objects = &practice.state("cluster")["objects"];
    assert_eq!(objects["namespaces//rok"], Value::Null);
    let asked_cluster = json_lines(&run.join("wire.jsonl"))
        .iter()
        .any(|record| record["client"] == "kubernetes");
    assert!(!asked_cluster, "the cluster was asked");
}

#[test]
fn an_earlier_task_is_fast_forwarded_only_over_a_world_that_has_it() {
    let practice = Practice::new();
    practice.make_world();
    let before = practice.meaning();
    let output = practice.expect(5, &["run", "--yes", "--run-from", "objectstorage"]);
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
    assert_eq!(practice.meaning(), before);
    assert!(!practice.clone().exists(), "a fast-forwarded task cloned");

    practice.journey();
    let refs = practice.refs();
    let output = practice.expect(0, &["run", "--yes", "--run-from", "objectstorage"]);
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
    assert_eq!(practice.refs(), refs);
}

#[test]
fn an_existing_role_is_used_and_not_touched() {
    let practice = Practice::new();
    practice.journey();
    // The administrator's own: another name, none of our tags.
    practice.change_state("aws", |aws| {
        let roles = aws["roles"].as_object_mut().expect("roles");
        let mut role = roles.remove(ROLE).expect("the run made it");
        role["name"] = json!("storage-admin-made");
        role["tags"] = json!({ "team": "platform" });
        roles.insert("storage-admin-made".into(), role);
    });
    Practice::next_second();
    let before = practice.meaning();

    let arguments = [
        "run",
        "--yes",
        "--set",
        "aws_identity_method=existing",
        "--set",
        "aws_s3_role=storage-admin-made",
    ];
    let output = practice.expect(0, &arguments);
    let run = practice.run_of(&output);
    let written: Vec<_> = writes(&run)
        .iter()
        .filter(|record| record["client"] == "aws")
        .map(|record| record["operation"].clone())
        .collect();
    assert_eq!(written, [Value::Null; 0], "IAM was written to");
    let after = practice.meaning();
    for part in ["roles", "policies", "providers"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    let patch = practice
        .clone()
        .join("rok/rok-cluster/overlays/deploy/patches/storage.yaml");
    let patch = fs::read_to_string(patch).expect("the patch is there");
    assert!(
        patch.contains("AWSRoleARN: arn:aws:iam::123451234512:role/storage-admin-made\n"),
        "{patch}"
    );
    let account = "rok/rok-test/rok-verify-service-account-eks.yaml";
    let account = fs::read_to_string(practice.clone().join(account)).expect("it was rendered");
    assert!(account.contains("role/storage-admin-made\n"), "{account}");
}

#[test]
fn what_nobody_approves_is_not_done() {
    let practice = Practice::new();
    practice.make_world();
    let before = practice.meaning();
    for approve in [&[][..], &["--approve", "task"], &["--approve", "step"]] {
        let output = practice.expect(2, &[&["run"], approve].concat());
        assert!(
            output.stderr.ends_with(
                "error: the plan needs an approval, and there is nobody to ask\n\
                 hint: look at it with `rok-deploy plan`, then approve it with `--yes`\n"
            ),
            "{}",
            output.stderr
        );
        assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
        assert_eq!(practice.meaning(), before);
        assert!(!practice.clone().exists());
    }
}

#[test]
fn tasks_are_listed() {
    let practice = Practice::new();
    let output = practice.env.run(&["--list-tasks"]);
    assert_eq!(output.status.code(), Some(0));
    let titles: Vec<_> = output
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' ') && line.contains("  "))
        .collect();
    assert_eq!(
        titles,
        [
            "environment  Look at the environment",
            "gitops  Prepare the deployments repository",
            "cloudidentity  Create the cloud identity",
            "objectstorage  Authorize access to object storage",
        ]
    );
    let output = practice.env.run(&["--list-tasks", "--output", "json"]);
    assert_eq!(parse_lines(&output.stdout).len(), 4);
    assert!(
        !practice.env.state_dir().exists(),
        "a list made a state directory"
    );
}

#[test]
fn without_a_terminal_the_wizard_names_run() {
    let practice = Practice::new();
    for arguments in [&[][..], &["--sandbox"], &["--run-from", "objectstorage"]] {
        let output = practice.env.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains("`rok-deploy run`"), "{output:?}");
    }
    assert!(!practice.env.state_dir().exists());
}

#[test]
fn completions_and_manual_know_the_commands() {
    let practice = Practice::new();
    let completion = practice.env.run(&["completions", "bash"]);
    assert_eq!(completion.status.code(), Some(0));
    fs::write(practice.env.home().join("completion"), &completion.stdout).expect("writable");
    let script = "source ./completion; COMP_WORDS=(rok-deploy ''); COMP_CWORD=1; \
                  $(sed -n 's/.*complete -F \\([^ ]*\\) .*/\\1/p' completion | head -n 1) rok-deploy '' rok-deploy; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = finish(&mut practice.env.program("bash", &["-c", script]), DEADLINE);
    for command in [
        "plan", "run", "resume", "runs", "replay", "render", "sandbox",
    ] {
        assert!(
            lines(&output.stdout).contains(&command.to_owned()),
            "{command}: {output:?}"
        );
    }

    let manual = practice.env.run(&["man"]);
    assert_eq!(manual.status.code(), Some(0));
    assert!(
        manual.stdout.contains(".TH rok-deploy 1"),
        "{}",
        manual.stdout
    );
    assert!(manual.stdout.contains("Exit codes"), "{}", manual.stdout);
}

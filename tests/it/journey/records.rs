//! What a run leaves for later: events, journal, lists, replays.

use super::*;

#[test]
fn json_lines_are_the_events_of_the_journal() {
    let practice = Practice::new();
    let output = practice.expect(0, &["run", "--yes", "--output", "json"]);
    let printed = parse_lines(&output.stdout);
    let [run] = &practice.runs()[..] else {
        panic!("one run makes one folder");
    };
    let recorded: Vec<_> = events(run)
        .into_iter()
        .map(|mut line| {
            line.as_object_mut().expect("an event").remove("prev");
            line
        })
        .collect();
    assert_eq!(printed, recorded);
    let kinds = printed.iter().map(|event| event["event"]["kind"].clone());
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds.first(), Some(&json!("run_started")));
    assert_eq!(kinds.last(), Some(&json!("run_finished")));

    let id = run.file_name().expect("a run has an id").to_string_lossy();
    for command in ["replay", "runs"] {
        let output = practice.env.run(&[command, &id, "--output", "json"]);
        assert_eq!(parse_lines(&output.stdout), recorded, "{command}");
    }
}

#[test]
fn a_plan_in_json_is_one_document() {
    let practice = Practice::new();
    let output = practice.expect(3, &["plan", "--output", "json"]);
    let plan: Value = serde_json::from_str(&output.stdout).expect("one document");
    let mut seen = Vec::new();
    for task in plan["tasks"].as_array().expect("tasks are a list") {
        for step in task["steps"].as_array().expect("steps are a list") {
            for change in step["changes"].as_array().expect("changes are a list") {
                let text = |field: &str| change[field].as_str().unwrap_or_default();
                let id = step["id"].as_str().expect("a step has an id");
                seen.push(format!("{id} {} {}", text("verb"), text("target")));
            }
        }
    }
    assert_eq!(plan["recipe"], "rok-eks");
    insta::assert_snapshot!(seen.join("\n"), @"
    gitops.clone create clone
    aws.stack-template create file
    aws.stack-template commit files
    aws.oidc-provider create OIDC provider
    aws.iam-policy create policy
    aws.iam-role create role
    aws.policy-attachment attach policy to role
    gitops.env create file
    gitops.env create file
    gitops.env create file
    gitops.env create file
    gitops.env commit files
    gitops.tag-cloudidentity tag commit
    rok.storage-patch update file
    rok.configvars-patch update file
    rok.configvars-patch commit files
    rok.verify-manifests create file
    rok.verify-manifests create file
    rok.verify-manifests commit files
    gitops.tag-objectstorage tag commit
    gitops.push push commits and tags to
    rok.namespaces create namespace
    rok.namespaces create namespace
    ");
}

#[test]
fn folders_of_runs_are_private_and_hold_what_reproduces_them() {
    use std::os::unix::fs::PermissionsExt as _;

    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let mode = |path: &Path| {
        let metadata = fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&run), 0o700);
    for name in ["journal.jsonl", "wire.jsonl", "answers.yaml"] {
        assert_eq!(mode(&run.join(name)), 0o600, "{name}");
    }

    let answers = run.join("answers.yaml");
    let (before, refs) = (fs::read(&answers).expect("answers"), practice.refs());
    let path = answers.to_str().expect("a temporary path is text");
    let output = practice.expect(0, &["run", "--yes", "--answers", path]);
    let again = practice.run_of(&output);
    assert_eq!(writes(&again), [Value::Null; 0]);
    assert_eq!(practice.refs(), refs);
    assert_eq!(fs::read(&answers).expect("answers"), before);
    assert_eq!(
        fs::read(again.join("answers.yaml")).expect("answers"),
        before
    );
}

#[test]
fn runs_are_listed_shown_and_replayed_without_a_cloud() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let id = run.file_name().expect("a run has an id").to_string_lossy();
    // Neither needs the world any more.
    fs::remove_dir_all(practice.world()).expect("the world can go");

    let list = practice.env.run(&["runs"]);
    assert_eq!(list.status.code(), Some(0));
    assert_eq!(
        (list.stdout.as_str(), list.stderr.as_str()),
        (
            format!("{id}  rok-eks  Done  PRACTICE  30 of 30 steps done\n").as_str(),
            "1 run.\n"
        ),
    );
    let list = practice.env.run(&["runs", "--output", "json"]);
    assert_eq!(
        parse_lines(&list.stdout),
        [json!({
            "run": id, "recipe": "rok-eks", "practice": true, "unfinished": false, "outcome": "done",
        })],
    );

    let shown = practice.env.run(&["runs", &id]);
    assert_eq!(shown.status.code(), Some(0));
    assert!(shown.stdout.contains("aws.iam-role"), "{}", shown.stdout);
    assert!(
        shown
            .stdout
            .ends_with("Everything is in place: 14 changed, 6 unchanged, 10 verified.\n"),
        "{}",
        shown.stdout
    );
    assert!(!practice.world().exists(), "looking made a world");
}

#[test]
fn a_replay_says_what_the_run_said() {
    let practice = Practice::new();
    let first = practice.journey();
    let run = practice.run_of(&first);
    let id = run.file_name().expect("a run has an id").to_string_lossy();
    let journal = run.join("journal.jsonl");
    for what in [
        &*id,
        run.to_str().expect("text"),
        journal.to_str().expect("text"),
    ] {
        let replay = practice.env.run(&["replay", what]);
        assert_eq!(replay.status.code(), Some(0), "{replay:?}");
        assert_eq!(replay.stderr, first.stderr, "{what}");
        assert!(replay.stdout.starts_with(&first.stdout), "{replay:?}");
    }
}

//! Somebody else goes on: on another machine, with other answers, with another version.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::practice::{Practice, Served, events, lines, sourced, writes};

/// Runs the binary as another operator would, with a home of their own, in the same world.
fn elsewhere(served: &Served, arguments: &str) -> (Practice, crate::support::env::Output) {
    let place = Practice::new();
    let output = sourced(&place, served, ":", arguments);
    (place, output)
}

/// The subjects of the remote's commits, oldest first.
fn subjects_of(owner: &Practice) -> Vec<String> {
    lines(&owner.git(
        &owner.remote(),
        &["log", "--reverse", "--format=%s", "main"],
    ))
}

/// What the remote and the account hold.
fn told(owner: &Practice) -> (String, Value, Value) {
    let refs = owner.git(&owner.remote(), &["for-each-ref"]);
    let state = owner.state("aws");
    (refs, state["roles"].clone(), state["policies"].clone())
}

#[test]
fn another_machine_starts_from_what_git_and_the_world_hold() {
    let first = Practice::new();
    let served = first.serve();
    let run = "run --recipe rok-eks --yes --no-pod --set rok_cluster_namespace=s3 --set rok_cluster_name=r2";
    let output = sourced(&first, &served, ":", run);
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let before = told(&first);

    // No clone, no journal, no answers: only the repository's address, as everything in the environment.
    let (second, output) = elsewhere(&served, "run --recipe rok-eks --yes --no-pod");
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    assert_eq!(writes(&second.run_of(&output)), [Value::Null; 0]);
    assert_eq!(told(&first), before);
    let clone = second.env.home().join("ops/deployments");
    assert_eq!(second.git(&clone, &["status", "--porcelain"]), "");
    served.stop();
}

#[test]
fn another_machine_finishes_what_was_half_done_and_pushed() {
    let first = Practice::new();
    let served = first.serve();
    // The first operator gets as far as the cloud identity.
    let whole = "run --recipe rok-eks --yes --no-pod --set rok_cluster_namespace=s3";
    let output = sourced(&first, &served, ":", &format!("{whole} --only generate"));
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let before = subjects_of(&first);

    let (second, output) = elsewhere(&served, "run --recipe rok-eks --yes --no-pod");
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let run = second.run_of(&output);
    let namespace = events(&run).into_iter().find_map(|event| {
        let answers = event["event"]["answers"].as_array()?.clone();
        answers
            .into_iter()
            .find(|answer| answer["key"] == "rok_cluster_namespace")
    });
    let namespace = namespace.expect("every question has its answer");
    assert_eq!(namespace["value"], "s3", "{namespace}");
    let all = subjects_of(&first);
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert!(all.starts_with(&before), "{all:?} after {before:?}");
    let again = sourced(&second, &served, ":", "run --recipe rok-eks --yes --no-pod");
    assert_eq!(writes(&second.run_of(&again)), [Value::Null; 0]);
    served.stop();
}

#[test]
fn a_repository_that_cannot_be_asked_is_told() {
    let place = Practice::new();
    let missing = place.env.home().join("nowhere.git");
    let url = format!("gitops_url=file://{}", missing.display());
    let output = place.run(&["run", "--yes", "--set", &url]);
    assert_eq!(output.status.code(), Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("nowhere.git"), "{}", output.stderr);
    assert!(!place.clone().exists());
}

/// Stops before the first approval, so that there is a run to go on with.
fn interrupted(place: &Practice) {
    let mut running = place.start(&["run", "--yes", "--no-pod", "--latency", "60ms"]);
    running.wait_for("the first change", || {
        place.runs().first().and_then(|run| {
            let text = fs::read_to_string(run.join("journal.jsonl")).ok()?;
            text.contains("step_acting").then_some(())
        })
    });
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{}", output.stderr);
}

#[test]
fn edited_answers_are_planned_shown_and_asked_about() {
    let place = Practice::new();
    interrupted(&place);
    let edited = ["resume", "--no-pod", "--set", "rok_cluster_namespace=s3"];

    // Nobody has approved what the other answer changes.
    let output = place.run(&edited);
    assert_eq!(output.status.code(), Some(2), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("the plan changed since it was approved"),
        "{}",
        output.stderr
    );
    let asked = output.stderr.clone();
    assert!(asked.contains("s3"), "{asked}");

    let output = place.run(&[&edited[..], &["--yes"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let answers = fs::read_to_string(place.runs()[0].join("answers.yaml")).expect("it was written");
    assert!(answers.contains("rok_cluster_namespace: s3"), "{answers}");
    // What the first answers had rendered is no edit of the operator's.
    let patches = place.git(
        &place.clone(),
        &["grep", "-l", "rok-us-west-2-arrikto-cluster", "--", "rok"],
    );
    assert!(!patches.is_empty());
    let output = place.run(&["run", "--yes", "--no-pod"]);
    assert_eq!(writes(&place.run_of(&output)), [Value::Null; 0]);
    assert!(!output.stderr.contains("your edit"), "{}", output.stderr);
}

fn with_header(run: &Path, change: impl Fn(&mut Value)) {
    let journal = run.join("journal.jsonl");
    let text = fs::read_to_string(&journal).expect("there is a journal");
    let (first, rest) = text.split_once('\n').expect("there is a header");
    let mut header: Value = serde_json::from_str(first).expect("the header is JSON");
    change(&mut header);
    fs::write(&journal, format!("{header}\n{rest}")).expect("it is ours");
}

#[test]
fn a_journal_of_a_newer_version_names_the_version_that_reads_it() {
    let place = Practice::new();
    interrupted(&place);
    with_header(&place.runs()[0], |header| {
        header["format"] = "9.0".into();
        header["tool_version"] = "7.3.0".into();
    });
    let run = place.runs()[0]
        .file_name()
        .expect("a folder")
        .to_string_lossy()
        .into_owned();
    for arguments in [&["resume", &run][..], &["replay", &run]] {
        let output = place.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            output.stderr
        );
        assert!(output.stderr.contains("7.3.0"), "{}", output.stderr);
    }
    let listed = place.run(&["runs"]);
    assert_eq!(listed.status.code(), Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("unreadable"), "{}", listed.stdout);
}

/// Killed between writing and committing, and resumed with other answers: nobody has edited what
/// lies there.
#[test]
fn a_render_that_was_never_committed_is_no_edit_of_the_operators() {
    let practice = Practice::new();
    let hooks = practice.env.home().join("hooks");
    fs::create_dir(&hooks).expect("the home is writable");
    let gone = practice.env.home().join("committing");
    let hook = hooks.join("pre-commit");
    // The first two commits pass, the one of Rok's manifests never comes to be.
    let script = format!(
        "#!/bin/sh\ngit diff --cached --name-only HEAD | grep -q configvars || exit 0\ntouch '{}'\nsleep 60\n",
        gone.display()
    );
    fs::write(&hook, script).expect("the home is writable");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it is ours");
    practice.git(
        practice.env.home(),
        &[
            "config",
            "--global",
            "core.hooksPath",
            hooks.to_str().expect("text"),
        ],
    );
    let mut running = practice.start(&["run", "--yes", "--no-pod"]);
    running.wait_for("the commit", || gone.exists().then_some(()));
    running.kill();
    fs::remove_file(&hook).expect("it is ours");
    fs::remove_file(practice.clone().join(".git/rok-deploy-index")).ok();

    let other = [
        "--yes",
        "--no-pod",
        "--set",
        "aws_s3_bucket_prefix=rok-other",
    ];
    let output = practice.expect(0, &[&["resume"][..], &other].concat());
    assert!(
        !output.stderr.contains("your edits of `rok/rok-cluster"),
        "{}",
        output.stderr
    );
    let patches = practice.git(
        &practice.clone(),
        &[
            "show",
            "HEAD:rok/rok-cluster/overlays/deploy/patches/configvars.yaml",
        ],
    );
    assert!(patches.contains("rok-other"), "{patches}");
    let kept = practice.clone().join(".git/rok-deploy-renders");
    assert_eq!(fs::read_dir(kept).map_or(0, Iterator::count), 0);
}

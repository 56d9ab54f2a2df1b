//! `teardown` after `run`: the account is as it was before, but for what is named.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::env::Output;
use crate::support::practice::{PREFIX, Practice, ROLE, events, lines, outcomes, writes};

/// What `run` makes of IAM, which `teardown` takes back.
const IAM: [&str; 5] = [
    "roles",
    "policies",
    "providers",
    "instance_profiles",
    "users",
];

/// All of IAM, as it is on disk.
fn iam(practice: &Practice) -> Value {
    let state = practice.state("aws");
    IAM.iter().map(|part| state[part].clone()).collect()
}

/// The keys of the cluster's objects.
fn objects(practice: &Practice) -> BTreeSet<String> {
    let state = practice.state("cluster");
    let objects = state["objects"].as_object().expect("objects by key");
    let keys = objects.keys().filter(|key| !key.starts_with("events/"));
    keys.cloned().collect()
}

/// Does a teardown that has to end well.
fn torn_down(practice: &Practice, more: &[&str]) -> Output {
    practice.expect(0, &[&["teardown", "--yes"], more].concat())
}

/// The sentences that a run ends with.
fn next(practice: &Practice, output: &Output) -> String {
    let run = practice.run_of(output);
    let last = events(&run).pop().expect("a run has events");
    last["event"]["next"].to_string()
}

/// Takes rights away from the operator, or gives them back.
fn deny(practice: &Practice, actions: &[&str]) {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": actions, "Resource": "*"},
    ]});
    let denied = json!({
        "current": document.to_string(),
        "previous": null,
        "visible_at": "1970-01-01T00:00:00Z",
    });
    practice.change_state("aws", |state| {
        let inline = &mut state["users"]["operator"]["grants"]["inline"];
        *inline = if actions.is_empty() {
            json!({})
        } else {
            json!({ "denied": denied })
        };
    });
}

#[test]
fn the_account_is_as_before_but_for_what_is_named() {
    let practice = Practice::new();
    practice.make_world();
    let (before, objects_before) = (iam(&practice), objects(&practice));
    practice.journey();
    assert_ne!(iam(&practice), before);
    let refs = practice.refs();

    let output = torn_down(&practice, &[]);
    assert_eq!(iam(&practice), before);
    let survivors: Vec<_> = objects(&practice)
        .difference(&objects_before)
        .cloned()
        .collect();
    let told = next(&practice, &output);
    assert!(!survivors.is_empty());
    for object in survivors {
        let namespaces = ["rok", "rok-system"];
        let is_in = |name: &&str| {
            object == format!("namespaces//{name}") || object.split('/').any(|part| part == *name)
        };
        let namespace = namespaces.iter().find(|name| is_in(name));
        let namespace = namespace.unwrap_or_else(|| panic!("{object} is left"));
        assert!(told.contains(&format!("`{namespace}`")), "{told}");
    }
    let state = practice.state("aws");
    let buckets = state["buckets"].as_object().expect("buckets by name");
    assert_eq!(buckets.len(), 1);
    assert!(told.contains(&format!("`{PREFIX}-chocks-ca`")), "{told}");
    assert!(told.contains("repository stays as it is"), "{told}");
    assert_eq!(practice.refs(), refs, "Git was not asked for");
    assert!(
        output
            .stdout
            .contains("used by nobody else, is gone: 4 changed"),
        "{output:?}"
    );

    let again = torn_down(&practice, &[]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    assert_eq!(iam(&practice), before);

    // And it can be made anew: the bucket of the proof is told, and used again.
    let output = practice.journey();
    assert!(output.stderr.contains("earlier installation"), "{output:?}");
    torn_down(&practice, &[]);
    assert_eq!(iam(&practice), before);
}

#[test]
fn nothing_is_removed_before_it_was_shown_and_approved() {
    let practice = Practice::new();
    practice.journey();
    let before = iam(&practice);
    let declined = practice.expect(2, &["teardown"]);
    for part in [
        format!("deletes role `{ROLE}`"),
        format!("deletes policy `{ROLE}`"),
        "deletes OIDC provider".into(),
        "plan --recipe teardown".into(),
        format!("`{PREFIX}-chocks-ca`"),
    ] {
        assert!(declined.stderr.contains(&part), "{part}: {declined:?}");
    }
    assert_eq!(writes(&practice.run_of(&declined)), [Value::Null; 0]);
    let plan = practice.expect(3, &["plan", "--recipe", "teardown"]);
    assert!(plan.stdout.contains(&format!("role `{ROLE}`")), "{plan:?}");
    assert_eq!(iam(&practice), before);
    for wrong in [
        &["teardown", "--only", "apply"][..],
        &["teardown", "--run-from", "gitops"],
        &["teardown", "--recipe", "apply"],
    ] {
        practice.expect(2, wrong);
    }
}

#[test]
fn the_answers_of_the_installation_fit_as_they_are() {
    let practice = Practice::new();
    let made = practice.expect(
        0,
        &["run", "--yes", "--no-pod", "--set", "rok_cluster_name=two"],
    );
    let role = format!("{ROLE}-rok-two");
    assert_ne!(practice.state("aws")["roles"][&role], Value::Null);
    let answers = practice.run_of(&made).join("answers.yaml");
    let answers = answers.to_str().expect("a temporary path is text");
    // What deploy/env.* hold would do as well.
    let plan = practice.expect(3, &["plan", "--recipe", "teardown"]);
    assert!(plan.stdout.contains("-rok-two"), "{plan:?}");
    torn_down(&practice, &["--answers", answers, "--recipe", "rok-eks"]);
    let state = practice.state("aws");
    assert_eq!(state["roles"][&role], Value::Null);
}

#[test]
fn our_commits_are_reverted_on_request_by_one_more_commit() {
    let practice = Practice::new();
    practice.journey();
    let (clone, first) = (practice.clone(), practice.history());
    let root = practice.git(&clone, &["rev-list", "--max-parents=0", "HEAD"]);
    let tags = practice.git(&clone, &["tag"]);

    let output = torn_down(&practice, &["--set", "teardown_git=yes"]);
    assert_eq!(practice.git(&clone, &["diff", "--stat", &root, "HEAD"]), "");
    assert_eq!(practice.git(&clone, &["tag"]), tags);
    let history = practice.history();
    let mut subjects = first["subjects"].as_array().expect("subjects").clone();
    subjects.push("Revert what rok-deploy committed".into());
    assert_eq!(history["subjects"], Value::from(subjects));
    let trailers = practice.git(&clone, &["log", "-1", "--format=%(trailers:only)"]);
    assert!(
        trailers.contains("Rok-Deploy-Step: gitops.revert"),
        "{trailers}"
    );
    assert!(next(&practice, &output).contains("`deploy/*`"));

    let refs = practice.refs();
    let again = torn_down(&practice, &["--set", "teardown_git=yes"]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    assert_eq!(practice.refs(), refs);

    // What was reverted is rendered anew, as it was.
    Practice::next_second();
    practice.journey();
    assert_eq!(practice.history()["files"], first["files"]);
    torn_down(&practice, &["--set", "teardown_git=yes"]);
    assert_eq!(practice.git(&clone, &["diff", "--stat", &root, "HEAD"]), "");
}

#[test]
fn files_that_were_edited_since_stay_whole_and_are_named() {
    let practice = Practice::new();
    practice.journey();
    let clone = practice.clone();
    let edited = |path: &str, text: &str| {
        let path = clone.join(path);
        let mut content = fs::read_to_string(&path).expect("the file is there");
        content.push_str(text);
        fs::write(path, &content).expect("the clone is writable");
        content
    };
    let committed = "rok/rok-cluster/overlays/deploy/patches/storage.yaml";
    let dirty = "deploy/env.eks-cluster";
    let theirs = edited(committed, "# ours\n");
    practice.git(&clone, &["commit", "-qam", "An edit"]);
    let unsaved = edited(dirty, "# not committed\n");
    fs::write(clone.join("stray"), "staged").expect("the clone is writable");
    practice.git(&clone, &["add", "stray"]);

    let output = torn_down(&practice, &["--set", "teardown_git=yes"]);
    let read = |path: &str| fs::read_to_string(clone.join(path)).expect("it is there");
    assert_eq!(read(committed), theirs);
    assert_eq!(read(dirty), unsaved);
    let told = next(&practice, &output);
    assert!(told.contains(committed) && told.contains(dirty), "{told}");
    assert!(!clone.join("deploy/env.cloudidentity").exists());
    assert_eq!(
        lines(&practice.git(&clone, &["status", "--porcelain"])),
        [format!(" M {dirty}"), "A  stray".into()]
    );

    let again = torn_down(&practice, &["--set", "teardown_git=yes"]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    let told = next(&practice, &again);
    assert!(told.contains(committed) && told.contains(dirty), "{told}");
}

#[test]
fn without_the_cluster_its_part_is_left_out_and_named() {
    let practice = Practice::new();
    practice.journey();
    let output = torn_down(&practice, &["--no-cluster"]);
    assert!(next(&practice, &output).contains("cluster was left out"));
    assert_eq!(practice.state("aws")["roles"][ROLE], Value::Null);
    assert!(!outcomes(&practice.run_of(&output)).contains(&"rok.remove-proof unchanged".into()));
}

#[test]
fn what_a_proof_left_in_the_cluster_goes_and_what_rok_made_stays() {
    let practice = Practice::new();
    practice.journey();
    let account = |labels: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": "rok", "namespace": "rok", "uid": "by-hand", "resourceVersion": "1",
                "labels": labels,
            },
        })
    };
    let key = "serviceaccounts/rok/rok";
    practice.change_state("cluster", |state| {
        let label = json!({"app.kubernetes.io/part-of": "rok-verify"});
        state["objects"][key] = account(label);
    });
    let before = objects(&practice);
    torn_down(&practice, &[]);
    let after = objects(&practice);
    let gone: Vec<_> = before.difference(&after).collect();
    assert_eq!(gone, [key]);

    practice.change_state("cluster", |state| {
        state["objects"][key] = account(json!({}));
    });
    let before = objects(&practice);
    torn_down(&practice, &[]);
    assert_eq!(objects(&practice), before, "that one is Rok's own");
}

#[test]
fn a_missing_right_ends_with_six_and_resume_goes_on_once_it_is_given() {
    let practice = Practice::new();
    practice.make_world();
    let before = iam(&practice);
    practice.journey();
    deny(&practice, &["iam:DeleteRole"]);
    let refused = practice.expect(6, &["teardown", "--yes"]);
    assert!(refused.stderr.contains("iam:DeleteRole"), "{refused:?}");
    assert!(refused.stderr.contains("rok-deploy resume"), "{refused:?}");
    let run = practice.run_of(&refused);
    assert!(!run.join("s3-iam-resources.yaml").exists(), "no hand-off");
    deny(&practice, &[]);
    let output = practice.expect(0, &["resume"]);
    assert_eq!(practice.run_of(&output), run);
    assert_eq!(iam(&practice), before);
}

#[test]
fn stopped_on_the_way_it_goes_on_from_there() {
    let practice = Practice::new();
    practice.make_world();
    let before = iam(&practice);
    practice.journey();
    for moment in ["aws.remove-attachment", "aws.remove-provider"] {
        let known = practice.runs();
        let mut running = practice.start(&["teardown", "--yes", "--latency", "60ms"]);
        let journal = running.wait_for("a journal", || {
            let new = practice
                .runs()
                .into_iter()
                .find(|run| !known.contains(run))?;
            let journal = new.join("journal.jsonl");
            journal.is_file().then_some(journal)
        });
        let line = format!(r#""kind":"step_acting","step":"{moment}""#);
        running.wait_for(moment, || {
            let text = fs::read_to_string(&journal).ok()?;
            text.contains(&line).then_some(())
        });
        if moment == "aws.remove-attachment" {
            running.signal("INT");
            let output = running.finish();
            assert_eq!(output.status.code(), Some(130), "{output:?}");
            practice.expect(0, &["resume"]);
        } else {
            running.kill();
            practice.expect(0, &["resume"]);
        }
        assert_eq!(iam(&practice), before, "{moment}");
        practice.journey();
    }
}

#[test]
fn a_stack_goes_as_a_whole_or_stays_as_a_whole() {
    let practice = Practice::new();
    practice.make_world();
    let before = iam(&practice);
    let by_stack = [
        "run",
        "--yes",
        "--no-pod",
        "--set",
        "aws_identity_method=cloudformation",
    ];
    practice.expect(0, &by_stack);
    let made = iam(&practice);
    assert_ne!(made, before);

    // Somebody has given the role a policy of their own.
    practice.change_state("aws", |state| {
        let inline = &mut state["roles"][ROLE]["grants"]["inline"];
        inline["by-hand"] = json!({
            "current": "{}", "previous": null, "visible_at": "1970-01-01T00:00:00Z",
        });
    });
    let kept = iam(&practice);
    let output = torn_down(&practice, &[]);
    assert_eq!(iam(&practice), kept);
    let told = next(&practice, &output);
    for part in [
        format!("stack `{ROLE}` stays"),
        "inline policy `by-hand`".into(),
        format!("role `{ROLE}` stays: it belongs to stack"),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }

    practice.change_state("aws", |state| {
        state["roles"][ROLE]["grants"]["inline"] = json!({});
    });
    let output = torn_down(&practice, &[]);
    let sent = writes(&practice.run_of(&output));
    let operations: Vec<_> = sent
        .iter()
        .filter(|line| line["client"] == "aws")
        .map(|line| line["operation"].clone())
        .collect();
    assert_eq!(operations, ["cloudformation:DeleteStack"]);
    assert_eq!(iam(&practice), before);
    let again = torn_down(&practice, &[]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    practice.expect(0, &by_stack);
}

/// An edit that was not committed when we merged it into our own commit exists nowhere else.
#[test]
fn a_commit_that_holds_edits_beside_ours_is_not_taken_back() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--no-pod"]);
    let file = "rok/rok-cluster/overlays/deploy/patches/configvars.yaml";
    let path = practice.clone().join(file);
    let edited = fs::read_to_string(&path).expect("the file is there") + "# mine\n";
    fs::write(&path, edited).expect("the clone is writable");
    let other = [
        "run",
        "--yes",
        "--no-pod",
        "--set",
        "aws_s3_bucket_prefix=rok-other",
    ];
    practice.expect(0, &other);
    let merged = fs::read_to_string(&path).expect("the file is there");
    assert!(
        merged.contains("rok-other") && merged.contains("# mine"),
        "{merged}"
    );

    let output = torn_down(&practice, &["--set", "teardown_git=yes"]);
    assert_eq!(
        fs::read_to_string(&path).expect("the file is there"),
        merged
    );
    assert!(next(&practice, &output).contains(file));
    assert!(!practice.clone().join("deploy/env.eks-cluster").exists());
}

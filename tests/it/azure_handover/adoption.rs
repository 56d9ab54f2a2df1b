//! What was there before: compared by meaning, and taken over or used as it is on a word.

use serde_json::{Value, json};

use super::{IDENTITY, change_identity, credential, identity, run, subscription};
use crate::support::practice::{Practice, writes};

const OTHER: &str = "https://other.example/";

/// A world with an identity of our name that others made, with what `change` makes of it.
fn of_others(change: impl FnOnce(&mut Value)) -> Practice {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    change_identity(&practice, |identity| {
        identity["tags"] = json!({ "owner": "others" });
        change(identity);
    });
    practice
}

/// The decision that an output offers, to use the identity as it is.
fn offered(text: &str) -> String {
    let start = text.find("identity@").expect("it is offered");
    text[start..start + "identity@".len() + 12].to_owned()
}

#[test]
fn one_that_differs_is_shown_in_words_and_kept_as_it_is_on_a_word() {
    let practice = of_others(|identity| {
        identity["credentials"]["ci"] = credential("ci", OTHER, "system:serviceaccount:ci:runner");
    });
    let output = run(&practice, 4, &["--no-pod"]);
    let told = "it lets in service account `ci/runner` of issuer `https://other.example/`";
    assert!(output.stderr.contains(told), "{output:?}");
    assert!(output.stderr.contains("az_adopt=identity`"), "{output:?}");

    let before = identity(&practice);
    let kept = format!("az_adopt={}", offered(&output.stderr));
    let output = run(&practice, 0, &["--no-pod", "--set", &kept]);
    assert_eq!(identity(&practice), before, "nothing is written to it");
    assert!(
        output.stderr.contains("ci/runner"),
        "it is told: {output:?}"
    );
    let again = run(&practice, 0, &["--no-pod"]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);

    // What was accepted is noticed when it changes.
    change_identity(&practice, |identity| {
        identity["credentials"]["cd"] = credential("cd", OTHER, "anybody");
    });
    let output = run(&practice, 4, &["--no-pod"]);
    assert!(
        output.stderr.contains("has been changed since"),
        "{output:?}"
    );
}

#[test]
fn taking_one_over_adds_our_tags_and_leaves_others_credentials() {
    let practice = of_others(|identity| {
        identity["credentials"]["ci"] = credential("ci", OTHER, "anybody");
    });
    run(&practice, 0, &["--no-pod", "--set", "az_adopt=identity"]);
    let taken = identity(&practice);
    assert_eq!(taken["tags"]["owner"], "others");
    assert_eq!(taken["tags"]["rok-deploy-cluster"], "arrikto-cluster");
    assert_eq!(
        taken["credentials"]["ci"],
        credential("ci", OTHER, "anybody")
    );
}

#[test]
fn who_else_can_become_the_identity_is_told_in_plan_and_verify() {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    change_identity(&practice, |identity| {
        let github = "https://token.actions.githubusercontent.com";
        identity["credentials"]["ci"] = credential("ci", github, "repo:me/it:ref:refs/heads/main");
    });
    let told =
        format!("managed identity `{IDENTITY}` lets in GitHub's `repo:me/it:ref:refs/heads/main`");
    for command in ["plan", "verify"] {
        let output = super::expect(&practice, 0, &[command, "--no-pod"]);
        // A plan is a result, what is told on the way is talk.
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains(&told), "{command}: {output:?}");
    }
}

#[test]
fn a_credential_of_our_name_that_lets_in_others_is_not_written_over() {
    let practice = of_others(|identity| {
        identity["credentials"] = json!({
            "rok-rok-rok": credential("rok-rok-rok", OTHER, "system:serviceaccount:rok:rok"),
        });
    });
    let before = identity(&practice);
    let adopt = ["--no-pod", "--set", "az_adopt=identity"];
    let output = run(&practice, 4, &adopt);
    assert!(
        output.stderr.contains("az_adopt=identity,credential"),
        "{output:?}"
    );
    assert_eq!(identity(&practice)["credentials"], before["credentials"]);
    run(
        &practice,
        0,
        &["--no-pod", "--set", "az_adopt=identity,credential"],
    );
    let trust = &identity(&practice)["credentials"]["rok-rok-rok"]["trust"]["current"];
    assert_ne!(trust["issuer"], OTHER);
}

#[test]
fn objects_of_others_stay_as_they_are_to_the_byte() {
    let practice = of_others(|identity| {
        identity["credentials"]["ci"] = credential("ci", OTHER, "anybody");
    });
    let before = subscription(&practice);
    run(&practice, 4, &["--no-pod"]);
    assert_eq!(subscription(&practice), before);
}

//! `teardown` after `run`: the subscription is as it was before, but for what is named.

use serde_json::{Value, json};

use super::{IDENTITY, POD_IDENTITY, change_identity, credential, identity, run, subscription};
use crate::support::env::Output;
use crate::support::practice::{Practice, events, writes};

/// Does a teardown that has to end well. The clone says of which recipe.
fn torn_down(practice: &Practice, more: &[&str]) -> Output {
    practice.expect(0, &[&["teardown", "--yes"], more].concat())
}

/// The sentences that a run ends with.
fn next(practice: &Practice, output: &Output) -> String {
    let run = practice.run_of(output);
    let last = events(&run).pop().expect("a run has events");
    last["event"]["next"].to_string()
}

#[test]
fn the_subscription_is_as_before_but_for_what_is_named() {
    for method in [&[][..], &POD_IDENTITY] {
        let practice = Practice::new();
        practice.make_world();
        let before = subscription(&practice);
        run(&practice, 0, method);
        assert_ne!(subscription(&practice), before);

        let output = torn_down(&practice, method);
        assert_eq!(subscription(&practice), before);
        let told = next(&practice, &output);
        assert!(told.contains("`rokpractice` stays"), "{told}");
        assert!(told.contains("repository stays as it is"), "{told}");
        let aks = practice.state("aks");
        let objects = aks["objects"].as_object().expect("objects by key");
        assert!(!objects.contains_key("serviceaccounts/rok/rok"));

        let again = torn_down(&practice, method);
        assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);

        // And it can be made anew.
        run(&practice, 0, method);
        torn_down(&practice, method);
        assert_eq!(subscription(&practice), before);
    }
}

#[test]
fn nothing_is_removed_before_it_was_shown_and_approved() {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    let before = subscription(&practice);
    practice.expect(2, &["teardown"]);
    let plan = practice.expect(3, &["plan", "--recipe", "teardown-aks"]);
    assert!(plan.stdout.contains(IDENTITY), "{plan:?}");
    assert_eq!(subscription(&practice), before);
}

#[test]
fn what_others_have_hung_on_the_identity_keeps_it_and_is_named() {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    let theirs = credential("ci", "https://other.example/", "anybody");
    change_identity(&practice, |identity| {
        identity["credentials"]["ci"] = theirs.clone();
    });
    let output = torn_down(&practice, &[]);
    let told = next(&practice, &output);
    assert!(told.contains("federated credential `ci`"), "{told}");
    let left = identity(&practice);
    assert_eq!(left["credentials"], json!({ "ci": theirs }), "ours is gone");
    let azure = practice.state("azure");
    let assignments = azure["assignments"].as_object().expect("by id");
    let of_it = assignments
        .values()
        .filter(|one| one["principal"] == left["principal_id"]);
    assert_eq!(of_it.count(), 0, "its role is taken away");
}

#[test]
fn an_identity_of_others_stays_as_it_is() {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    change_identity(&practice, |identity| {
        identity["tags"] = json!({ "rok-deploy-cluster": "west", "rok-deploy-recipe": "rok-aks" });
    });
    let before = subscription(&practice);
    let output = torn_down(&practice, &[]);
    assert_eq!(subscription(&practice), before);
    assert!(next(&practice, &output).contains("cluster `west`"));
}

#[test]
fn a_cluster_that_is_gone_keeps_nothing() {
    let practice = Practice::new();
    practice.make_world();
    let identities = practice.state("azure")["identities"].clone();
    run(&practice, 0, &["--no-pod"]);
    practice.change_state("azure", |azure| azure["clusters"] = json!({}));
    practice.expect(2, &["teardown", "--yes"]);
    torn_down(&practice, &["--no-cluster"]);
    assert_eq!(practice.state("azure")["identities"], identities);
}

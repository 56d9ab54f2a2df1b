//! An operator who may look and not make: what is handed over, and that it is enough.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{
    IDENTITY, OWNER, READER, RECIPE, expect, identity, one, operator_is, run, subscription,
};
use crate::az::cli::Az;
use crate::support::practice::{Practice, writes};

const FILES: [&str; 3] = ["README.md", "create-identity.sh", "rok-identity.json"];
/// Somebody with all rights, who is not the operator.
const ADMINISTRATOR: &str = "c0ffee00-ad31-4000-8000-000000000009";
const SECRET: &str = "the-administrator-knows-it";

/// A world whose operator may only look.
fn limited() -> Practice {
    let practice = Practice::new();
    practice.make_world();
    operator_is(&practice, READER);
    practice
}

/// Runs the recipe, which is refused, and returns the hand-off.
fn refused(practice: &Practice, more: &[&str]) -> PathBuf {
    let output = run(practice, 6, more);
    let folder = practice.run_of(&output).join("handoff");
    let script = folder.join("create-identity.sh").display().to_string();
    assert!(output.stderr.contains(&script), "{output:?}");
    folder
}

#[test]
fn a_hand_off_is_written_without_a_run_and_changes_nothing() {
    let practice = limited();
    let before = subscription(&practice);
    let output = expect(&practice, 0, &["handoff"]);
    let folder = practice.env.home().join("rok-handoff-arrikto-cluster");
    for file in FILES {
        assert!(folder.join(file).is_file(), "{output:?}");
    }
    assert_eq!(subscription(&practice), before);
    assert!(practice.runs().is_empty(), "it is no run");
    // The same again is no difference.
    expect(&practice, 0, &["handoff"]);
    let elsewhere = expect(&practice, 0, &["handoff", "-o", "them", "--output", "json"]);
    let document: Value = serde_json::from_str(&elsewhere.stdout).expect("it is JSON");
    assert_eq!(document["missing"].as_array().map(Vec::len), Some(3));
    let template = fs::read_to_string(folder.join("rok-identity.json")).expect("it is there");
    let template: Value = serde_json::from_str(&template).expect("it is JSON");
    let issuer = &practice.state("aks")["issuer"];
    assert_eq!(template["resources"][2]["properties"]["issuer"], *issuer);
}

#[test]
fn for_a_pod_identity_the_operators_role_is_handed_over() {
    let practice = limited();
    let method = super::POD_IDENTITY;
    expect(&practice, 0, &[&["handoff"], &method[..]].concat());
    let folder = practice.env.home().join("rok-handoff-arrikto-cluster");
    let page = fs::read_to_string(folder.join("README.md")).expect("it is there");
    assert!(page.contains("Managed Identity Operator"), "{page}");
    assert!(page.contains("aadpodidbinding: rok"), "{page}");
}

#[test]
fn where_nothing_is_missing_nothing_is_handed_over() {
    let practice = Practice::new();
    run(&practice, 0, &["--no-pod"]);
    let output = expect(&practice, 0, &["handoff"]);
    assert!(output.stdout.contains("nothing to hand over"), "{output:?}");
}

#[test]
fn a_run_without_the_rights_ends_with_six_and_goes_on_once_they_are_there() {
    let practice = limited();
    let folder = refused(&practice, &["--no-pod"]);
    for file in FILES {
        assert!(folder.join(file).is_file(), "{file}");
    }
    operator_is(&practice, OWNER);
    practice.expect(0, &["resume", "--yes"]);
    let again = run(&practice, 0, &["--no-pod"]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
}

#[test]
fn an_untagged_identity_that_is_exactly_what_was_asked_for_is_the_answer() {
    let practice = limited();
    refused(&practice, &["--no-pod"]);
    let made = Practice::new();
    run(&made, 0, &["--no-pod"]);
    let mut theirs = identity(&made);
    theirs["tags"] = json!({});
    theirs["credentials"] = json!({});
    practice.change_state("azure", |azure| {
        let id = theirs["id"].as_str().expect("an id").to_lowercase();
        azure["identities"][&id] = theirs.clone();
    });
    operator_is(&practice, OWNER);
    practice.expect(0, &["resume", "--yes"]);
    assert_eq!(identity(&practice)["tags"], json!({}), "used as it is");
    let choices = fs::read_to_string(practice.clone().join("deploy/env.aks-identity"));
    let choices = choices.expect("it was written");
    assert!(choices.contains("AZ_ADOPT=identity@"), "{choices}");
    let again = run(&practice, 0, &["--no-pod"]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
}

// ---- with the Azure CLI --------------------------------------------------------------------------

/// Adds the administrator to a world that nobody serves.
fn with_administrator(practice: &Practice) {
    practice.change_state("azure", |azure| {
        let object = "c0ffee00-ad31-4000-8000-00000000000a";
        azure["applications"][ADMINISTRATOR] = json!({
            "name": "administrator",
            "client_id": ADMINISTRATOR,
            "object_id": object,
            "secrets": [SECRET],
        });
        let assignments = azure["assignments"].as_object_mut().expect("by id");
        let reader = assignments.values().find(|one| one["role"] == READER);
        let mut role = reader.expect("the operator's").clone();
        let name = "c0ffee00-ad31-4000-8000-00000000000b";
        let id = role["id"].as_str().expect("an id");
        let id = id.replace(role["name"].as_str().expect("a name"), name);
        role["id"] = json!(id);
        role["name"] = json!(name);
        role["principal"] = json!(object);
        role["role"] = json!(OWNER);
        assignments.insert(id.to_lowercase(), role);
    });
}

/// What is handed over is used by an administrator with `az`; the operator's run then goes on.
fn is_enough(more: &[&str], use_it: impl Fn(&Az, &Path)) {
    let practice = limited();
    with_administrator(&practice);
    let az = Az::of(practice);
    az.log_in_as(ADMINISTRATOR, SECRET);
    let practice = &az.practice;
    let folder = refused(practice, more);
    use_it(&az, &folder);
    let method = more.contains(&super::POD_IDENTITY[1]);
    if method {
        // The Pod identity is a change of the cluster, which the operator may make.
        let page = fs::read_to_string(folder.join("README.md")).expect("it is there");
        assert!(page.contains("control plane"), "{page}");
    } else {
        practice.expect(0, &["resume", "--yes"]);
        let again = run(practice, 0, more);
        assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    }
    let azure = practice.state("azure");
    let tags = &one(&azure["identities"], &format!("/{IDENTITY}"))["tags"];
    assert_eq!(tags["rok-deploy-cluster"], "arrikto-cluster");
    az.stop();
}

fn deploy(az: &Az, folder: &Path) {
    let page = fs::read_to_string(folder.join("README.md")).expect("there is a page");
    let line = page
        .lines()
        .find(|line| line.starts_with("az deployment group create "))
        .expect("the page has the command");
    az.shell(folder, line);
    // A deployment may be repeated.
    az.shell(folder, line);
}

fn script(az: &Az, folder: &Path) {
    let said = az.shell(folder, "bash create-identity.sh");
    assert!(said.contains("created managed identity"), "{said}");
    assert!(said.contains("assigned role"), "{said}");
    let again = az.shell(folder, "bash create-identity.sh");
    for made in ["created ", "assigned role", "updated "] {
        assert!(!again.contains(made), "{again}");
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_template_makes_it_in_the_practice_cloud() {
    is_enough(&["--no-pod"], deploy);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_script_makes_it_in_the_practice_cloud() {
    is_enough(&["--no-pod"], script);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_template_gives_the_cluster_its_role_on_the_identity() {
    is_enough(
        &["--no-pod", super::POD_IDENTITY[0], super::POD_IDENTITY[1]],
        deploy,
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_az_has_made_is_taken_over() {
    let az = Az::of(Practice::new());
    az.log_in();
    az.call(&[
        "identity",
        "create",
        "--resource-group",
        "arrikto",
        "--name",
        IDENTITY,
        "--location",
        "eastus",
    ]);
    let practice = &az.practice;
    run(practice, 4, &["--no-pod"]);
    run(practice, 0, &["--no-pod", "--set", "az_adopt=identity"]);
    let plan = practice.expect(0, &[&["plan", "--no-pod"], &RECIPE[..]].concat());
    assert!(plan.stdout.contains("Nothing would change."), "{plan:?}");
    az.stop();
}

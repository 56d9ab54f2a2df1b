//! Neighbours on one storage account: seen before anything is written.

use serde_json::{Value, json};

use super::{DATA_ROLE, credential, run, subscription};
use crate::support::practice::Practice;

/// Adds the installation of another cluster, which uses the same storage account.
fn with_neighbour(practice: &Practice, namespace: &str, name: &str) {
    practice.change_state("azure", |azure| {
        let principal = "c0ffee00-0e16-4000-8000-000000000001";
        let subscription = azure["subscription"].as_str().expect("an id").to_owned();
        let group = format!("/subscriptions/{subscription}/resourcegroups/arrikto");
        let id =
            format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok-west");
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        azure["identities"][id.to_lowercase()] = json!({
            "id": id,
            "name": "rok-west",
            "location": "eastus",
            "tags": { "rok-deploy-cluster": "west", "rok-deploy-recipe": "rok-aks" },
            "client_id": "c0ffee00-0e16-4000-8000-000000000002",
            "principal_id": principal,
            "known": {
                "current": null, "previous": null, "visible_at": "1970-01-01T00:00:00Z",
            },
            "credentials": { "rok": credential("rok", "https://west.example/", &subject) },
        });
        let account = &azure["accounts"]["rokpractice"]["id"];
        let scope = account.as_str().expect("an id").to_owned();
        let assignments = azure["assignments"].as_object_mut().expect("by id");
        let mut role: Value = assignments.values().next().expect("one").clone();
        let guid = "c0ffee00-0e16-4000-8000-000000000003";
        let at = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}");
        role["id"] = json!(at);
        role["name"] = json!(guid);
        role["scope"] = json!(scope);
        role["principal"] = json!(principal);
        role["role"] = json!(DATA_ROLE);
        assignments.insert(at.to_lowercase(), role);
    });
}

fn made() -> Practice {
    let practice = Practice::new();
    practice.make_world();
    practice
}

#[test]
fn the_default_prefix_of_another_cluster_is_a_conflict_and_a_safe_one_is_offered() {
    let practice = made();
    with_neighbour(&practice, "rok", "rok");
    let before = subscription(&practice);
    let output = run(&practice, 4, &["--no-pod"]);
    for said in [
        "container prefix `rok` is the one that is computed for",
        "`rok-west` of cluster `west`",
        "s3_bucket_prefix=arrikto-cluster-rok",
        "az_overlap_accept=yes",
    ] {
        assert!(output.stderr.contains(said), "{said}: {output:?}");
    }
    assert_eq!(subscription(&practice), before, "nothing was written");
    run(
        &practice,
        0,
        &["--no-pod", "--set", "s3_bucket_prefix=arrikto-cluster-rok"],
    );
}

#[test]
fn an_overlap_that_is_accepted_is_told_and_stops_nothing() {
    let practice = made();
    with_neighbour(&practice, "rok", "dev");
    run(&practice, 4, &["--no-pod"]);
    let output = run(
        &practice,
        0,
        &["--no-pod", "--set", "az_overlap_accept=yes"],
    );
    assert!(
        output.stderr.contains("takes in `rok-rok-dev`"),
        "{output:?}"
    );
    // What is installed is not asked about again.
    run(&practice, 0, &["--no-pod"]);
}

#[test]
fn containers_that_others_made_would_become_roks() {
    let practice = made();
    practice.change_state("azure", |azure| {
        azure["accounts"]["rokpractice"]["containers"]["rok-data"] = json!({
            "created": "2026-01-01T00:00:00Z", "etag": "0x1", "blobs": {},
        });
    });
    let output = run(&practice, 4, &["--no-pod"]);
    assert!(output.stderr.contains("`rok-data`"), "{output:?}");
    assert!(
        output
            .stderr
            .contains("s3_bucket_prefix=rok-arrikto-cluster"),
        "{output:?}"
    );
}

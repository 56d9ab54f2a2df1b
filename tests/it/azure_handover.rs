//! Azure with others around: hand-offs that are really used, what was there before, neighbours on one
//! storage account, and what a teardown leaves.

mod adoption;
mod handing;
mod overlap;
mod teardown;

use serde_json::{Value, json};

use crate::support::env::Output;
use crate::support::practice::Practice;

const RECIPE: [&str; 2] = ["--recipe", "rok-aks"];
const POD_IDENTITY: [&str; 2] = ["--set", "az_identity_method=pod-identity"];
const IDENTITY: &str = "rok-arrikto-cluster";
const DATA_ROLE: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CLUSTER_USER: &str = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// Runs a command of the recipe in the practice cloud and expects this exit code.
fn expect(practice: &Practice, code: i32, arguments: &[&str]) -> Output {
    practice.expect(code, &[arguments, &RECIPE].concat())
}

fn run(practice: &Practice, code: i32, more: &[&str]) -> Output {
    expect(practice, code, &[&["run", "--yes"], more].concat())
}

/// The subscription, less what passes by itself.
fn subscription(practice: &Practice) -> Value {
    let mut azure = practice.state("azure");
    for passing in ["operations", "deployments"] {
        azure[passing] = Value::Null;
    }
    let clusters = azure["clusters"].as_object_mut().expect("clusters by id");
    for cluster in clusters.values_mut() {
        cluster["etag"] = Value::Null;
        // Its port is another one each time that the world is served.
        cluster["endpoint"] = Value::Null;
        // What Azure tells of pools, and who writes a cluster sends back with the rest.
        let pools = cluster["properties"]["agentPoolProfiles"].as_array_mut();
        for pool in pools.into_iter().flatten() {
            for told in ["currentOrchestratorVersion", "provisioningState"] {
                pool.as_object_mut().map(|pool| pool.remove(told));
            }
        }
        let profile = &mut cluster["properties"]["podIdentityProfile"];
        // Nothing said means no.
        if profile["allowNetworkPluginKubenet"] == json!(false) {
            profile
                .as_object_mut()
                .map(|profile| profile.remove("allowNetworkPluginKubenet"));
        }
        // None, and a list of none, mean the same.
        for list in ["userAssignedIdentities", "userAssignedIdentityExceptions"] {
            if profile[list] == json!([]) || profile[list].is_null() {
                profile.as_object_mut().map(|profile| profile.remove(list));
            }
        }
    }
    azure
}

/// The one value whose key ends so.
fn one<'a>(things: &'a Value, end: &str) -> &'a Value {
    let things = things.as_object().expect("things by id");
    let mut found = things.iter().filter(|(key, _)| key.ends_with(end));
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {end} among {:?}", things.keys()));
    value
}

/// The identity of the practice cluster's Rok.
fn identity(practice: &Practice) -> Value {
    let azure = practice.state("azure");
    one(&azure["identities"], &format!("/{IDENTITY}")).clone()
}

/// Changes that identity while nobody serves the world.
fn change_identity(practice: &Practice, change: impl FnOnce(&mut Value)) {
    practice.change_state("azure", |azure| {
        let identities = azure["identities"].as_object_mut().expect("by id");
        let ours = identities
            .iter_mut()
            .find(|(key, _)| key.ends_with(&format!("/{IDENTITY}")));
        let (_, identity) = ours.expect("it is there");
        change(identity);
    });
}

/// Gives the operator this role on the subscription, in the place of the one they have.
fn operator_is(practice: &Practice, role: &str) {
    practice.change_state("azure", |azure| {
        let assignments = azure["assignments"].as_object_mut().expect("by id");
        let of_operator =
            |one: &&mut Value| [OWNER, READER].contains(&one["role"].as_str().expect("a role"));
        let operator = assignments.values_mut().find(of_operator);
        let operator = operator.expect("the operator has a role");
        operator["role"] = json!(role);
        // Whoever works on a cluster may have its kubeconfig.
        let mut user = operator.clone();
        let guid = "c0ffee00-0e16-4000-8000-000000000004";
        let id = user["id"].as_str().expect("an id");
        let id = id.replace(user["name"].as_str().expect("a name"), guid);
        user["id"] = json!(id);
        user["name"] = json!(guid);
        user["role"] = json!(CLUSTER_USER);
        assignments.insert(id.to_lowercase(), user);
    });
}

/// A credential as the world holds one that everybody knows of.
fn credential(name: &str, issuer: &str, subject: &str) -> Value {
    json!({
        "name": name,
        "trust": {
            "current": {
                "issuer": issuer,
                "subject": subject,
                "audiences": ["api://AzureADTokenExchange"],
            },
            "previous": null,
            "visible_at": "1970-01-01T00:00:00Z",
        },
    })
}

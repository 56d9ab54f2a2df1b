//! The files, with plain and with hostile values.

use serde_json::Value;

use super::*;
use crate::steps::azure::{DATA_ROLE, sample};
use crate::steps::handoff::Handoff as _;

const HOSTILE: &str = "a'b\"c$(touch pwned)`id`\\ ;&|<>*?[x]{y}!#~%\u{202e}é";

fn standing(part: Part) -> Standing {
    Standing {
        account: Part::There,
        identity: part,
        data_role: part,
        feature: Part::There,
        credential: part,
        operator_role: part,
    }
}

fn handoff(part: Part) -> Handoff {
    let identity = sample();
    Handoff {
        standing: standing(part),
        known: Known {
            tenant: "11111111-1111-1111-1111-111111111111".into(),
            account: identity.account_id(),
            principal: String::new(),
            issuer: "https://eastus.oic.example/t/i/".into(),
            control_plane: "22222222-2222-2222-2222-222222222222".into(),
            audience: "api://AzureADTokenExchange".into(),
            credential: identity.credential.clone(),
        },
        operator: "user ops@example.com".into(),
        identity,
    }
}

fn of_pods(part: Part) -> Handoff {
    let mut handoff = handoff(part);
    handoff.identity.method = Method::PodIdentity;
    handoff
}

fn file(handoff: &Handoff, name: &str) -> String {
    let files = handoff.files();
    let file = files.into_iter().find(|file| file.name == name);
    file.expect("there is such a file").text
}

fn template(handoff: &Handoff) -> Value {
    serde_json::from_str(&file(handoff, TEMPLATE)).expect("it is JSON")
}

fn kinds(template: &Value) -> Vec<&str> {
    let resources = template["resources"].as_array().unwrap();
    let kinds = resources.iter().map(|one| one["type"].as_str().unwrap());
    kinds.map(|kind| kind.rsplit('/').next().unwrap()).collect()
}

#[test]
fn nothing_is_left_to_fill_in() {
    for part in [Part::Missing, Part::Outdated, Part::Unknown] {
        for handoff in [handoff(part), of_pods(part)] {
            for file in handoff.files() {
                for mark in ["{{", "{%", "TODO", "<name", "CHANGE"] {
                    assert!(!file.text.contains(mark), "{}: {mark}", file.name);
                }
                assert!(!file.text.contains("\n\n\n"), "{}", file.text);
            }
        }
    }
}

#[test]
fn the_template_makes_identity_role_and_credential() {
    let handoff = handoff(Part::Missing);
    let template = template(&handoff);
    assert_eq!(
        kinds(&template),
        [
            "userAssignedIdentities",
            "roleAssignments",
            "federatedIdentityCredentials"
        ]
    );
    let [identity, role, credential] = &template["resources"].as_array().unwrap()[..] else {
        panic!("three resources")
    };
    assert_eq!(identity["name"], "rok-arrikto-cluster");
    assert_eq!(identity["tags"]["rok-deploy-cluster"], "arrikto-cluster");
    assert_eq!(identity["tags"]["rok-deploy-recipe"], "rok-aks");
    let after = "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', \
                 'rok-arrikto-cluster')]";
    assert_eq!(role["dependsOn"][0], after);
    assert_eq!(credential["dependsOn"][0], after);
    assert_eq!(
        role["scope"],
        "Microsoft.Storage/storageAccounts/roka8eb022arriktoarrikto"
    );
    assert_eq!(role["properties"]["principalType"], "ServicePrincipal");
    assert_eq!(
        role["properties"]["principalId"],
        format!(
            "[reference('{}', '2023-01-31').principalId]",
            handoff.identity.id()
        )
    );
    names::check_guid(role["name"].as_str().unwrap()).unwrap();
    assert_eq!(credential["name"], "rok-arrikto-cluster/rok-rok-rok");
    assert_eq!(
        credential["properties"]["subject"],
        "system:serviceaccount:rok:rok"
    );
    assert_eq!(template["parameters"], Value::Null);
}

#[test]
fn an_identity_that_is_there_is_named_and_not_made() {
    let mut handoff = handoff(Part::Missing);
    handoff.standing.identity = Part::There;
    handoff.known.principal = "33333333-3333-3333-3333-333333333333".into();
    let template = template(&handoff);
    assert_eq!(
        kinds(&template),
        ["roleAssignments", "federatedIdentityCredentials"]
    );
    let role = &template["resources"][0];
    // The very name that our own step would give it.
    let name = names::assignment(
        &handoff.known.account,
        &handoff.known.principal,
        DATA_ROLE_ID,
    );
    assert_eq!(role["name"], name);
    assert_eq!(role["properties"]["principalId"], handoff.known.principal);
    assert_eq!(role["dependsOn"], serde_json::json!([]));
}

#[test]
fn for_pod_identities_the_cluster_gets_its_role_on_the_identity() {
    let template = template(&of_pods(Part::Missing));
    assert_eq!(
        kinds(&template),
        [
            "userAssignedIdentities",
            "roleAssignments",
            "roleAssignments"
        ]
    );
    let role = &template["resources"][2];
    assert_eq!(
        role["scope"],
        "Microsoft.ManagedIdentity/userAssignedIdentities/rok-arrikto-cluster"
    );
    let missing = of_pods(Part::Missing).missing();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing[2].contains("control plane"), "{missing:?}");
}

#[test]
fn an_account_in_another_group_is_reached_by_a_deployment_of_its_own() {
    let mut handoff = handoff(Part::Missing);
    handoff.known.account = handoff.known.account.replace("/arrikto/", "/storage/");
    let template = template(&handoff);
    let inner = &template["resources"][1];
    assert_eq!(inner["resourceGroup"], "storage");
    let role = &inner["properties"]["template"]["resources"][0];
    assert_eq!(
        role["properties"]["principalId"],
        "[parameters('principal')]"
    );
    let principal = &inner["properties"]["parameters"]["principal"]["value"];
    assert!(principal.as_str().unwrap().starts_with("[reference("));
}

#[test]
fn a_template_is_no_way_where_it_would_write_over_something() {
    let no = |change: fn(&mut Standing)| {
        let mut handoff = handoff(Part::Missing);
        change(&mut handoff.standing);
        let page = file(&handoff, PAGE);
        assert!(!page.contains("az deployment"), "{page}");
        assert!(page.contains("bash create-identity.sh"), "{page}");
        let names: Vec<_> = handoff.files().iter().map(|file| file.name).collect();
        assert_eq!(names, [SCRIPT, PAGE]);
        handoff.template().unwrap_err()
    };
    assert_eq!(no(|it| it.identity = Part::Unknown), NoTemplate::Unseen);
    assert!(matches!(
        no(|it| it.identity = Part::Outdated),
        NoTemplate::OtherTags(_)
    ));
    assert!(matches!(
        no(|it| it.feature = Part::Outdated),
        NoTemplate::NoIssuer(_)
    ));
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let mut handoff = handoff(Part::There);
    assert!(handoff.is_complete());
    handoff.standing.data_role = Part::Missing;
    let account = &handoff.identity.account;
    assert_eq!(
        handoff.missing(),
        [format!(
            "role `{DATA_ROLE}` for that identity, on storage account `{account}` alone"
        )]
    );
    let script = file(&handoff, SCRIPT);
    for (command, is_there) in [
        ("role assignment create", true),
        ("identity create", false),
        ("federated-credential", false),
        ("storage account create", false),
        ("aks update", false),
    ] {
        assert_eq!(script.contains(command), is_there, "{command}\n{script}");
    }
}

#[test]
fn the_command_names_subscription_and_group() {
    assert_eq!(
        handoff(Part::Missing).commands(Path::new("f")),
        [
            "az deployment group create --subscription 3b63afce-113a-4798-a303-f37dada04319 \
             --resource-group arrikto --name rok-arrikto-cluster --template-file \
             f/rok-identity.json",
            "bash f/create-identity.sh"
        ]
    );
}

#[test]
fn a_literal_is_no_expression_and_a_quote_ends_none() {
    let mut handoff = handoff(Part::Missing);
    handoff.identity.location = "[deployment()]".into();
    handoff.identity.name = "it's".into();
    let template = template(&handoff);
    let identity = &template["resources"][0];
    assert_eq!(identity["location"], "[[deployment()]");
    let after = template["resources"][1]["dependsOn"][0].as_str().unwrap();
    assert!(after.ends_with("'it''s')]"), "{after}");
}

/// A program in the place of the Azure CLI writes down what it is given.
#[test]
fn hostile_values_reach_the_cli_bit_for_bit() {
    let mut handoff = handoff(Part::Missing);
    handoff.standing.account = Part::Missing;
    let identity = &mut handoff.identity;
    identity.name = HOSTILE.into();
    identity.group = HOSTILE.into();
    identity.location = HOSTILE.into();
    identity.account = HOSTILE.into();
    identity.ownership.cluster = HOSTILE.into();
    identity.namespace = HOSTILE.into();
    handoff.known.issuer = HOSTILE.into();
    handoff.known.audience = HOSTILE.into();
    handoff.known.credential = HOSTILE.into();
    handoff.known.account = handoff.identity.account_id();

    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::write(at("create.sh"), file(&handoff, SCRIPT)).unwrap();
    std::fs::write(at("az"), include_str!("fake_az.sh")).unwrap();
    let made_executable = std::process::Command::new("chmod")
        .arg("+x")
        .arg(at("az"))
        .status()
        .unwrap();
    assert!(made_executable.success());
    let path = format!(
        "{}:{}",
        place.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = std::process::Command::new("bash")
        .arg("create.sh")
        .current_dir(place.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!at("pwned").exists(), "a value was run");
    let called = std::fs::read_to_string(at("called")).unwrap();
    for value in [
        HOSTILE.to_owned(),
        format!("rok-deploy-cluster={HOSTILE}"),
        handoff.identity.id(),
        handoff.known.account.clone(),
        handoff.identity.subject(),
        handoff.data_assignment(),
        handoff.role(DATA_ROLE_ID),
    ] {
        let line = format!("[{value}]\n");
        assert!(called.contains(&line), "{line} is not in\n{called}");
    }
}

#[test]
fn a_page_holds_hostile_values_in_one_span_each() {
    let mut handoff = handoff(Part::Missing);
    handoff.identity.cluster = "`x` # Run this".into();
    handoff.operator = "me\n# Run this".into();
    let page = file(&handoff, PAGE);
    assert!(!page.contains("\n# Run this"), "{page}");
    assert!(page.contains("`` `x` # Run this ``"), "{page}");
}

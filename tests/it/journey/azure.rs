//! Whole journeys on AKS: what they make by either method, and what they leave alone.

use super::*;
use crate::crash::AKS_WITHOUT_ISSUER;

/// Runs the recipe in the practice cloud and expects this exit code.
fn run(practice: &Practice, code: i32, arguments: &[&str]) -> Output {
    let recipe = ["run", "--yes", "--recipe", "rok-aks"];
    practice.expect(code, &[&recipe[..], arguments].concat())
}

const POD_IDENTITY: [&str; 2] = ["--set", "az_identity_method=pod-identity"];
const METHODS: [&[&str]; 2] = [&[], &POD_IDENTITY];
const GROUP: &str = "resourcegroups/arrikto";
const S3PROXY: &str = "rok/rok-external-services/s3proxy/overlays/deploy";
const OVERLAY: &str = "rok/rok-cluster/overlays/deploy";

/// What Azure and its cluster mean; ports and etags are others in every process.
fn world(practice: &Practice) -> Value {
    practice.meaning()["azure"].clone()
}

/// The one value whose key ends so.
fn one<'a>(objects: &'a Value, end: &str) -> &'a Value {
    let objects = objects.as_object().expect("objects by key");
    let mut found = objects.iter().filter(|(key, _)| key.ends_with(end));
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {end} among {:?}", objects.keys()));
    value
}

fn file(practice: &Practice, path: &str) -> String {
    fs::read_to_string(practice.clone().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_run_makes_everything_and_a_second_one_nothing() {
    for method in METHODS {
        let practice = Practice::new();
        run(&practice, 0, method);
        let (before, history, refs) = (world(&practice), practice.history(), practice.refs());

        let output = run(&practice, 0, method);
        let last = output.stdout.lines().last().unwrap_or_default();
        assert!(last.starts_with("Nothing had to be changed"), "{output:?}");
        assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
        assert_eq!(practice.refs(), refs, "no commit, no tag, no push");
        assert_eq!((world(&practice), practice.history()), (before, history));

        let plan = [&["plan", "--recipe", "rok-aks"], method].concat();
        let output = practice.expect(0, &plan);
        assert_eq!(output.stdout.lines().last(), Some("Nothing would change."));
    }
}

#[test]
fn a_plan_changes_nothing_at_all() {
    let practice = Practice::new();
    practice.make_world();
    let served = practice.serve();
    let before = snapshot(&practice.env.state_dir());
    practice.expect(3, &["plan", "--recipe", "rok-aks"]);
    assert_eq!(snapshot(&practice.env.state_dir()), before);
    assert!(practice.runs().is_empty(), "a plan is no run");
    served.stop();
}

#[test]
fn the_identity_is_as_documented() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    let (azure, cluster) = (practice.state("azure"), practice.state("aks"));
    let identity = one(&azure["identities"], "/rok-arrikto-cluster");
    let tags = &identity["tags"];
    assert_eq!(tags["rok-deploy-cluster"], "arrikto-cluster");
    assert_eq!(tags["rok-deploy-recipe"], "rok-aks");
    assert!(tags["rok-deploy-run"].is_string());

    let credential = one(&identity["credentials"], "rok-rok-rok");
    let trust = &credential["trust"]["current"];
    assert_eq!(trust["subject"], "system:serviceaccount:rok:rok");
    assert_eq!(trust["issuer"], cluster["issuer"]);
    assert_eq!(trust["audiences"], json!(["api://AzureADTokenExchange"]));

    let assignments = azure["assignments"].as_object().expect("assignments");
    let ours: Vec<_> = assignments
        .values()
        .filter(|assignment| assignment["principal"] == identity["principal_id"])
        .collect();
    let [assignment] = ours[..] else {
        panic!("one role, found {ours:?}")
    };
    assert_eq!(assignment["principal_type"], "ServicePrincipal");
    assert_eq!(assignment["role"], "ba92f5b4-2d11-453d-a403-e96b0029c9fe");
    let scope = assignment["scope"]
        .as_str()
        .expect("a scope")
        .to_lowercase();
    let account = format!("{GROUP}/providers/microsoft.storage/storageaccounts/rokpractice");
    assert!(scope.ends_with(&account), "{scope}");

    let account = one(&cluster["objects"], "serviceaccounts/rok/rok");
    let annotations = &account["metadata"]["annotations"];
    let client = &annotations["azure.workload.identity/client-id"];
    assert_eq!(*client, identity["client_id"]);
    assert_eq!(
        annotations["azure.workload.identity/tenant-id"],
        azure["tenant"]
    );
}

#[test]
fn files_and_commits_are_as_documented() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    let subjects = practice.subjects();
    assert_eq!(
        subjects[subjects.len() - 3..],
        [
            "Create Cloud Identity",
            "Configure Azure Blob Storage access for Rok",
            "Configure Pod to verify storage access",
        ]
    );
    let clone = practice.clone();
    let tags = practice.git(&clone, &["tag", "--format=%(refname:short) %(subject)"]);
    let tags: Vec<_> = tags
        .lines()
        .filter_map(|tag| tag.split_once("Z/"))
        .collect();
    let tags: Vec<_> = tags.into_iter().map(|(_, rest)| rest).collect();
    for expected in [
        "release-1.5/cloudidentity Create Cloud Identity",
        "release-1.5/objectstorage Configure Azure Blob Storage access for Rok",
    ] {
        assert!(tags.contains(&expected), "{tags:?}");
    }

    let config = file(&practice, &format!("{S3PROXY}/config.env"));
    assert_eq!(
        config,
        "JCLOUDS_PROVIDER=azureblob-sdk\nJCLOUDS_IDENTITY=\n\
         JCLOUDS_ENDPOINT=https://rokpractice.blob.core.windows.net\nJCLOUDS_CREDENTIAL=\n"
    );
    let overlay = file(&practice, &format!("{OVERLAY}/kustomization.yaml"));
    assert!(
        overlay.contains("- ../aks\n") && !overlay.contains("storage.yaml"),
        "{overlay}"
    );
    let configvars = file(&practice, &format!("{OVERLAY}/patches/configvars.yaml"));
    assert!(
        configvars.contains("daemons.s3d.bucket_prefix: rok\n"),
        "{configvars}"
    );
    let binding = file(&practice, &format!("{S3PROXY}/patches/daemonset.yaml"));
    let binding: Value = serde_yaml::from_str(&binding).expect("it is YAML");
    let template = &binding["spec"]["template"];
    let label = &template["metadata"]["labels"]["azure.workload.identity/use"];
    assert_eq!(
        (label, &template["spec"]["serviceAccountName"]),
        (&json!("true"), &json!("rok"))
    );

    let choices = file(&practice, "deploy/env.aks-identity");
    assert!(
        choices.contains("AZ_MANAGED_IDENTITY=rok-arrikto-cluster\n"),
        "{choices}"
    );
    assert_eq!(
        file(&practice, "deploy/env.aks-cluster"),
        "AKS_CLUSTER=arrikto-cluster\n"
    );
}

#[test]
fn a_pod_identity_is_as_documented() {
    let practice = Practice::new();
    run(&practice, 0, &POD_IDENTITY);
    let (azure, cluster) = (practice.state("azure"), practice.state("aks"));
    let identity = one(&azure["identities"], "/rok-arrikto-cluster");
    assert_eq!(identity["credentials"], json!({}));
    let profile = &one(&azure["clusters"], "/arrikto-cluster")["properties"]["podIdentityProfile"];
    let pod_identity = &profile["userAssignedIdentities"][0];
    assert_eq!(pod_identity["name"], "rok");
    assert_eq!(pod_identity["namespace"], "rok");
    assert_eq!(pod_identity["identity"]["clientId"], identity["client_id"]);
    let objects = &cluster["objects"];
    let bound = one(
        objects,
        "azureidentitybindings.aadpodidentity.k8s.io/rok/rok-binding",
    );
    assert_eq!(bound["spec"]["selector"], "rok");

    let assignments = azure["assignments"].as_object().expect("assignments");
    let operator = assignments.values().find(|assignment| {
        let scope = assignment["scope"].as_str().unwrap_or_default();
        scope.to_lowercase().ends_with("/rok-arrikto-cluster")
    });
    let role = &operator.expect("a role at the identity itself")["role"];
    assert_eq!(role, "f1a07417-d97a-45cb-824c-7a7467783830");

    let binding = file(&practice, &format!("{S3PROXY}/patches/daemonset.yaml"));
    assert!(binding.contains("aadpodidbinding: rok\n"), "{binding}");
    let config = file(&practice, &format!("{S3PROXY}/config.env"));
    assert!(
        config.contains("JCLOUDS_IDENTITY=rokpractice\n"),
        "{config}"
    );

    // The method is kept with the other choices.
    let output = run(&practice, 0, &[]);
    let last = output.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("Nothing had to be changed"), "{output:?}");

    // Its successor takes its place.
    run(
        &practice,
        0,
        &["--set", "az_identity_method=workload-identity"],
    );
    let binding = file(&practice, &format!("{S3PROXY}/patches/daemonset.yaml"));
    assert!(!binding.contains("aadpodidbinding"), "{binding}");
    let azure = practice.state("azure");
    let identity = one(&azure["identities"], "/rok-arrikto-cluster");
    assert!(identity["credentials"]["rok-rok-rok"].is_object());
}

#[test]
fn an_identity_of_others_is_a_conflict_until_it_is_adopted() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    practice.change_state("azure", |azure| {
        let identities = azure["identities"].as_object_mut().expect("identities");
        for identity in identities.values_mut() {
            identity["tags"] = json!({ "owner": "others" });
        }
    });
    let output = run(&practice, 4, &[]);
    assert!(output.stderr.contains("az_adopt=identity"), "{output:?}");
    let (before, _) = (world(&practice), practice.refs());
    assert_eq!(world(&practice), before);
    run(&practice, 0, &["--set", "az_adopt=identity"]);
    let azure = practice.state("azure");
    let tags = &one(&azure["identities"], "/rok-arrikto-cluster")["tags"];
    assert_eq!(tags["owner"], "others");
    assert_eq!(tags["rok-deploy-cluster"], "arrikto-cluster");
}

#[test]
fn a_storage_account_is_made_on_a_word() {
    let practice = Practice::new();
    let name = ["--set", "storage_account_name=rokmadeanew"];
    let output = run(&practice, 4, &name);
    assert!(
        output.stderr.contains("az_storage_account_create=yes"),
        "{output:?}"
    );
    let yes = ["--set", "az_storage_account_create=yes"];
    run(&practice, 0, &[&name[..], &yes].concat());
    let azure = practice.state("azure");
    let account = one(&azure["accounts"], "rokmadeanew");
    assert_eq!(account["kind"], "StorageV2");
    let properties = &account["properties"];
    assert_eq!(properties["allowBlobPublicAccess"], false);
    assert_eq!(properties["allowSharedKeyAccess"], false);
    assert_eq!(properties["minimumTlsVersion"], "TLS1_2");
    assert_eq!(account["tags"]["rok-deploy-cluster"], "arrikto-cluster");
}

#[test]
fn a_cluster_without_workload_identity_is_changed_on_a_word() {
    let practice = Practice::new();
    practice.make_world();
    practice.change_state(AKS_WITHOUT_ISSUER.0, AKS_WITHOUT_ISSUER.1);
    let output = run(&practice, 4, &[]);
    assert!(
        output.stderr.contains("az_cluster_enable=yes"),
        "{output:?}"
    );
    run(&practice, 0, &["--set", "az_cluster_enable=yes"]);
    let azure = practice.state("azure");
    let properties = &one(&azure["clusters"], "/arrikto-cluster")["properties"];
    assert_eq!(properties["oidcIssuerProfile"]["enabled"], true);
}

#[test]
fn a_credential_of_another_name_is_as_good() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    practice.change_state("azure", |azure| {
        let identities = azure["identities"].as_object_mut().expect("identities");
        for identity in identities.values_mut() {
            let credentials = identity["credentials"].as_object_mut();
            let credentials = credentials.expect("credentials");
            // The identity of the nodes has none.
            if let Some(mut credential) = credentials.remove("rok-rok-rok") {
                credential["name"] = "by-hand".into();
                credentials.insert("by-hand".into(), credential);
            }
        }
    });
    let before = world(&practice);
    run(&practice, 0, &[]);
    assert_eq!(world(&practice), before);
}

#[test]
fn other_answers_change_what_follows_from_them() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    run(&practice, 0, &["--set", "s3_bucket_prefix=rok-other"]);
    let configvars = file(&practice, &format!("{OVERLAY}/patches/configvars.yaml"));
    assert!(
        configvars.contains("bucket_prefix: rok-other\n"),
        "{configvars}"
    );
    let subjects = practice.subjects();
    let again = subjects
        .iter()
        .filter(|subject| *subject == "Configure Azure Blob Storage access for Rok");
    assert_eq!(again.count(), 2, "{subjects:?}");
}

//! The same on Azure, by both ways to the identity: what is proven, what breaks each link, and that
//! nothing is left.

use std::fs;

use serde_json::{Value, json};

use super::super::support::env::Output;
use super::super::support::practice::{Practice, writes};
use super::{chain, kubectl, left_in, weakest};

const RECIPE: [&str; 2] = ["--recipe", "rok-aks"];
const BY_TOKEN: [&str; 8] = [
    "service_account",
    "token",
    "issuer",
    "federated_credential",
    "managed_identity",
    "role_assignment",
    "storage_account",
    "container",
];
const BY_NODE: [&str; 8] = [
    "pod_identity",
    "azure_identity",
    "binding",
    "node",
    "managed_identity",
    "role_assignment",
    "storage_account",
    "container",
];
const MANIFEST: &str = "rok/rok-test/rok-verify-storage-access-aks.yaml";

/// An installation by one of the methods.
struct Installed {
    practice: Practice,
    method: String,
}

impl Installed {
    /// One that was proven with a Pod.
    fn by(method: &str) -> Self {
        let practice = Practice::new();
        let method = format!("az_identity_method={method}");
        let run = ["run", "--yes", "--set", &method];
        practice.expect(0, &[&run[..], &RECIPE].concat());
        Self { practice, method }
    }

    fn verify(&self, code: i32, more: &[&str]) -> Output {
        let verify = ["verify", "--set", &self.method];
        self.practice
            .expect(code, &[&verify[..], &RECIPE, more].concat())
    }

    /// A verification that fails at this link, says why and what mends it, and leaves nothing.
    fn fails(&self, [link, cause, remedy]: [&str; 3]) {
        let output = self.verify(5, &["--wait", "2s"]);
        let run = self.practice.run_of(&output);
        assert_eq!(weakest(&run).as_deref(), Some(link), "{output:?}");
        let told = &output.stderr;
        assert!(told.contains(cause), "{cause} in {told}");
        assert!(told.contains(remedy), "{remedy} in {told}");
        assert_eq!(writes(&run), [Value::Null; 0], "it changes nothing");
        assert_eq!(left_in(&self.practice, "aks"), [""; 0], "nothing is left");
    }

    /// The same, once one half of the world was changed.
    fn breaks(&self, half: &str, change: impl FnOnce(&mut Value), told: [&str; 3]) {
        self.practice.change_state(half, change);
        self.fails(told);
    }

    fn edit_manifest(&self, from: &str, to: &str) {
        let path = self.practice.clone().join(MANIFEST);
        let manifest = fs::read_to_string(&path).expect("it was rendered");
        assert!(manifest.contains(from), "{from} in {manifest}");
        fs::write(&path, manifest.replace(from, to)).expect("it is writable");
    }
}

fn by_token() -> Installed {
    Installed::by("workload-identity")
}

fn by_node() -> Installed {
    Installed::by("pod-identity")
}

fn proven(links: [&str; 8]) -> Vec<(String, String)> {
    let proven = |link: &str| (link.to_owned(), "proven".to_owned());
    links.map(proven).into()
}

/// The only thing of its kind.
fn only(things: &mut Value) -> &mut Value {
    let things = things.as_object_mut().expect("it holds things by name");
    assert_eq!(things.len(), 1, "{:?}", things.keys());
    things.values_mut().next().expect("there is one")
}

fn trust(state: &mut Value) -> &mut Value {
    // The cluster has an identity of its own.
    let identities = state["identities"].as_object_mut().expect("by id");
    let ours = identities
        .iter_mut()
        .find(|(id, _)| id.ends_with("/rok-arrikto-cluster"));
    let (_, ours) = ours.expect("the run made it");
    &mut only(&mut ours["credentials"])["trust"]["current"]
}

fn rewrite(text: &mut Value, from: &str, to: &str) {
    let old = text.as_str().expect("it is text");
    assert!(old.contains(from), "{from} in {old}");
    *text = old.replace(from, to).into();
}

/// The object of the cluster whose key ends so.
fn object<'a>(state: &'a mut Value, end: &str) -> &'a mut Value {
    let objects = state["objects"].as_object_mut().expect("there are objects");
    let key = objects.keys().find(|key| key.ends_with(end)).cloned();
    let key = key.unwrap_or_else(|| panic!("{end} in {:?}", objects.keys()));
    &mut objects[&key]
}

fn pod_identity_profile(state: &mut Value) -> &mut Value {
    &mut only(&mut state["clusters"])["properties"]["podIdentityProfile"]
}

#[test]
fn workload_identity_is_proven_with_a_pod_and_without() {
    let installed = by_token();
    let practice = &installed.practice;
    let made = || {
        let state = practice.state("azure");
        ["identities", "assignments", "accounts"].map(|things| state[things].clone())
    };
    let (before, refs) = (made(), practice.refs());
    for more in [&[][..], &["--no-pod"]] {
        let output = installed.verify(0, more);
        let run = practice.run_of(&output);
        assert_eq!(chain(&run), proven(BY_TOKEN), "{output:?}");
        assert!(
            output.stdout.contains("federated credential"),
            "{}",
            output.stdout
        );
        assert!(
            output.stdout.contains("does not exist yet"),
            "{}",
            output.stdout
        );
        assert_eq!(writes(&run), [Value::Null; 0]);
        assert_eq!(left_in(practice, "aks"), [""; 0]);
    }
    assert_eq!(made(), before, "no container is made");
    assert_eq!(practice.refs(), refs);
}

#[test]
fn pod_identity_is_proven_with_a_pod_and_up_to_it_without() {
    let installed = by_node();
    let practice = &installed.practice;
    let output = installed.verify(0, &[]);
    assert_eq!(
        chain(&practice.run_of(&output)),
        proven(BY_NODE),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("does not exist yet"),
        "{}",
        output.stdout
    );
    assert_eq!(left_in(practice, "aks"), [""; 0]);
    let output = installed.verify(0, &["--no-pod"]);
    let links = chain(&practice.run_of(&output));
    assert_eq!(links[..7], proven(BY_NODE)[..7]);
    assert_eq!(links[7].1, "unknown");
}

#[test]
fn a_container_that_exists_is_no_hindrance() {
    let installed = by_token();
    let practice = &installed.practice;
    practice.change_state("azure", |state| {
        let container = json!({
            "created": "2024-05-01T10:00:00Z",
            "etag": "0x1",
            "blobs": {},
        });
        state["accounts"]["rokpractice"]["containers"]["rok-chocks-ca"] = container;
    });
    let output = installed.verify(0, &[]);
    assert_eq!(chain(&practice.run_of(&output)), proven(BY_TOKEN));
    assert!(
        output.stdout.contains("which is empty"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_credential_is_compared_to_the_letter() {
    let installed = by_token();
    let practice = &installed.practice;
    let link = "federated_credential";
    let update = "az identity federated-credential update";
    installed.breaks(
        "azure",
        |state| rewrite(&mut trust(state)["subject"], ":rok:rok", ":rok:Rok"),
        [link, "upper and lower case count", update],
    );
    practice.change_state("azure", |state| {
        rewrite(&mut trust(state)["subject"], ":Rok", ":rok");
    });
    installed.breaks(
        "azure",
        |state| {
            let issuer = trust(state)["issuer"]
                .as_str()
                .expect("it is text")
                .to_owned();
            trust(state)["issuer"] = issuer.trim_end_matches('/').into();
        },
        [link, "the trailing `/` counts", update],
    );
}

#[test]
fn a_credential_for_another_audience_is_the_broken_link() {
    let change = |state: &mut Value| trust(state)["audiences"] = json!(["api://other"]);
    let told = [
        "federated_credential",
        "another audience",
        "api://AzureADTokenExchange",
    ];
    by_token().breaks("azure", change, told);
}

#[test]
fn a_token_of_another_issuer_is_the_broken_link() {
    let change = |state: &mut Value| {
        state["sabotage"] =
            json!([{ "OtherIssuer": "https://eastus.oic.prod-aks.azure.com/x/y/" }]);
    };
    let told = ["issuer", "`iss`: found https://eastus.oic", "az aks show"];
    by_token().breaks("aks", change, told);
}

#[test]
fn a_missing_assignment_is_the_broken_link() {
    let change = |state: &mut Value| {
        let assignments = state["assignments"].as_object_mut().expect("by id");
        assignments.retain(|_, it| it["role"] != "ba92f5b4-2d11-453d-a403-e96b0029c9fe");
    };
    let told = [
        "role_assignment",
        "has no role on storage account",
        "az role assignment create",
    ];
    by_token().breaks("azure", change, told);
}

#[test]
fn an_account_without_its_annotation_is_the_broken_link() {
    let installed = by_token();
    let annotate = |annotations: Value| {
        move |state: &mut Value| {
            object(state, "serviceaccounts/rok/rok")["metadata"]["annotations"] = annotations;
        }
    };
    let told = [
        "service_account",
        "has no annotation",
        "kubectl annotate serviceaccount rok",
    ];
    installed.breaks("aks", annotate(json!({})), told);
    let other = json!({ "azure.workload.identity/client-id": "other" });
    let told = [
        "service_account",
        "another identity: found other",
        "kubectl annotate serviceaccount rok",
    ];
    installed.breaks("aks", annotate(other), told);
}

#[test]
fn a_pod_without_the_label_gets_no_identity() {
    let installed = by_token();
    installed.edit_manifest(
        "azure.workload.identity/use: \"true\"",
        "app.kubernetes.io/name: rok",
    );
    installed.fails(["token", "azure.workload.identity/use", "--show-labels"]);
}

#[test]
fn a_webhook_that_is_off_leaves_the_pod_without_a_token() {
    let change = |state: &mut Value| state["sabotage"] = json!(["WebhookOff"]);
    let told = [
        "token",
        "webhook of workload identity does not act",
        "az aks update",
    ];
    by_token().breaks("aks", change, told);
}

#[test]
fn where_exec_is_forbidden_the_pod_asks_by_itself() {
    for installed in [by_token(), by_node()] {
        let practice = &installed.practice;
        practice.change_state("aks", |state| {
            state["denials"] = json!([{ "verb": "create", "group": "", "resource": "pods/exec" }]);
        });
        let output = installed.verify(0, &[]);
        assert!(
            output.stderr.contains("exec is forbidden"),
            "{}",
            output.stderr
        );
        assert_eq!(weakest(&practice.run_of(&output)), None, "{output:?}");
        assert_eq!(left_in(practice, "aks"), [""; 0]);
    }
}

#[test]
fn an_exception_is_the_broken_link() {
    let change = |state: &mut Value| {
        let exceptions =
            json!([{ "name": "all", "namespace": "rok", "podLabels": { "app": "x" } }]);
        pod_identity_profile(state)["userAssignedIdentityExceptions"] = exceptions;
    };
    let told = [
        "pod_identity",
        "an exception lets Pods",
        "az aks pod-identity exception delete",
    ];
    by_node().breaks("azure", change, told);
}

/// What AKS wrote it would write again at its start, so it is changed while AKS serves.
#[test]
fn objects_that_differ_are_the_broken_link() {
    let installed = by_node();
    let practice = &installed.practice;
    let served = practice.serve();
    let patch = |kind: &str, name: &str, field: &str, value: &Value| {
        let patch = json!({ "spec": { field: value } }).to_string();
        let context = ["--context", "arrikto-cluster-aks"];
        let command = [
            "patch",
            kind,
            name,
            "-n",
            "rok",
            "--type=merge",
            "-p",
            &patch,
        ];
        kubectl(practice, &served, &[&command[..], &context].concat());
    };
    let (identity, binding) = ("azureidentity", "azureidentitybinding");
    let look = "kubectl get azureidentitybinding";
    for (kind, name, field, told) in [
        (
            identity,
            "rok",
            "clientID",
            [
                "azure_identity",
                "another client id: found other",
                "az aks update",
            ],
        ),
        (
            identity,
            "rok",
            "resourceID",
            [
                "azure_identity",
                "another managed identity: found other",
                "az aks update",
            ],
        ),
        (
            binding,
            "rok-binding",
            "azureIdentity",
            ["binding", "another AzureIdentity: found other", look],
        ),
        (
            binding,
            "rok-binding",
            "selector",
            ["binding", "found selector other", look],
        ),
    ] {
        let of = if kind == identity {
            "azureidentities"
        } else {
            "azureidentitybindings"
        };
        let key = format!("{of}.aadpodidentity.k8s.io/rok/{name}");
        let before = practice.state("aks")["objects"][&key]["spec"][field].clone();
        patch(kind, name, field, &"other".into());
        installed.fails(told);
        patch(kind, name, field, &before);
    }
    served.stop();
}

#[test]
fn nodes_without_the_identity_are_the_broken_link() {
    let change = |state: &mut Value| only(&mut state["scale_sets"])["identities"] = json!([]);
    let told = [
        "node",
        "do not hold managed identity",
        "az vmss identity assign",
    ];
    by_node().breaks("azure", change, told);
}

#[test]
fn a_pod_of_another_label_is_not_bound() {
    let installed = by_node();
    installed.edit_manifest("aadpodidbinding: rok", "aadpodidbinding: other");
    installed.fails(["binding", "aadpodidbinding", "--show-labels"]);
}

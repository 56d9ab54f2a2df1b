//! Pod identities: the objects that Azure keeps in the cluster, and which Pod gets which.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};

use super::pods::{Practice, running};
use super::with_kubectl::Kubectl;
use super::*;
use crate::sandbox::cluster::{Interception, PodIdentity, PodIdentityException};

const CLIENT: &str = "09a3e33e-4bfb-4247-afa2-2b7c453d860d";
const RESOURCE: &str = "/subscriptions/3b63afce-113a-4798-a303-f37dada04319/resourcegroups/arrikto/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok-arrikto-cluster";

fn rok() -> PodIdentity {
    PodIdentity {
        name: "rok".into(),
        namespace: "rok".into(),
        resource_id: RESOURCE.into(),
        client_id: CLIENT.into(),
        binding_selector: None,
    }
}

fn exception(labels: &[(&str, &str)]) -> PodIdentityException {
    let labels = labels.iter();
    PodIdentityException {
        name: "free".into(),
        namespace: "rok".into(),
        pod_labels: labels
            .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    }
}

async fn labelled(practice: &Practice, name: &str, labels: Value) {
    let pod = json!({
        "metadata": { "name": name, "labels": labels },
        "spec": running(&["wait"]),
    });
    let pods: Api<Pod> = practice.pods.clone();
    pods.create(&PostParams::default(), &object(pod))
        .await
        .unwrap();
}

fn identity() -> Interception {
    Interception::Identity {
        client_id: CLIENT.into(),
        resource_id: RESOURCE.into(),
    }
}

fn not_found(client: &str) -> Interception {
    let words = format!("no azure identity found for request clientID {client}");
    Interception::NotFound(words)
}

fn objects(practice: &Practice, resource: &str) -> Api<DynamicObject> {
    let (kind, plural) = match resource {
        "identity" => ("AzureIdentity", "azureidentities"),
        "binding" => ("AzureIdentityBinding", "azureidentitybindings"),
        _ => ("AzurePodIdentityException", "azurepodidentityexceptions"),
    };
    let resource = ApiResource {
        group: "aadpodidentity.k8s.io".into(),
        version: "v1".into(),
        api_version: "aadpodidentity.k8s.io/v1".into(),
        kind: kind.into(),
        plural: plural.into(),
    };
    Api::namespaced_with(practice.client.clone(), "rok", &resource)
}

#[tokio::test]
async fn what_azure_says_becomes_objects_and_goes_with_them() {
    let practice = Practice::of(aks_seed()).await;
    let identities = practice.server.pod_identities();
    identities
        .set(&[rok()], &[exception(&[("a", "b")])])
        .unwrap();
    let found = objects(&practice, "identity").get("rok").await.unwrap();
    let spec = json!({ "type": 0, "resourceID": RESOURCE, "clientID": CLIENT });
    assert_eq!(found.data["spec"], spec);
    let binding = objects(&practice, "binding")
        .get("rok-binding")
        .await
        .unwrap();
    let spec = json!({ "azureIdentity": "rok", "selector": "rok" });
    assert_eq!(binding.data["spec"], spec);
    objects(&practice, "exception").get("free").await.unwrap();

    // Said again it changes nothing, and what a hand has changed is put back.
    identities
        .set(&[rok()], &[exception(&[("a", "b")])])
        .unwrap();
    let again = objects(&practice, "identity").get("rok").await.unwrap();
    assert_eq!(
        again.metadata.resource_version,
        found.metadata.resource_version
    );
    let patch = Patch::Merge(json!({ "spec": { "selector": "other" } }));
    objects(&practice, "binding")
        .patch("rok-binding", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let chosen = PodIdentity {
        binding_selector: Some("storage".into()),
        ..rok()
    };
    identities.set(&[chosen], &[]).unwrap();
    let binding = objects(&practice, "binding")
        .get("rok-binding")
        .await
        .unwrap();
    assert_eq!(binding.data["spec"]["selector"], "storage");

    identities.set(&[], &[]).unwrap();
    for (resource, name) in [
        ("identity", "rok"),
        ("binding", "rok-binding"),
        ("exception", "free"),
    ] {
        let gone = refusal(objects(&practice, resource).get(name).await);
        assert_eq!(gone.code, 404, "{resource}");
    }
    let state = practice.server.state();
    let own = "azurepodidentityexceptions.aadpodidentity.k8s.io";
    let is_there = |state: &super::super::ClusterState| {
        state
            .object(own, "kube-system", "aks-addon-exception")
            .is_some()
    };
    assert!(state.read(is_there));
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_made() {
    let practice = Practice::of(aks_seed()).await;
    let elsewhere = PodIdentity {
        namespace: "elsewhere".into(),
        ..rok()
    };
    practice
        .server
        .pod_identities()
        .set(&[elsewhere], &[])
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(practice.client.clone());
    namespaces.get("elsewhere").await.unwrap();
}

#[tokio::test]
async fn the_label_of_a_pod_must_be_the_selector_of_a_binding() {
    let practice = Practice::of(aks_seed()).await;
    let identities = practice.server.pod_identities();
    labelled(&practice, "bound", json!({ "aadpodidbinding": "rok" })).await;
    labelled(&practice, "wrong", json!({ "aadpodidbinding": "rok2" })).await;
    labelled(&practice, "bare", json!({})).await;
    let of = |pod: &str| identities.of_pod("rok", pod, None, None);
    assert_eq!(of("bound"), not_found(""));
    identities.set(&[rok()], &[]).unwrap();
    assert_eq!(of("bound"), identity());
    assert_eq!(of("wrong"), not_found(""));
    assert_eq!(of("bare"), not_found(""));

    let asking = |client: &str| identities.of_pod("rok", "bound", Some(client), None);
    assert_eq!(asking(&CLIENT.to_uppercase()), identity());
    assert_eq!(
        asking("4e95dcc5-a769-4745-b2d9-000000000777"),
        not_found("4e95##### REDACTED #####0777")
    );
    let other = PodIdentity {
        namespace: "other".into(),
        ..rok()
    };
    identities.set(&[other], &[]).unwrap();
    assert_eq!(of("bound"), not_found(""));
}

#[tokio::test]
async fn an_excepted_pod_passes() {
    let practice = Practice::of(aks_seed()).await;
    let identities = practice.server.pod_identities();
    let free = exception(&[("app", "rok"), ("free", "yes")]);
    identities.set(&[rok()], &[free]).unwrap();
    let labels = json!({ "aadpodidbinding": "rok", "app": "rok" });
    labelled(&practice, "half", labels).await;
    let labels = json!({ "aadpodidbinding": "rok", "app": "rok", "free": "yes" });
    labelled(&practice, "free", labels).await;
    assert_eq!(identities.of_pod("rok", "half", None, None), identity());
    assert_eq!(
        identities.of_pod("rok", "free", None, None),
        Interception::Passed
    );
}

#[tokio::test]
async fn eks_has_no_pod_identities_of_this_sort() {
    let practice = Practice::new().await;
    assert!(practice.server.pod_identities().set(&[rok()], &[]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_shows_the_identity_as_documented() {
    let kubectl = Kubectl::of(aks_seed()).await;
    kubectl.server.pod_identities().set(&[rok()], &[]).unwrap();
    let columns = |table: &str| -> Vec<Vec<String>> {
        let lines = table.lines();
        lines
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    };
    let identity = ["get", "azureidentity", "rok", "-n", "rok"];
    let table = columns(&kubectl.run(&identity).await);
    assert_eq!(table[0], ["NAME", "AGE"]);
    assert_eq!(table[1][0], "rok");
    let binding = ["get", "azureidentitybinding", "rok-binding", "-n", "rok"];
    let table = columns(&kubectl.run(&binding).await);
    assert_eq!(table[0], ["NAME", "AGE"]);
    assert_eq!(table[1][0], "rok-binding");
    let field = async |command: &[&str], path: &str| {
        let path = format!("jsonpath={path}");
        kubectl.run(&[command, &["-o", &path]].concat()).await
    };
    assert_eq!(field(&identity, "{.spec.clientID}").await, CLIENT);
    assert_eq!(field(&identity, "{.spec.resourceID}").await, RESOURCE);
    assert_eq!(field(&binding, "{.spec.azureIdentity}").await, "rok");
    assert_eq!(field(&binding, "{.spec.selector}").await, "rok");
    let described = kubectl
        .run(&["describe", "azureidentity", "rok", "-n", "rok"])
        .await;
    for line in [
        "Name:         rok",
        "Kind:         AzureIdentity",
        "Client ID:",
    ] {
        assert!(described.contains(line), "{described}");
    }
    let explained = kubectl
        .run(&["explain", "azureidentity.spec.resourceID"])
        .await;
    assert!(
        explained.contains("User assigned MSI resource id."),
        "{explained}"
    );
    let crds = kubectl.run(&["get", "crds", "-o", "name"]).await;
    assert_eq!(crds.lines().count(), 4, "{crds}");
}

//! Kinds beyond the core ones: definitions and what they define, workloads, events, generations.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::Discovery;
use kube::runtime::wait::{await_condition, conditions};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "rokclusters.rok.arrikto.com" },
        "spec": {
            "group": "rok.arrikto.com",
            "scope": "Namespaced",
            "names": { "plural": "rokclusters", "kind": "RokCluster" },
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": true,
                    "storage": true,
                    "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": { "spec": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": true,
                            "properties": { "disks": {
                                "type": "array",
                                "x-kubernetes-list-type": "map",
                                "x-kubernetes-list-map-keys": ["path"],
                                "items": { "type": "object" },
                            } },
                        } },
                    } },
                },
                {
                    "name": "v1beta1",
                    "served": true,
                    "storage": false,
                    "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                    } },
                },
            ],
        },
    })
}

fn rok_clusters(client: &Client, version: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("rok.arrikto.com", version, "RokCluster");
    let resource = ApiResource::from_gvk_with_plural(&kind, "rokclusters");
    Api::namespaced_with(client.clone(), "default", &resource)
}

fn rok_cluster(spec: Value) -> Value {
    json!({
        "apiVersion": "rok.arrikto.com/v1alpha1",
        "kind": "RokCluster",
        "metadata": { "name": "rok" },
        "spec": spec,
    })
}

async fn define(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let parameters = PostParams::default();
    let made = definitions.create(&parameters, &object(definition())).await;
    assert!(made.unwrap().status.is_none());
    let established = conditions::is_crd_established();
    let wait = await_condition(definitions, "rokclusters.rok.arrikto.com", established);
    tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_definition_is_established_and_then_its_kind_is_served() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let made = definitions
        .create(&PostParams::default(), &object(definition()))
        .await
        .unwrap();
    assert_eq!(made.spec.names.list_kind.as_deref(), Some("RokClusterList"));
    let clusters = rok_clusters(&client, "v1alpha1");
    let apply = PatchParams::apply("rok-deploy");
    let patch = Patch::Apply(rok_cluster(json!({ "s3": {} })));
    // Too early.
    assert_eq!(
        refusal(clusters.patch("rok", &apply, &patch).await).code,
        404
    );
    let established = conditions::is_crd_established();
    let wait = await_condition(definitions, "rokclusters.rok.arrikto.com", established);
    tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap();
    let applied = clusters.patch("rok", &apply, &patch).await.unwrap();
    assert_eq!(applied.data["spec"], json!({ "s3": {} }));
    assert_eq!(applied.metadata.generation, Some(1));

    for discovery in [
        Discovery::new(client.clone()).run().await.unwrap(),
        Discovery::new(client.clone())
            .run_aggregated()
            .await
            .unwrap(),
    ] {
        let group = discovery.get("rok.arrikto.com").unwrap();
        let versions: Vec<&str> = group.versions().collect();
        assert_eq!(versions, ["v1beta1", "v1alpha1"]);
        assert_eq!(group.versioned_resources("v1alpha1").len(), 1);
    }
    let openapi = get_json(&client, "/openapi/v3/apis/rok.arrikto.com/v1alpha1").await;
    let schema = &openapi["components"]["schemas"]["com.arrikto.rok.v1alpha1.RokCluster"];
    assert_eq!(schema["properties"]["spec"]["type"], "object");
}

#[tokio::test]
async fn groups_of_kubernetes_need_an_approval() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client(&server).await);
    let mut protected = definition();
    protected["metadata"]["name"] = "azureidentities.aadpodidentity.k8s.io".into();
    protected["spec"]["group"] = "aadpodidentity.k8s.io".into();
    protected["spec"]["names"]["plural"] = "azureidentities".into();
    let parameters = PostParams::default();
    let refused = definitions
        .create(&parameters, &object(protected.clone()))
        .await;
    let status = refusal(refused);
    assert_eq!((status.code, &*status.reason), (422, "Invalid"));
    let start = "CustomResourceDefinition.apiextensions.k8s.io \"azureidentities.aadpodidentity.k8s.io\" is invalid: metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation";
    assert!(status.message.starts_with(start), "{}", status.message);
    let approval = json!({ "api-approved.kubernetes.io": "unapproved, experimental-only" });
    protected["metadata"]["annotations"] = approval;
    definitions
        .create(&parameters, &object(protected))
        .await
        .unwrap();

    let mut misnamed = definition();
    misnamed["metadata"]["name"] = "clusters.rok.arrikto.com".into();
    let status = refusal(definitions.create(&parameters, &object(misnamed)).await);
    assert!(
        status
            .message
            .contains("must be spec.names.plural+\".\"+spec.group")
    );
}

#[tokio::test]
async fn custom_resources_merge_by_their_schema_in_any_version() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    define(&client).await;
    let clusters = rok_clusters(&client, "v1alpha1");
    let apply = async |manager: &str, spec: Value| {
        let patch = Patch::Apply(rok_cluster(spec));
        let parameters = PatchParams::apply(manager);
        clusters.patch("rok", &parameters, &patch).await
    };
    let disks = |path: &str, size: u32| json!({ "disks": [{ "path": path, "size": size }] });
    apply("one", disks("/a", 1)).await.unwrap();
    let both = apply("two", disks("/b", 1)).await.unwrap();
    assert_eq!(both.data["spec"]["disks"].as_array().unwrap().len(), 2);
    let status = refusal(apply("two", disks("/a", 2)).await);
    let message =
        "Apply failed with 1 conflict: conflict with \"one\": .spec.disks[path=\"/a\"].size";
    assert_eq!(status.message, message);

    let newer = rok_clusters(&client, "v1beta1");
    let same = newer.get("rok").await.unwrap();
    assert_eq!(same.types.unwrap().api_version, "rok.arrikto.com/v1beta1");
    assert_eq!(same.metadata.uid, both.metadata.uid);
    let list = newer.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 1);
    let patch = Patch::Merge(json!({ "spec": { "size": 3 } }));
    let patched = newer.patch("rok", &PatchParams::default(), &patch).await;
    assert_eq!(patched.unwrap().metadata.generation, Some(3));

    let health = Patch::Merge(json!({ "status": { "health": "OK" }, "spec": null }));
    let told = clusters
        .patch_status("rok", &PatchParams::default(), &health)
        .await
        .unwrap();
    assert_eq!(told.data["status"]["health"], "OK");
    assert_eq!(told.data["spec"]["size"], 3);
    assert_eq!(told.metadata.generation, Some(3));

    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let delete = DeleteParams::default();
    definitions
        .delete("rokclusters.rok.arrikto.com", &delete)
        .await
        .unwrap();
    assert_eq!(refusal(clusters.get("rok").await).code, 404);
    define(&client).await;
    let none = clusters.list(&ListParams::default()).await.unwrap();
    assert!(none.items.is_empty());
}

async fn ready<K>(client: &Client, body: Value, is_ready: fn(&K) -> bool) -> K
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Send
        + serde::Serialize
        + DeserializeOwned
        + 'static,
{
    let objects: Api<K> = Api::namespaced(client.clone(), "default");
    let made = objects.create(&PostParams::default(), &object(body)).await;
    assert!(!is_ready(&made.unwrap()), "it is ready too early");
    let is_ready = move |object: Option<&K>| object.is_some_and(is_ready);
    let wait = await_condition(objects, "web", is_ready);
    let found = tokio::time::timeout(PATIENCE, wait).await.unwrap();
    found.unwrap().unwrap()
}

#[tokio::test]
async fn workloads_get_ready_a_moment_after_they_were_asked_for() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let body = json!({
        "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web" }] },
            },
        },
    });
    let deployment = ready(&client, body.clone(), |deployment: &Deployment| {
        let status = deployment.status.as_ref();
        status.is_some_and(|status| status.ready_replicas == Some(1))
    });
    let deployment = deployment.await;
    assert_eq!(deployment.metadata.generation, Some(1));
    assert_eq!(deployment.status.unwrap().observed_generation, Some(1));
    ready(&client, body.clone(), |set: &StatefulSet| {
        let status = set.status.as_ref();
        status.is_some_and(|status| status.ready_replicas == Some(1))
    })
    .await;
    ready(&client, body.clone(), |set: &DaemonSet| {
        set.status
            .as_ref()
            .is_some_and(|status| status.number_ready == 1)
    })
    .await;
    ready(&client, body, |job: &Job| {
        job.status
            .as_ref()
            .is_some_and(|status| status.succeeded == Some(1))
    })
    .await;

    let deployments: Api<Deployment> = Api::namespaced(client, "default");
    let more = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    let patched = deployments
        .patch("web", &PatchParams::default(), &more)
        .await;
    assert_eq!(patched.unwrap().metadata.generation, Some(2));
    let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    let labelled = deployments
        .patch("web", &PatchParams::default(), &label)
        .await;
    assert_eq!(labelled.unwrap().metadata.generation, Some(2));
    let grown = |deployment: Option<&Deployment>| {
        let status = deployment.and_then(|deployment| deployment.status.as_ref());
        status.is_some_and(|status| status.ready_replicas == Some(3))
    };
    let wait = await_condition(deployments, "web", grown);
    tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap();
}

#[tokio::test]
async fn events_have_two_forms_and_are_found_by_whom_they_are_about() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    for name in ["web", "db"] {
        let event = object(json!({
            "metadata": { "name": format!("{name}.1") },
            "involvedObject": { "kind": "Pod", "namespace": "default", "name": name },
            "reason": "Scheduled",
            "message": "assigned",
            "type": "Normal",
        }));
        events.create(&PostParams::default(), &event).await.unwrap();
    }
    let about = ListParams::default().fields("involvedObject.kind=Pod,involvedObject.name=web");
    let found = events.list(&about).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].name_any(), "web.1");

    let newer: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client, "default");
    let event = newer.get("web.1").await.unwrap();
    assert_eq!(event.note.as_deref(), Some("assigned"));
    assert_eq!(event.regarding.unwrap().name.as_deref(), Some("web"));
    assert_eq!(
        newer
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        2
    );
}

#[tokio::test]
async fn services_have_addresses_and_the_webhook_has_its_configuration() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    let service = object(json!({
        "metadata": { "name": "web" },
        "spec": { "ports": [{ "port": 80 }], "selector": { "app": "web" } },
    }));
    let made = services
        .create(&PostParams::default(), &service)
        .await
        .unwrap();
    let spec = made.spec.clone().unwrap();
    assert!(spec.cluster_ip.unwrap().starts_with("10.100."));
    assert_eq!(spec.ports.unwrap()[0].protocol.as_deref(), Some("TCP"));
    let again = services.replace("web", &PostParams::default(), &made).await;
    assert_eq!(again.unwrap().resource_version(), made.resource_version());

    let path =
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/pod-identity-webhook";
    let configuration = get_json(&client, path).await;
    assert_eq!(configuration["webhooks"][0]["failurePolicy"], "Ignore");
}

#[tokio::test]
async fn a_state_file_of_the_first_version_is_read() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let token = server.kubeconfig_user_token();
    server.stop().await;
    let file = directory.path().join("cluster.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state.as_object_mut().unwrap().remove("denials");
    std::fs::write(&file, state.to_string()).unwrap();
    let server = start(&directory).await;
    assert_eq!(server.kubeconfig_user_token(), token);
}

//! Objects over TLS with the `kube` crate, as the steps will use it.

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Secret, ServiceAccount};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::discovery::Discovery;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_new_cluster_has_its_namespaces_and_a_ready_node_in_its_region() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;

    let version = client.apiserver_version().await.unwrap();
    assert_eq!((&*version.major, &*version.minor), ("1", "33"));

    let namespaces: Api<Namespace> = Api::all(client.clone());
    let list = namespaces.list(&ListParams::default()).await.unwrap();
    let names: Vec<String> = list.iter().map(ResourceExt::name_any).collect();
    let expected = ["default", "kube-node-lease", "kube-public", "kube-system"];
    assert_eq!(names, expected);

    let nodes: Api<Node> = Api::all(client.clone());
    let regional = ListParams::default().labels("topology.kubernetes.io/region=us-west-2");
    let nodes = nodes.list(&regional).await.unwrap();
    assert_eq!(nodes.items.len(), 1);
    let node = &nodes.items[0];
    let old_label = &node.labels()["failure-domain.beta.kubernetes.io/region"];
    assert_eq!(old_label, "us-west-2");
    let conditions = node.status.as_ref().unwrap().conditions.as_ref().unwrap();
    assert!(
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    );
}

#[tokio::test]
async fn discovery_names_every_kind_both_ways() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let plain = Discovery::new(client.clone()).run().await.unwrap();
    let aggregated = Discovery::new(client).run_aggregated().await.unwrap();
    for discovery in [plain, aggregated] {
        for (group, kind, plural) in [
            ("", "ServiceAccount", "serviceaccounts"),
            ("", "Namespace", "namespaces"),
            ("coordination.k8s.io", "Lease", "leases"),
        ] {
            let group = discovery.get(group).unwrap();
            let (resource, capabilities) = group.recommended_kind(kind).unwrap();
            assert_eq!(resource.plural, plural);
            assert!(capabilities.supports_operation("create"));
        }
    }
}

#[tokio::test]
async fn a_new_namespace_gets_its_default_service_account() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let namespace = create_namespace(&client, "rok").await;
    assert_eq!(namespace.labels()["kubernetes.io/metadata.name"], "rok");
    let phase = namespace.status.unwrap().phase;
    assert_eq!(phase.as_deref(), Some("Active"));
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "rok");
    accounts.get("default").await.unwrap();
}

#[tokio::test]
async fn refusals_are_those_of_a_real_server() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    create_namespace(&client, "rok").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "rok");
    let parameters = PostParams::default();
    accounts.create(&parameters, &account("rok")).await.unwrap();

    let status = refusal(accounts.create(&parameters, &account("rok")).await);
    assert_eq!((status.code, &*status.reason), (409, "AlreadyExists"));
    assert_eq!(status.message, "serviceaccounts \"rok\" already exists");

    let status = refusal(accounts.get("none").await);
    assert_eq!((status.code, &*status.reason), (404, "NotFound"));
    assert_eq!(status.message, "serviceaccounts \"none\" not found");

    let lost: Api<ServiceAccount> = Api::namespaced(client.clone(), "lost");
    let status = refusal(lost.create(&parameters, &account("rok")).await);
    assert_eq!(status.code, 404);
    assert_eq!(status.message, "namespaces \"lost\" not found");

    let status = refusal(accounts.create(&parameters, &account("Rok")).await);
    assert_eq!((status.code, &*status.reason), (422, "Invalid"));
    let start = "ServiceAccount \"Rok\" is invalid: metadata.name: Invalid value: \"Rok\": ";
    assert!(status.message.starts_with(start), "{}", status.message);

    let namespaces: Api<Namespace> = Api::all(client);
    let delete = DeleteParams::default();
    let status = refusal(namespaces.delete("kube-system", &delete).await);
    assert_eq!((status.code, &*status.reason), (403, "Forbidden"));
}

#[tokio::test]
async fn a_stale_lease_is_a_conflict() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let leases: Api<Lease> = Api::namespaced(client(&server).await, "default");
    let parameters = PostParams::default();
    let lease = object(json!({
        "metadata": { "name": "rok-deploy" },
        "spec": { "holderIdentity": "one", "leaseDurationSeconds": 30 },
    }));
    let first = leases.create(&parameters, &lease).await.unwrap();

    let mut second = first.clone();
    second.spec.as_mut().unwrap().holder_identity = Some("two".into());
    let second = leases
        .replace("rok-deploy", &parameters, &second)
        .await
        .unwrap();
    assert_ne!(first.resource_version(), second.resource_version());
    assert_eq!(first.uid(), second.uid());

    let mut late = first.clone();
    late.spec.as_mut().unwrap().holder_identity = Some("three".into());
    let status = refusal(leases.replace("rok-deploy", &parameters, &late).await);
    assert_eq!((status.code, &*status.reason), (409, "Conflict"));
    let expected = "Operation cannot be fulfilled on leases.coordination.k8s.io \"rok-deploy\": the object has been modified; please apply your changes to the latest version and try again";
    assert_eq!(status.message, expected);

    let status = refusal(leases.replace("rok-deploy", &parameters, &lease).await);
    assert_eq!(status.code, 422, "a lease is not replaced blindly");

    let late = DeleteParams::default().preconditions(Preconditions {
        resource_version: first.resource_version(),
        uid: None,
    });
    assert_eq!(refusal(leases.delete("rok-deploy", &late).await).code, 409);
    leases
        .delete("rok-deploy", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(refusal(leases.get("rok-deploy").await).code, 404);
}

#[tokio::test]
async fn apply_creates_then_changes_then_leaves_alone() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client(&server).await, "default");
    let parameters = PatchParams::apply("rok-deploy");
    let apply = async |role: &str| {
        let applied = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": "loki",
                "annotations": { "eks.amazonaws.com/role-arn": role },
            },
        });
        accounts
            .patch("loki", &parameters, &Patch::Apply(applied))
            .await
            .unwrap()
    };
    let made = apply("a").await;
    let entries = made.managed_fields();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].manager.as_deref(), Some("rok-deploy"));
    assert_eq!(entries[0].operation.as_deref(), Some("Apply"));

    let changed = apply("b").await;
    assert_eq!(changed.annotations()["eks.amazonaws.com/role-arn"], "b");
    assert_eq!(changed.uid(), made.uid());
    assert_ne!(changed.resource_version(), made.resource_version());

    let again = apply("b").await;
    assert_eq!(again.resource_version(), changed.resource_version());

    let merged = accounts
        .patch(
            "loki",
            &PatchParams::default(),
            &Patch::Merge(json!({ "metadata": { "annotations": null } })),
        )
        .await
        .unwrap();
    assert!(merged.annotations().is_empty());
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client(&server).await, "default");
    let parameters = PostParams {
        dry_run: true,
        ..Default::default()
    };
    let made = accounts.create(&parameters, &account("rok")).await.unwrap();
    assert!(made.uid().is_some());
    assert_eq!(refusal(accounts.get("rok").await).code, 404);
    assert!(server.requests().iter().all(|request| !request.write));
}

#[tokio::test]
async fn fields_that_do_not_exist_are_refused_on_request() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let post = |validation: &str| {
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "settings", "lables": {} },
            "data": { "colour": "red" },
        });
        let path = format!("/api/v1/namespaces/default/configmaps?fieldValidation={validation}");
        http::Request::post(path)
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&body).unwrap())
            .unwrap()
    };
    let status = refusal(client.request::<Value>(post("Strict")).await);
    assert_eq!(status.code, 400);
    let expected = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"metadata.lables\"";
    assert_eq!(status.message, expected);
    let made: Value = client.request(post("Ignore")).await.unwrap();
    assert_eq!(made["metadata"]["lables"], Value::Null);
    assert_eq!(made["data"]["colour"], "red");
}

#[tokio::test]
async fn names_are_made_up_and_secrets_are_encoded() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let map = object(json!({ "metadata": { "generateName": "run-" } }));
    let parameters = PostParams::default();
    let first = maps.create(&parameters, &map).await.unwrap().name_any();
    let second = maps.create(&parameters, &map).await.unwrap().name_any();
    assert!(first.starts_with("run-") && first.len() == 9, "{first}");
    assert_ne!(first, second);

    let secrets: Api<Secret> = Api::namespaced(client, "default");
    let secret = object(json!({
        "metadata": { "name": "login" },
        "stringData": { "user": "rok" },
    }));
    let made = secrets.create(&parameters, &secret).await.unwrap();
    assert_eq!(made.type_.as_deref(), Some("Opaque"));
    assert_eq!(made.data.unwrap()["user"].0, b"rok");
    assert!(made.string_data.is_none());
}

#[tokio::test]
async fn a_deleted_namespace_takes_its_objects_with_it() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    create_namespace(&client, "rok").await;
    create_namespace(&client, "rok-system").await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces
        .delete("rok", &DeleteParams::default())
        .await
        .unwrap();
    let accounts: Api<ServiceAccount> = Api::all(client);
    let left = accounts.list(&ListParams::default()).await.unwrap();
    let mut homes: Vec<String> = left.iter().filter_map(ResourceExt::namespace).collect();
    homes.sort();
    let expected = [
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
        "rok-system",
    ];
    assert_eq!(homes, expected);
}

#[tokio::test]
async fn a_collection_is_deleted_by_label_only() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client(&server).await, "default");
    let parameters = PostParams::default();
    accounts.create(&parameters, &account("rok")).await.unwrap();
    let ours = ListParams::default().labels("app.kubernetes.io/part-of=rok-verify");
    accounts
        .delete_collection(&DeleteParams::default(), &ours)
        .await
        .unwrap();
    assert_eq!(refusal(accounts.get("rok").await).code, 404);
    accounts.get("default").await.unwrap();
}

#[tokio::test]
async fn the_log_tells_writes_from_looks() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    create_namespace(&client, "rok").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "rok");
    accounts.get("default").await.unwrap();
    let request: TokenRequest = object(json!({ "spec": { "audiences": [] } }));
    accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await
        .unwrap();
    let log: Vec<String> = server
        .requests()
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {}",
                line.method, line.path, line.write, line.status
            )
        })
        .collect();
    let expected = [
        "POST /api/v1/namespaces true 201",
        "GET /api/v1/namespaces/rok/serviceaccounts/default false 200",
        "POST /api/v1/namespaces/rok/serviceaccounts/default/token false 201",
    ];
    assert_eq!(log, expected);
}

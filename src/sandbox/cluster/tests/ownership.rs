//! Server-side apply with the `kube` crate: who owns what, conflicts, and what is given up.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::core::Status;

use super::*;

async fn maps(server: &ClusterServer) -> Api<ConfigMap> {
    Api::namespaced(client(server).await, "default")
}

fn settings(data: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "settings" },
        "data": data,
    })
}

async fn apply(
    maps: &Api<ConfigMap>,
    parameters: &PatchParams,
    data: Value,
) -> Result<ConfigMap, Error> {
    maps.patch("settings", parameters, &Patch::Apply(settings(data)))
        .await
}

/// The entries of `managedFields`: manager, operation and fields.
fn owners<K: ResourceExt>(object: &K) -> Vec<(String, String, Value)> {
    let entries = object.managed_fields().iter();
    entries
        .map(|entry| {
            assert!(entry.time.is_some());
            (
                entry.manager.clone().unwrap(),
                entry.operation.clone().unwrap(),
                entry.fields_v1.clone().unwrap().0,
            )
        })
        .collect()
}

fn owner(manager: &str, operation: &str, fields: Value) -> (String, String, Value) {
    (manager.into(), operation.into(), fields)
}

fn causes(status: &Status) -> Vec<(String, String, String)> {
    let details = status.details.as_ref().unwrap();
    let causes = details.causes.iter();
    causes
        .map(|cause| {
            (
                cause.reason.clone(),
                cause.field.clone(),
                cause.message.clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn who_applies_what_another_applies_differently_is_in_conflict() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let (one, two) = (PatchParams::apply("one"), PatchParams::apply("two"));
    apply(&maps, &one, json!({ "x": "1", "y": "1", "z": "1" }))
        .await
        .unwrap();

    // To say the same is no conflict: now both own it.
    let shared = apply(&maps, &two, json!({ "x": "1" })).await.unwrap();
    let expected = [
        owner(
            "one",
            "Apply",
            json!({ "f:data": { "f:x": {}, "f:y": {}, "f:z": {} } }),
        ),
        owner("two", "Apply", json!({ "f:data": { "f:x": {} } })),
    ];
    assert_eq!(owners(&shared), expected);

    let status = refusal(apply(&maps, &two, json!({ "x": "2" })).await);
    assert_eq!((status.code, &*status.reason), (409, "Conflict"));
    let message = "Apply failed with 1 conflict: conflict with \"one\": .data.x";
    assert_eq!(status.message, message);
    let cause = (
        "FieldManagerConflict".to_owned(),
        ".data.x".to_owned(),
        "conflict with \"one\"".to_owned(),
    );
    assert_eq!(causes(&status), [cause]);

    let status = refusal(apply(&maps, &two, json!({ "x": "2", "y": "2" })).await);
    let message = "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.x\n- .data.y";
    assert_eq!(status.message, message);

    let forced = apply(&maps, &two.clone().force(), json!({ "x": "2" })).await;
    let forced = forced.unwrap();
    assert_eq!(forced.data.as_ref().unwrap()["x"], "2");
    let expected = [
        owner(
            "one",
            "Apply",
            json!({ "f:data": { "f:y": {}, "f:z": {} } }),
        ),
        owner("two", "Apply", json!({ "f:data": { "f:x": {} } })),
    ];
    assert_eq!(owners(&forced), expected);
}

#[tokio::test]
async fn what_is_not_applied_any_more_goes_unless_another_owns_it() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let (one, two) = (PatchParams::apply("one"), PatchParams::apply("two"));
    apply(&maps, &one, json!({ "x": "1", "y": "1" }))
        .await
        .unwrap();
    apply(&maps, &two, json!({ "y": "1" })).await.unwrap();
    let left = apply(&maps, &one, json!({})).await.unwrap();
    let data: Vec<_> = left.data.clone().unwrap().into_iter().collect();
    assert_eq!(data, [("y".to_owned(), "1".to_owned())]);
    let left = apply(&maps, &two, json!({ "z": "1" })).await.unwrap();
    let data: Vec<_> = left.data.unwrap().into_iter().collect();
    assert_eq!(data, [("z".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn other_writes_take_what_they_change() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let hand = PostParams {
        field_manager: Some("by-hand".into()),
        ..Default::default()
    };
    let map = object(settings(json!({ "x": "1" })));
    let made = maps.create(&hand, &map).await.unwrap();
    let fields = json!({ "f:data": { ".": {}, "f:x": {} } });
    assert_eq!(owners(&made), [owner("by-hand", "Update", fields.clone())]);

    let one = PatchParams::apply("one");
    let status = refusal(apply(&maps, &one, json!({ "x": "2" })).await);
    let message = "Apply failed with 1 conflict: conflict with \"by-hand\" using v1: .data.x";
    assert_eq!(status.message, message);
    let applied = apply(&maps, &one, json!({ "y": "1" })).await.unwrap();
    let expected = [
        owner("one", "Apply", json!({ "f:data": { "f:y": {} } })),
        owner("by-hand", "Update", fields),
    ];
    assert_eq!(owners(&applied), expected);

    // A change by hand takes the field away from the one who applied it.
    let patch = Patch::Merge(json!({ "data": { "y": "2", "x": null } }));
    let parameters = PatchParams {
        field_manager: Some("by-hand".into()),
        ..Default::default()
    };
    let patched = maps.patch("settings", &parameters, &patch).await.unwrap();
    let fields = json!({ "f:data": { ".": {}, "f:y": {} } });
    assert_eq!(owners(&patched), [owner("by-hand", "Update", fields)]);
    let status = refusal(apply(&maps, &one, json!({ "y": "1" })).await);
    assert_eq!(status.code, 409);
}

#[tokio::test]
async fn a_program_without_a_name_of_its_own_is_known_by_its_user_agent() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let request = http::Request::post("/api/v1/namespaces/default/configmaps")
        .header("content-type", "application/json")
        .header("user-agent", "argocd/v2.9 (linux)")
        .body(serde_json::to_vec(&settings(json!({ "x": "1" }))).unwrap())
        .unwrap();
    let made: ConfigMap = client.request(request).await.unwrap();
    assert_eq!(owners(&made)[0].0, "argocd");
}

#[tokio::test]
async fn an_entry_keeps_its_time_while_nothing_of_it_changes() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let one = PatchParams::apply("one");
    let data = json!({ "x": "1" });
    let made = apply(&maps, &one, data.clone()).await.unwrap();
    // Time passes for the stored entry instead of for the test.
    let mut aged = made.clone();
    let entries = aged.metadata.managed_fields.as_mut().unwrap();
    let past = "2020-01-01T00:00:00Z";
    entries[0].time = Some(object(json!(past)));
    let aged = maps
        .replace("settings", &PostParams::default(), &aged)
        .await
        .unwrap();
    let time = |map: &ConfigMap| serde_json::to_value(&map.managed_fields()[0].time).unwrap();
    assert_eq!(time(&aged), past);

    let same = apply(&maps, &one, data).await.unwrap();
    assert_eq!(same.resource_version(), aged.resource_version());
    let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    let other = maps
        .patch("settings", &PatchParams::default(), &label)
        .await;
    assert_eq!(time(&other.unwrap()), past);
    let changed = apply(&maps, &one, json!({ "x": "2" })).await.unwrap();
    assert_ne!(time(&changed), past);
}

#[tokio::test]
async fn lists_are_applied_element_by_element() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let pods: Api<Pod> = Api::namespaced(client(&server).await, "default");
    let pod = |containers: Value| {
        Patch::Apply(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "web" },
            "spec": { "containers": containers },
        }))
    };
    let main = json!([{ "name": "main", "image": "a", "ports": [{ "containerPort": 80 }] }]);
    let side = json!([{ "name": "side", "image": "b" }]);
    let (one, two) = (PatchParams::apply("one"), PatchParams::apply("two"));
    pods.patch("web", &one, &pod(main)).await.unwrap();
    let both = pods.patch("web", &two, &pod(side)).await.unwrap();
    let names = |pod: &Pod| {
        let containers = pod.spec.as_ref().unwrap().containers.iter();
        containers.map(|one| one.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&both), ["main", "side"]);
    let port = "k:{\"containerPort\":80,\"protocol\":\"TCP\"}";
    let expected = json!({ "f:spec": { "f:containers": { "k:{\"name\":\"main\"}": {
        ".": {},
        "f:image": {},
        "f:name": {},
        "f:ports": { port: { ".": {}, "f:containerPort": {} } },
    } } } });
    assert_eq!(owners(&both)[0], owner("one", "Apply", expected));

    let taken = json!([{ "name": "main", "image": "c" }]);
    let status = refusal(pods.patch("web", &two, &pod(taken)).await);
    let message = "Apply failed with 1 conflict: conflict with \"one\": .spec.containers[name=\"main\"].image";
    assert_eq!(status.message, message);
}

#[tokio::test]
async fn a_dry_run_tells_conflicts_and_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let made = apply(&maps, &PatchParams::apply("one"), json!({ "x": "1" })).await;
    let two = PatchParams::apply("two").dry_run();
    let status = refusal(apply(&maps, &two, json!({ "x": "2" })).await);
    assert_eq!(status.code, 409);
    let would = apply(&maps, &two.force(), json!({ "x": "2" }))
        .await
        .unwrap();
    assert_eq!(would.data.unwrap()["x"], "2");
    let is = maps.get("settings").await.unwrap();
    assert_eq!(is, made.unwrap());
}

#[tokio::test]
async fn fields_that_do_not_exist_cannot_be_applied() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let mut wrong = settings(json!({}));
    wrong["dat"] = json!({});
    let maps = maps(&server).await;
    let one = PatchParams::apply("one");
    let status = refusal(maps.patch("settings", &one, &Patch::Apply(wrong)).await);
    let expected = "failed to create typed patch object (default/settings; /v1, Kind=ConfigMap): .dat: field not declared in schema";
    assert_eq!((status.code, &*status.message), (500, expected));
}

#[tokio::test]
async fn the_status_has_a_door_and_owners_of_its_own() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let pods: Api<Pod> = Api::namespaced(client, "default");
    let pod = object(json!({
        "metadata": { "name": "web" },
        "spec": { "containers": [{ "name": "main", "image": "a" }] },
        "status": { "message": "mine" },
    }));
    let made = pods.create(&PostParams::default(), &pod).await.unwrap();
    assert_eq!(made.status.unwrap().message, None);
    let patch = Patch::Merge(json!({
        "metadata": { "labels": { "a": "b" } },
        "status": { "message": "hello" },
    }));
    let one = PatchParams {
        field_manager: Some("one".into()),
        ..Default::default()
    };
    let labelled = pods.patch("web", &one, &patch).await.unwrap();
    assert_eq!(labelled.labels()["a"], "b");
    assert_eq!(labelled.status.unwrap().message, None);
    let told = pods.patch_status("web", &one, &patch).await.unwrap();
    assert_eq!(
        told.status.as_ref().unwrap().message.as_deref(),
        Some("hello")
    );
    let entry = told
        .managed_fields()
        .iter()
        .find(|entry| entry.subresource.is_some());
    let entry = entry.unwrap();
    assert_eq!(entry.subresource.as_deref(), Some("status"));
    let fields = json!({ "f:status": { "f:message": {} } });
    assert_eq!(entry.fields_v1.as_ref().unwrap().0, fields);
}

#[tokio::test]
async fn what_has_finalizers_goes_when_the_last_one_is_gone() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let mut map = settings(json!({ "x": "1" }));
    map["metadata"]["finalizers"] = json!(["example.com/hold"]);
    maps.create(&PostParams::default(), &object(map))
        .await
        .unwrap();
    let asked = maps
        .delete("settings", &kube::api::DeleteParams::default())
        .await;
    assert!(asked.is_ok(), "{asked:?}");
    let held = maps.get("settings").await.unwrap();
    assert!(held.metadata.deletion_timestamp.is_some());
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("settings", &PatchParams::default(), &patch)
        .await
        .unwrap();
    assert_eq!(refusal(maps.get("settings").await).code, 404);
}

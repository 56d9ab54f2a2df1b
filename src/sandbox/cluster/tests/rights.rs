//! Rights that were taken away: what is refused, in which words, and what reviews say.

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ListParams, WatchParams};

use super::*;

async fn may(
    client: &Client,
    verb: &str,
    resource: &str,
    subresource: &str,
    namespace: &str,
) -> bool {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let question = object(json!({ "spec": { "resourceAttributes": {
        "verb": verb,
        "group": "",
        "resource": resource,
        "subresource": subresource,
        "namespace": namespace,
    } } }));
    let answer = reviews.create(&PostParams::default(), &question).await;
    answer.unwrap().status.unwrap().allowed
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_missed_where_it_was_taken() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    create_namespace(&client, "rok").await;
    server.deny("list", "", "secrets", Some("rok")).unwrap();
    server.deny("watch", "", "secrets", Some("rok")).unwrap();
    server.deny("create", "", "serviceaccounts", None).unwrap();

    let secrets: Api<Secret> = Api::namespaced(client.clone(), "rok");
    let status = refusal(secrets.list(&ListParams::default()).await);
    assert_eq!((status.code, &*status.reason), (403, "Forbidden"));
    let expected = "secrets is forbidden: User \"kubernetes-admin\" cannot list resource \"secrets\" in API group \"\" in the namespace \"rok\"";
    assert_eq!(status.message, expected);
    let status = refusal(
        secrets
            .watch(&WatchParams::default(), "0")
            .await
            .map(|_| ()),
    );
    assert!(
        status.message.contains("cannot watch resource"),
        "{}",
        status.message
    );
    assert_eq!(refusal(secrets.get("none").await).code, 404);
    let everywhere: Api<Secret> = Api::all(client.clone());
    assert_eq!(
        refusal(everywhere.list(&ListParams::default()).await).code,
        403
    );
    let elsewhere: Api<Secret> = Api::namespaced(client.clone(), "default");
    elsewhere.list(&ListParams::default()).await.unwrap();

    assert!(!may(&client, "list", "secrets", "", "rok").await);
    assert!(may(&client, "list", "secrets", "", "default").await);
    assert!(may(&client, "get", "secrets", "", "rok").await);
    assert!(!may(&client, "create", "serviceaccounts", "", "default").await);
    // The right is about the object, not about its subresources.
    assert!(may(&client, "create", "serviceaccounts", "token", "default").await);
    server.allow_all().unwrap();
    assert!(may(&client, "list", "secrets", "", "rok").await);
    secrets.list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn to_connect_to_a_pod_takes_two_rights() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod = object(json!({
        "metadata": { "name": "web" },
        "spec": { "containers": [{ "name": "web", "image": "web" }] },
    }));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let said = async || {
        let request = http::Request::get("/api/v1/namespaces/default/pods/web/exec?command=ls");
        let request = request.body(Vec::new()).unwrap();
        refusal(client.request::<Value>(request).await)
    };
    server.deny("create", "", "pods/exec", None).unwrap();
    let status = said().await;
    assert_eq!(status.code, 403);
    assert_eq!(status.message.trim_end(), "pods \"web\" is forbidden:");
    server.deny("get", "", "pods/exec", None).unwrap();
    let expected = "pods \"web\" is forbidden: User \"kubernetes-admin\" cannot get resource \"pods/exec\" in API group \"\" in the namespace \"default\"";
    assert_eq!(said().await.message, expected);
}

#[tokio::test]
async fn a_denied_right_outlives_the_server() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    server.deny("*", "", "nodes", None).unwrap();
    server.stop().await;
    let server = start(&directory).await;
    let client = client(&server).await;
    assert!(!may(&client, "list", "nodes", "", "").await);
}

//! kubectl waits, watches, applies and patches: `cargo test -- --ignored kubectl`.

use super::with_kubectl::{ACCOUNT, Kubectl};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_waits_for_conditions_and_for_the_end() {
    let kubectl = Kubectl::new().await;
    kubectl.run(&["create", "serviceaccount", "loki"]).await;
    let annotated = [
        "wait",
        "serviceaccount/loki",
        "--for=jsonpath={.metadata.annotations.ready}=yes",
        "--timeout=20s",
    ];
    let annotate = ["annotate", "serviceaccount", "loki", "ready=yes"];
    let (said, _) = tokio::join!(kubectl.run(&annotated), kubectl.run(&annotate));
    assert_eq!(said, "serviceaccount/loki condition met\n");
    let gone = [
        "wait",
        "serviceaccount/loki",
        "--for=delete",
        "--timeout=20s",
    ];
    let delete = ["delete", "serviceaccount", "loki"];
    tokio::join!(kubectl.run(&gone), kubectl.run(&delete));
    let nodes = ["wait", "node", "--all", "--for=condition=Ready"];
    let said = kubectl.run(&nodes).await;
    assert!(said.ends_with("condition met\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_follows_changes() {
    let kubectl = Kubectl::new().await;
    let watch = ["get", "serviceaccounts", "--watch", "--output=name"];
    let create = ["create", "serviceaccount", "loki"];
    let last = "serviceaccount/loki";
    let (seen, _) = tokio::join!(kubectl.follow(&watch, last), kubectl.run(&create));
    assert_eq!(seen, ["serviceaccount/default", "serviceaccount/loki"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_sees_conflicts_and_takes_fields_over() {
    let kubectl = Kubectl::new().await;
    let map = |colour: &str| {
        let map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: {colour}\n"
        );
        kubectl.file("settings.yaml", &map)
    };
    let file = map("red");
    kubectl.run(&["apply", "-f", &file]).await;
    let file = map("blue");
    let apply = ["apply", "--server-side", "--field-manager=ci", "-f", &file];
    let said = kubectl.fail(&apply).await;
    let expected = "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.colour";
    assert!(said.contains(expected), "{said}");
    let force = [&apply[..], &["--force-conflicts"]].concat();
    let said = kubectl.run(&force).await;
    assert_eq!(said, "configmap/settings serverside-applied\n");
    let fields = [
        "get",
        "configmap",
        "settings",
        "--show-managed-fields",
        "-o",
        "jsonpath={.metadata.managedFields[?(@.operation=='Apply')].fieldsV1}",
    ];
    let fields = kubectl.run(&fields).await;
    assert_eq!(fields, r#"{"f:data":{"f:colour":{}}}"#);

    let file = map("green");
    let diff = ["diff", "--server-side", "--field-manager=ci", "-f", &file];
    let output = kubectl.try_run(&diff).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("-  colour: blue\n+  colour: green\n"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_moves_from_client_side_to_server_side_apply() {
    let kubectl = Kubectl::new().await;
    let file = kubectl.file("account.yaml", &ACCOUNT.replace("namespace: rok", ""));
    kubectl.run(&["apply", "-f", &file]).await;
    let said = kubectl.run(&["apply", "--server-side", "-f", &file]).await;
    assert_eq!(said, "serviceaccount/rok serverside-applied\n");
    let managers = "jsonpath={.metadata.managedFields[*].manager}";
    let get = ["get", "sa", "rok", "--show-managed-fields", "-o", managers];
    assert_eq!(kubectl.run(&get).await, "kubectl kubectl-last-applied");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_tries_without_changing_anything() {
    let kubectl = Kubectl::new().await;
    let dry = "--dry-run=server";
    kubectl.run(&["create", "configmap", "settings"]).await;
    let version = [
        "get",
        "configmap",
        "-o",
        "jsonpath={.metadata.resourceVersion}",
    ];
    let before = kubectl.run(&version).await;
    kubectl.run(&["delete", "configmap", "settings", dry]).await;
    kubectl
        .run(&["label", "configmap", "settings", "a=b", dry])
        .await;
    kubectl.run(&["create", "configmap", "other", dry]).await;
    assert_eq!(kubectl.run(&version).await, before);
    let names = kubectl.run(&["get", "configmap", "-o", "name"]).await;
    assert_eq!(names, "configmap/settings\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_patches_in_every_form() {
    let kubectl = Kubectl::new().await;
    kubectl
        .run(&["create", "configmap", "settings", "--from-literal=a=1"])
        .await;
    for (form, patch) in [
        ("json", r#"[{"op":"add","path":"/data/b","value":"2"}]"#),
        ("merge", r#"{"data":{"c":"3"}}"#),
        ("strategic", r#"{"data":{"a":null}}"#),
    ] {
        let patch = [
            "patch",
            "configmap",
            "settings",
            "--type",
            form,
            "-p",
            patch,
        ];
        let said = kubectl.run(&patch).await;
        assert_eq!(said, "configmap/settings patched\n");
    }
    let data = kubectl
        .run(&["get", "configmap", "settings", "-o", "jsonpath={.data}"])
        .await;
    assert_eq!(data, r#"{"b":"2","c":"3"}"#);
}

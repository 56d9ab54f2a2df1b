//! With the real kubectl, where it is installed: `cargo test -- --ignored kubectl`.

use std::process::{Command, Output};

use super::*;

struct Kubectl {
    home: TempDir,
    server: ClusterServer,
}

impl Kubectl {
    async fn new() -> Self {
        let home = TempDir::new().unwrap();
        let server = start(&home).await;
        write_kubeconfig(&server, &home.path().join("kubeconfig"));
        Self { home, server }
    }

    async fn try_run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("kubectl");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("kubeconfig"));
        tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn fail(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const NAMESPACES: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: rok
---
apiVersion: v1
kind: Namespace
metadata:
  name: rok-system
";

const ACCOUNT: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata:
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123451234512:role/rok
  labels:
    app.kubernetes.io/part-of: rok-verify
  name: rok
  namespace: rok
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_reads_versions_nodes_and_keys() {
    let kubectl = Kubectl::new().await;
    let version = kubectl.run(&["version"]).await;
    assert!(version.contains("Server Version: v1.33"), "{version}");
    let resources = kubectl.run(&["api-resources", "--no-headers"]).await;
    assert_eq!(resources.lines().count(), 9, "{resources}");
    let region = r"jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/region}";
    let nodes = kubectl.run(&["get", "nodes", "-o", region]).await;
    assert_eq!(nodes, "us-west-2");
    let table = kubectl.run(&["get", "namespaces"]).await;
    assert!(table.contains("kube-system"), "{table}");
    let keys = kubectl.run(&["get", "--raw", "/openid/v1/jwks"]).await;
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys, kubectl.server.jwks());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_creates_applies_and_deletes() {
    let kubectl = Kubectl::new().await;
    let namespaces = kubectl.file("namespaces.yaml", NAMESPACES);
    let account = kubectl.file("account.yaml", ACCOUNT);

    let server_side = ["apply", "--server-side", "-f", &namespaces];
    let said = kubectl.run(&server_side).await;
    assert_eq!(
        said,
        "namespace/rok serverside-applied\nnamespace/rok-system serverside-applied\n"
    );
    kubectl.run(&server_side).await;

    let said = kubectl.run(&["create", "-f", &account]).await;
    assert_eq!(said, "serviceaccount/rok created\n");
    let said = kubectl.fail(&["create", "-f", &account]).await;
    let expected = format!(
        "Error from server (AlreadyExists): error when creating \"{account}\": serviceaccounts \"rok\" already exists\n"
    );
    assert_eq!(said, expected);

    let changed = ACCOUNT.replace("role/rok", "role/other");
    let account = kubectl.file("account.yaml", &changed);
    let said = kubectl.run(&["apply", "-f", &account]).await;
    assert_eq!(said, "serviceaccount/rok configured\n");
    let said = kubectl.run(&["apply", "-f", &account]).await;
    assert_eq!(said, "serviceaccount/rok unchanged\n");
    let yaml = kubectl
        .run(&["get", "serviceaccounts", "rok", "-n", "rok", "-o", "yaml"])
        .await;
    assert!(yaml.contains("role/other"), "{yaml}");

    let ours = ["-n", "rok", "-l", "app.kubernetes.io/part-of=rok-verify"];
    let said = kubectl.run(&[&["delete", "sa"], &ours[..]].concat()).await;
    assert_eq!(said, "serviceaccount \"rok\" deleted\n");
    let said = kubectl.run(&["delete", "-f", &namespaces]).await;
    assert!(said.contains("namespace \"rok\" deleted"), "{said}");
    let said = kubectl.fail(&["get", "namespace", "rok"]).await;
    let expected = "Error from server (NotFound): namespaces \"rok\" not found\n";
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_lets_the_server_validate_fields() {
    let kubectl = Kubectl::new().await;
    let wrong = ACCOUNT.replace("namespace: rok\n", "namespace: default\nsecretz: []\n");
    let wrong = kubectl.file("wrong.yaml", &wrong);
    let said = kubectl.fail(&["create", "-f", &wrong]).await;
    assert!(said.contains("unknown field \"secretz\""), "{said}");
    let asked = kubectl.server.requests();
    assert!(
        asked.iter().any(|request| request.method == "POST"),
        "kubectl refused by itself: {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_gets_a_token_for_aws() {
    use base64::Engine as _;
    let kubectl = Kubectl::new().await;
    let token = kubectl
        .run(&[
            "create",
            "token",
            "default",
            "--audience",
            "sts.amazonaws.com",
        ])
        .await;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
    assert_eq!(claims["iss"], kubectl.server.issuer());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_creates_objects_from_the_command_line() {
    let kubectl = Kubectl::new().await;
    for (arguments, expected) in [
        (&["namespace", "loki"][..], "namespace/loki created\n"),
        (
            &["serviceaccount", "loki", "-n", "loki"],
            "serviceaccount/loki created\n",
        ),
        (
            &["configmap", "loki", "--from-literal=colour=red"],
            "configmap/loki created\n",
        ),
        (
            &["secret", "generic", "loki", "--from-literal=user=rok"],
            "secret/loki created\n",
        ),
    ] {
        let said = kubectl.run(&[&["create"], arguments].concat()).await;
        assert_eq!(said, expected);
    }
    let stored = kubectl
        .run(&["get", "configmap,secret", "-o", "jsonpath={.items[*].data}"])
        .await;
    assert_eq!(stored, r#"{"colour":"red"} {"user":"cm9r"}"#);
}

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
    let watch = [
        "get",
        "serviceaccounts",
        "--watch",
        "--output=name",
        "--request-timeout=3s",
    ];
    let (seen, _) = tokio::join!(
        kubectl.try_run(&watch),
        kubectl.run(&["create", "serviceaccount", "loki"])
    );
    let seen = String::from_utf8(seen.stdout).unwrap();
    assert_eq!(seen, "serviceaccount/default\nserviceaccount/loki\n");
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

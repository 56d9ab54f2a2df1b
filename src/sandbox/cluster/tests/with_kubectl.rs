//! With the real kubectl, where it is installed: `cargo test -- --ignored kubectl`.

use std::process::{Command, Output};

use super::*;

/// How long a line may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Kubectl {
    home: TempDir,
    pub(super) server: ClusterServer,
}

impl Kubectl {
    pub(super) async fn new() -> Self {
        Self::of(seed()).await
    }

    /// A cluster that began like this.
    pub(super) async fn of(seed: ClusterSeed) -> Self {
        let home = TempDir::new().unwrap();
        let server = start_from(&home, seed).await;
        write_kubeconfig(&server, &home.path().join("kubeconfig"));
        Self { home, server }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("kubeconfig"));
        command
    }

    pub(super) async fn try_run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The lines that a command prints which goes on for ever, up to one that begins like this.
    pub(super) async fn follow(&self, arguments: &[&str], last: &str) -> Vec<String> {
        use tokio::io::{AsyncBufReadExt as _, BufReader};
        let command = self.command(arguments);
        let mut command = tokio::process::Command::from(command);
        command
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = Vec::new();
        while seen
            .last()
            .is_none_or(|line: &String| !line.starts_with(last))
        {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            seen.push(line.unwrap().unwrap().unwrap());
        }
        seen
    }

    pub(super) async fn fail(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(super) fn file(&self, name: &str, content: &str) -> String {
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

pub(super) const ACCOUNT: &str = "\
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
    assert_eq!(resources.lines().count(), 24, "{resources}");
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

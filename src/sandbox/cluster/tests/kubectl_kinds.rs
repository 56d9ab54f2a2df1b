//! kubectl with the kinds beyond the core ones, its tables and its rights.

use super::with_kubectl::Kubectl;

const DEFINITION: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: rokclusters.rok.arrikto.com
spec:
  group: rok.arrikto.com
  scope: Namespaced
  names: { plural: rokclusters, kind: RokCluster, shortNames: [rc] }
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: { status: {} }
    additionalPrinterColumns:
    - { name: Health, type: string, jsonPath: .status.health }
    - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
";

const ROK_CLUSTER: &str = "\
apiVersion: rok.arrikto.com/v1alpha1
kind: RokCluster
metadata:
  name: rok
spec:
  configVars: {}
  s3: {}
";

const WORKLOADS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  template:
    spec: { restartPolicy: Never, containers: [{ name: once, image: once }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }], selector: { app: web } }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: small }
spec: { hard: { pods: 2 } }
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_defines_a_kind_waits_for_it_and_uses_it() {
    let kubectl = Kubectl::new().await;
    let definition = kubectl.file("definition.yaml", DEFINITION);
    let cluster = kubectl.file("rok.yaml", ROK_CLUSTER);
    kubectl.run(&["apply", "-f", &definition]).await;
    let established = ["wait", "--for=condition=Established", "-f", &definition];
    kubectl.run(&established).await;
    for apply in [&["apply"][..], &["apply", "--server-side"]] {
        kubectl.run(&[apply, &["-f", &cluster]].concat()).await;
    }
    let patch = r#"{"status":{"health":"OK"}}"#;
    let status = [
        "patch",
        "rc",
        "rok",
        "--subresource=status",
        "--type=merge",
        "-p",
        patch,
    ];
    kubectl.run(&status).await;
    let wait = [
        "wait",
        "rokcluster/rok",
        "--for=jsonpath={.status.health}=OK",
    ];
    kubectl.run(&wait).await;
    let said = kubectl.run(&["explain", "rokclusters"]).await;
    assert!(said.contains("KIND:       RokCluster"), "{said}");
    let said = kubectl.run(&["delete", "rc", "--all"]).await;
    assert_eq!(said, "rokcluster.rok.arrikto.com \"rok\" deleted\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_rolls_out_workloads() {
    let kubectl = Kubectl::new().await;
    let deployment = |containers: &str| {
        let text = format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: 2
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec: {{ containers: [{containers}] }}
"
        );
        kubectl.file("web.yaml", &text)
    };
    let file = deployment("{ name: a, image: one }, { name: b, image: one }");
    kubectl.run(&["apply", "-f", &file]).await;
    let said = kubectl.run(&["rollout", "status", "deployment/web"]).await;
    assert!(said.ends_with("successfully rolled out\n"), "{said}");
    kubectl
        .run(&["wait", "deployment/web", "--for=condition=Available"])
        .await;

    // kubectl sends the difference by element; what it does not name stays.
    let file = deployment("{ name: a, image: two }");
    kubectl.run(&["apply", "-f", &file]).await;
    let images = "jsonpath={.spec.template.spec.containers[*].image}";
    let said = kubectl
        .run(&["get", "deployment", "web", "-o", images])
        .await;
    assert_eq!(said, "two");
    kubectl
        .run(&["set", "image", "deployment/web", "a=three"])
        .await;
    let said = kubectl
        .run(&["get", "deployment", "web", "-o", images])
        .await;
    assert_eq!(said, "three");
    let generations = "jsonpath={.metadata.generation}";
    let said = kubectl
        .run(&["get", "deployment", "web", "-o", generations])
        .await;
    assert_eq!(said, "3");
    let file = kubectl.file("more.yaml", WORKLOADS);
    kubectl.run(&["apply", "-f", &file]).await;
    kubectl
        .run(&["wait", "job/once", "--for=condition=Complete"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_asks_what_it_may_do() {
    let kubectl = Kubectl::new().await;
    let may = ["auth", "can-i", "create", "pods", "--subresource=exec"];
    assert_eq!(kubectl.run(&may).await, "yes\n");
    kubectl
        .server
        .deny("create", "", "pods/exec", None)
        .unwrap();
    kubectl
        .server
        .deny("*", "", "secrets", Some("default"))
        .unwrap();
    let output = kubectl.try_run(&may).await;
    assert_eq!(output.stdout, b"no\n");
    let said = kubectl.fail(&["get", "secrets"]).await;
    let expected = "Error from server (Forbidden): secrets is forbidden: User \"kubernetes-admin\" cannot list resource \"secrets\" in API group \"\" in the namespace \"default\"\n";
    assert_eq!(said, expected);
    kubectl.run(&["get", "secrets", "-n", "kube-system"]).await;
    let list = kubectl.run(&["auth", "can-i", "--list"]).await;
    assert!(
        list.contains("serviceaccounts") && !list.contains("secrets"),
        "{list}"
    );
    let who = kubectl.run(&["auth", "whoami"]).await;
    assert!(who.contains("kubernetes-admin"), "{who}");
    kubectl.server.allow_all().unwrap();
    assert_eq!(kubectl.run(&may).await, "yes\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_shows_tables() {
    let kubectl = Kubectl::new().await;
    kubectl
        .run(&["apply", "-f", &kubectl.file("d.yaml", DEFINITION)])
        .await;
    kubectl
        .run(&["wait", "crd", "--all", "--for=condition=Established"])
        .await;
    kubectl
        .run(&["create", "-f", &kubectl.file("rok.yaml", ROK_CLUSTER)])
        .await;
    let pod = "apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { containers: [{ name: web, image: web }] }
";
    kubectl
        .run(&["create", "-f", &kubectl.file("pod.yaml", pod)])
        .await;
    for (arguments, columns) in [
        (
            &["pods"][..],
            &["NAME", "READY", "STATUS", "RESTARTS", "AGE"][..],
        ),
        (
            &["pods", "-A"],
            &["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        ),
        (&["namespaces"], &["NAME", "STATUS", "AGE"]),
        (&["nodes"], &["NAME", "STATUS", "ROLES", "AGE", "VERSION"]),
        (&["sa"], &["NAME", "SECRETS", "AGE"]),
        (&["mutatingwebhookconfigurations"], &["NAME", "AGE"]),
        (&["rc"], &["NAME", "HEALTH", "AGE"]),
        (
            &["pods", "-L", "app"],
            &["NAME", "READY", "STATUS", "RESTARTS", "AGE", "APP"],
        ),
    ] {
        let said = kubectl.run(&[&["get"], arguments].concat()).await;
        let mut lines = said.lines();
        let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(header, columns);
        assert!(lines.next().is_some(), "{said}");
    }
    let pods = kubectl.run(&["get", "pod", "web", "--no-headers"]).await;
    let cells: Vec<&str> = pods.split_whitespace().collect();
    assert_eq!(cells[..4], ["web", "0/1", "Pending", "0"]);

    let watch = ["get", "pods", "--watch", "--no-headers", "-L", "tier"];
    let label = ["label", "pod", "web", "tier=front"];
    let both = async { tokio::join!(kubectl.follow(&watch, "web"), kubectl.run(&label)) };
    assert_eq!(both.await.0.len(), 1);
    let yaml = kubectl.run(&["get", "pod", "web", "-o", "yaml"]).await;
    assert!(yaml.contains("kind: Pod\n"), "{yaml}");
    let said = kubectl.run(&["describe", "pod", "web"]).await;
    assert!(said.starts_with("Name:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_creates_and_deletes_in_many_ways() {
    let kubectl = Kubectl::new().await;
    for arguments in [
        &["role", "reader", "--verb=get", "--resource=pods"][..],
        &[
            "rolebinding",
            "reader",
            "--role=reader",
            "--serviceaccount=default:default",
        ],
        &["clusterrole", "reader", "--verb=get", "--resource=pods"],
        &[
            "clusterrolebinding",
            "reader",
            "--clusterrole=reader",
            "--user=rok",
        ],
    ] {
        let said = kubectl.run(&[&["create"], arguments].concat()).await;
        assert!(said.ends_with("created\n"), "{said}");
    }
    let file = kubectl.file("more.yaml", WORKLOADS);
    let said = kubectl.run(&["create", "-f", &file]).await;
    assert_eq!(said.lines().count(), 4, "{said}");
    for (arguments, expected) in [
        (
            &["deployment", "web", "--cascade=foreground"][..],
            "deployment.apps \"web\" deleted\n",
        ),
        (
            &["job", "once", "--cascade=orphan"],
            "job.batch \"once\" deleted\n",
        ),
        (
            &["service", "web", "--grace-period=1"],
            "service \"web\" deleted\n",
        ),
        (
            &["role", "reader", "--wait=false"],
            "role.rbac.authorization.k8s.io \"reader\" deleted\n",
        ),
        (&["quota", "--all"], "resourcequota \"small\" deleted\n"),
    ] {
        let said = kubectl.run(&[&["delete"], arguments].concat()).await;
        assert_eq!(said, expected);
    }
    for name in ["a", "b"] {
        kubectl.run(&["create", "configmap", name]).await;
    }
    kubectl.run(&["label", "configmap", "a", "part=one"]).await;
    let said = kubectl
        .run(&["delete", "configmap", "-l", "part=one"])
        .await;
    assert_eq!(said, "configmap \"a\" deleted\n");
    let said = kubectl.run(&["get", "configmap", "-o", "name"]).await;
    assert_eq!(said, "configmap/b\n");
}

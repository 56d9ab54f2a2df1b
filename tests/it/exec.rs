//! A command in a Pod, with the client that the proof uses.

use std::time::Duration;

use rok_deploy::clients::cluster::{Cluster, ClusterErrorKind, ClusterSettings};
use rok_deploy::clients::wire::WireLog;
use serde_json::json;

use super::support::practice::wait_for;
use super::support::served::PracticeCloud;

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_in_a_practice_pod() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let cloud = PracticeCloud::start();
    let settings = ClusterSettings {
        kubeconfig: Some(cloud.variable("KUBECONFIG").into()),
        context: None,
    };
    let wire = WireLog::in_memory();
    let cluster = Cluster::connect(&settings, wire.clone())
        .await
        .expect("the practice cluster is there");
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "amazon/aws-cli:2.35.5",
            "command": ["sleep", "3600"]}]}});
    let foreseen = cluster
        .create_dry_run(&pod)
        .await
        .expect("it may be created");
    assert_eq!(foreseen["metadata"]["name"], "probe");
    assert_eq!(cluster.read(&pod).await.expect("it answers"), None);
    cluster.create(&pod).await.expect("it may be created");
    let runtime = tokio::runtime::Handle::current();
    let stored = tokio::task::block_in_place(|| {
        wait_for("the Pod", || {
            let stored = runtime.block_on(cluster.read(&pod)).expect("it answers")?;
            (stored["status"]["phase"] == "Running").then_some(stored)
        })
    });

    let run = async |container: &str, argv: &[&str]| {
        cluster
            .exec("default", "probe", container, argv, LIMIT)
            .await
    };
    let output = run("main", &["echo", "a  b"]).await.expect("it runs");
    assert_eq!((output.stdout.as_str(), output.code), ("a  b\n", 0));
    let output = run("main", &["cat", "/absent"]).await.expect("it runs");
    assert_eq!((output.stdout.as_str(), output.code), ("", 1));
    assert!(output.stderr.contains("/absent"), "{output:?}");
    let line = wire.records().pop().expect("it was sent");
    assert_eq!(
        line.operation,
        "GET /api/v1/namespaces/default/pods/probe/exec"
    );
    assert_eq!(line.status, Some(101));

    let error = run("other", &["true"])
        .await
        .expect_err("no such container");
    assert!(error.message.contains("other"), "{error}");
    let error = cluster
        .exec("default", "absent", "main", &["true"], LIMIT)
        .await
        .expect_err("there is no such Pod");
    assert_eq!(error.kind, ClusterErrorKind::NotFound, "{error}");

    let uid = stored["metadata"]["uid"].as_str().expect("it has a UID");
    let events = cluster
        .pod_events("default", uid)
        .await
        .expect("it answers");
    assert!(
        events.iter().any(|event| event.reason == "Started"),
        "{events:?}"
    );
    assert!(
        !cluster
            .delete_exact(&pod, "another")
            .await
            .expect("it answers")
    );
    assert!(cluster.delete_exact(&pod, uid).await.expect("it answers"));
}

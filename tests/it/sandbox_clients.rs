//! The practice cloud in a process of its own, and clients in others.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::env::finish;
use super::support::practice::{DEADLINE, Practice, ROLE, Served, sourced, writes};

const READY_WITHIN: Duration = Duration::from_secs(5);

/// What the contract promises to other clients.
const NAMES: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZ_SUBSCRIPTION",
    "GITOPS_URL",
    "KUBECONFIG",
    "REQUESTS_CA_BUNDLE",
    "ROK_AZURE_ARM_ENDPOINT",
    "SSL_CERT_FILE",
];

#[test]
fn with_the_env_file_sourced_a_run_asks_nothing() {
    let practice = Practice::new();
    let began = Instant::now();
    let served = practice.serve();
    assert!(began.elapsed() < READY_WITHIN, "{:?}", began.elapsed());
    let text = fs::read_to_string(served.env_file()).expect("it is ready");
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, NAMES);

    let clone = practice.env.home().join("ops/deployments");
    let output = sourced(&practice, &served, ":", "run --recipe rok-eks --yes");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!output.stderr.contains("PRACTICE"), "{}", output.stderr);
    assert_eq!(practice.git(&clone, &["status", "--porcelain"]), "");
    assert!(practice.state("aws")["roles"][ROLE].is_object());
    let output = sourced(&practice, &served, ":", "run --recipe rok-eks --yes");
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
    served.stop();
}

#[test]
fn practice_connects_to_the_world_that_is_served() {
    let practice = Practice::new();
    let served = practice.serve();
    practice.journey();
    let arguments = "--set gitops_dir=state/rok-deploy/sandbox/deployments";
    let output = sourced(
        &practice,
        &served,
        ":",
        &format!("plan --recipe rok-eks {arguments}"),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    served.stop();
    // Nobody serves any more; the world is the same.
    let output = practice.journey();
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
}

#[test]
fn one_world_has_one_server() {
    let practice = Practice::new();
    let served = practice.serve();
    let second = practice.env.run(&["sandbox"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(
        second
            .stderr
            .contains("another process serves this practice cloud"),
        "{second:?}"
    );
    let fresh = practice.expect(1, &["plan", "--fresh"]);
    assert!(
        fresh.stderr.contains("cannot be started afresh"),
        "{fresh:?}"
    );
    let output = served.stop();
    assert!(output.stderr.contains("its world is kept in"), "{output:?}");
    let world = practice.world();
    assert!(
        !world.join("environment.json").exists(),
        "it says that it serves"
    );
}

#[test]
fn a_server_that_was_killed_is_no_obstacle() {
    let practice = Practice::new();
    let served = practice.serve();
    practice.journey();
    let issuer = practice.issuer();
    drop(served);
    assert!(practice.world().join("environment.json").exists());
    let output = practice.journey();
    assert_eq!(writes(&practice.run_of(&output)), [Value::Null; 0]);
    assert_eq!(practice.issuer(), issuer);
}

/// A shell with the env file sourced.
fn shell(practice: &Practice, served: &Served, script: &str) -> Command {
    let script = format!(". '{}' && {script}", served.env_file().display());
    practice.env.program("sh", &["-c", &script])
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web }] }
";

#[test]
#[ignore = "needs kubectl"]
fn kubectl_rolls_out_and_waits_in_the_served_world() {
    let practice = Practice::new();
    let served = practice.serve();
    let file = practice.env.home().join("web.yaml");
    fs::write(&file, DEPLOYMENT).expect("the home is writable");
    let script = format!(
        "kubectl apply --server-side -f '{}' \
         && kubectl rollout status deployment/web --timeout=30s \
         && {{ kubectl wait --for=delete deployment/web --timeout=30s & }} \
         && kubectl delete deployment/web \
         && wait $!",
        file.display()
    );
    let output = finish(&mut shell(&practice, &served, &script), DEADLINE);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let rolled_out = "deployment \"web\" successfully rolled out";
    assert!(output.stdout.contains(rolled_out), "{output:?}");
    served.stop();
}

#[test]
#[ignore = "needs kubectl"]
fn a_watch_does_not_hold_up_the_end_of_the_world() {
    let practice = Practice::new();
    let served = practice.serve();
    let mut watch = shell(&practice, &served, "exec kubectl get namespaces --watch")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the shell starts");
    let stdout = watch.stdout.take().expect("it is piped");
    let header = BufReader::new(stdout).lines().next();
    let header = header.expect("it prints").expect("it prints text");
    assert!(header.starts_with("NAME"), "{header}");
    let began = Instant::now();
    served.stop();
    assert!(began.elapsed() < READY_WITHIN, "{:?}", began.elapsed());
    watch.kill().ok();
    watch.wait().expect("it ends");
}

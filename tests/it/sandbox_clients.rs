//! The practice cloud in a process of its own, and clients in others.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::practice::{Practice, ROLE, sourced, writes};

const READY_WITHIN: Duration = Duration::from_secs(5);

/// What the contract promises to other clients, as far as AWS goes.
const NAMES: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_SECRET_ACCESS_KEY",
    "GITOPS_URL",
    "KUBECONFIG",
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

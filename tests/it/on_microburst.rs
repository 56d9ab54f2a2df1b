//! The journey through a proxy that is not ours and injects faults as AWS has them: microburst, before
//! ministack. The built binary with the real SDK, in real time: what fails in passing is tried again,
//! as often as the proxy says it failed, and our wire log tells the same story.

use serde_json::{Value, json};

use crate::support::env::{Output, TestEnv};
use crate::support::peers::{Aws, Keys, Microburst, Ministack};
use crate::support::runs::{assert_code, requests};
use crate::support::served::PracticeCloud;

const REGION: &str = "us-west-2";

/// An account behind the proxy, and an operator's shell.
struct World {
    place: TestEnv,
    proxy: Microburst,
    practice: PracticeCloud,
    _ministack: Ministack,
}

impl World {
    fn new(rules: &Value) -> Self {
        // Signatures are of the proxy's address, so nobody may look at them.
        let ministack = Ministack::start(false, REGION);
        let practice = PracticeCloud::start();
        Aws::new(&ministack.endpoint(), REGION, Keys::root()).make_cluster();
        let proxy = Microburst::start(&ministack.endpoint(), rules);
        let keys = Keys::root();
        let place = TestEnv::new()
            .with_variable("AWS_ENDPOINT_URL", proxy.endpoint())
            .with_variable("AWS_DEFAULT_REGION", REGION)
            .with_variable("AWS_ACCESS_KEY_ID", keys.id)
            .with_variable("AWS_SECRET_ACCESS_KEY", keys.secret)
            .with_variable("KUBECONFIG", practice.variable("KUBECONFIG"))
            .with_variable("GITOPS_URL", practice.variable("GITOPS_URL"));
        Self {
            place,
            proxy,
            practice,
            _ministack: ministack,
        }
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        let issuer = format!("eks_cluster_oidc={}", self.practice.issuer());
        let elsewhere = [
            "--set",
            "kube_context_accept=yes",
            "--set",
            &issuer,
            "--no-pod",
        ];
        self.place.run(&[arguments, &elsewhere].concat())
    }

    /// The attempts of an operation that failed so, in the wire log of the run.
    fn failed(&self, operation: &str, errors: &[&str]) -> usize {
        let requests = requests(&self.place);
        let failed = requests.iter().filter(|request| {
            let error = request["error"].as_str().unwrap_or_default();
            request["operation"] == operation && errors.contains(&error)
        });
        failed.count()
    }
}

fn refused(service: &str, operation: &str, times: u32, code: &str, status: u16) -> Value {
    json!({
        "service": service,
        "operation": operation,
        "times": times,
        "error": { "code": code, "status": status, "message": "injected" },
    })
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_fails_in_passing_is_tried_again_as_often_as_it_failed() {
    let cut = json!({
        "service": "iam",
        "operation": "CreateOpenIDConnectProvider",
        "times": 1,
        "response": { "truncate_frac": 0.5 },
    });
    let reset = json!({
        "service": "iam", "operation": "CreatePolicy", "times": 1, "reset": true,
    });
    let world = World::new(&json!([
        refused("iam", "GetRole", 2, "Throttling", 400),
        refused("iam", "CreateRole", 1, "ServiceUnavailable", 503),
        refused("eks", "DescribeCluster", 1, "ServerException", 500),
        refused("s3", "ListObjectVersions", 2, "SlowDown", 503),
        reset,
        cut,
    ]));
    assert_code(&world.deploy(&["run", "--yes"]), 0);

    let fired = world.proxy.fired();
    for (operation, times, errors) in [
        ("iam:GetRole", 2, &["Throttling"][..]),
        ("iam:CreateRole", 1, &["ServiceUnavailable"]),
        ("eks:DescribeCluster", 1, &["ServerException"]),
        ("s3:ListObjectVersions", 2, &["SlowDown"]),
        ("iam:CreatePolicy", 1, &["not sent, or no answer"]),
    ] {
        let (service, name) = operation.split_once(':').expect("it has both");
        let by_proxy = fired
            .iter()
            .filter(|event| event["service"] == service && event["operation"] == name);
        assert_eq!(by_proxy.count(), times, "{operation} in {fired:?}");
        let failed = world.failed(operation, errors);
        let wire = requests(&world.place);
        assert_eq!(failed, times, "{operation} in {wire:?}");
    }
    // Half of that one answer is enough to the SDK, so it leaves no failed attempt.
    assert_eq!(fired.len(), 8, "{fired:?}");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn expired_credentials_end_the_run_and_resume_goes_on() {
    let expired = refused("iam", "CreateRole", 1, "ExpiredToken", 403);
    let world = World::new(&json!([expired]));
    let ended = world.deploy(&["run", "--yes"]);
    assert_code(&ended, 1);
    assert!(ended.stderr.contains("ExpiredToken"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("renew the credentials"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.failed("iam:CreateRole", &["ExpiredToken"]), 1);

    assert_code(&world.place.run(&["resume", "--yes"]), 0);
    assert_eq!(world.proxy.fired().len(), 1);
    let made = requests(&world.place)
        .iter()
        .filter(|request| request["operation"] == "iam:CreateRole" && request["status"] == 200)
        .count();
    assert_eq!(made, 1);
}

//! The journey against a second AWS that is not ours: moto, which validates what it is given and
//! speaks the error texts of IAM. There is no cluster to reach, so `--no-cluster` leaves it out.

use serde_json::Value;

use crate::support::env::{Output, TestEnv};
use crate::support::identity::{Identity, ROLE, assert_nothing_made_in};
use crate::support::peers::{ACCOUNT, Aws, Keys, Moto};
use crate::support::runs::{assert_code, git, planned, writes};

const REGION: &str = "us-west-2";
/// What is left out, and has to be named.
const OF_THE_CLUSTER: [&str; 4] = [
    "cluster.context",
    "rok.namespaces",
    "rok.verify-account",
    "rok.storage-access",
];

/// An account with the cluster in it, and an operator's shell without a kubeconfig.
struct World {
    root: Aws,
    place: TestEnv,
    identity: Identity,
    _moto: Moto,
}

impl World {
    fn new() -> Self {
        let moto = Moto::start();
        let root = Aws::new(&moto.endpoint(), REGION, Keys::root());
        let cluster = root.make_cluster();
        let issuer = cluster["identity"]["oidc"]["issuer"]
            .as_str()
            .and_then(|issuer| issuer.strip_prefix("https://"))
            .expect("a cluster has an HTTPS issuer");
        let identity = Identity {
            account: ACCOUNT.to_owned(),
            issuer: issuer.to_owned(),
        };
        let keys = root.make_admin("operator");
        let place = TestEnv::new()
            .with_variable("AWS_ENDPOINT_URL", moto.endpoint())
            .with_variable("AWS_DEFAULT_REGION", REGION)
            .with_variable("AWS_ACCESS_KEY_ID", keys.id)
            .with_variable("AWS_SECRET_ACCESS_KEY", keys.secret);
        Self {
            root,
            place,
            identity,
            _moto: moto,
        }
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        self.place.run(&[arguments, &["--no-cluster"]].concat())
    }

    /// What every step found, with `--output json`.
    fn plan(&self, code: i32) -> Output {
        let plan = self.deploy(&["plan", "--output", "json"]);
        assert_code(&plan, code);
        plan
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn the_journey_without_the_cluster_makes_the_identity() {
    let world = World::new();
    let plan = world.plan(3);
    for step in OF_THE_CLUSTER {
        assert_eq!(planned(&plan, step)["finding"], "not_checked", "{step}");
    }
    assert_nothing_made_in(&world.root);

    let run = world.deploy(&["run", "--yes", "--output", "json"]);
    assert_code(&run, 0);
    for step in OF_THE_CLUSTER {
        assert!(is_not_checked(&run, step), "{step}: {}", run.stdout);
    }
    world.identity.assert_in(&world.root);
    world.identity.assert_tagged_in(&world.root);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_second_journey_changes_nothing() {
    let world = World::new();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    let clone = world.place.home().join("ops/deployments");
    let refs = git(&world.place, &clone, &["show-ref"]);

    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);
    assert_eq!(git(&world.place, &clone, &["show-ref"]), refs);
    world.plan(0);
}

/// Moto cannot change a stack, so it is only made here, and found again; and its stacks do not know
/// providers.
#[test]
#[ignore = "needs the peers of tests/run"]
fn the_journey_with_a_stack_makes_the_identity() {
    let world = World::new();
    world.root.call(&[
        "iam",
        "create-open-id-connect-provider",
        "--url",
        &format!("https://{}", world.identity.issuer),
        "--client-id-list",
        "sts.amazonaws.com",
    ]);
    let run = [
        "run",
        "--yes",
        "--set",
        "aws_identity_method=cloudformation",
    ];
    assert_code(&world.deploy(&run), 0);
    world.identity.assert_in(&world.root);
    assert_code(&world.deploy(&run), 0);
    assert_eq!(writes(&world.place), [""; 0]);
}

/// Whether an event of the run says so.
fn is_not_checked(run: &Output, step: &str) -> bool {
    let events = run.stdout.lines();
    let mut events = events.map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    events.any(|line| {
        let event = &line["event"];
        event["kind"] == "step_not_checked" && event["step"] == step
    })
}

/// What others have is found on every page of a long list, and stays byte-equal.
#[test]
#[ignore = "needs the peers of tests/run"]
fn a_teardown_takes_back_what_was_made_and_leaves_what_others_have() {
    let world = World::new();
    let trust = world.identity.trust("system:serviceaccount:theirs:theirs");
    let role = |name: &str, trust: &str| {
        let document = ["--assume-role-policy-document", trust];
        let call = [&["iam", "create-role", "--role-name", name], &document[..]].concat();
        world.root.call(&call);
    };
    let elsewhere = trust
        .to_string()
        .replace("oidc-provider/", "oidc-provider/not-");
    for index in 0..110 {
        role(&format!("a-{index:03}"), &elsewhere);
    }
    let everything = || {
        let calls = [
            &["iam", "list-roles"][..],
            &["iam", "list-policies", "--scope", "Local"],
            &["iam", "list-open-id-connect-providers"],
            &["iam", "list-instance-profiles"],
        ];
        calls.map(|call| world.root.call(call))
    };
    let before = everything();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_code(&world.deploy(&["teardown", "--yes"]), 0);
    assert_eq!(everything(), before);
    assert_code(&world.deploy(&["teardown", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);

    // Now with somebody who uses the provider, and an instance profile on our role.
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    role("zz-theirs", &trust.to_string());
    for call in [
        &["create-instance-profile"][..],
        &["add-role-to-instance-profile", "--role-name", ROLE],
    ] {
        let profile = ["--instance-profile-name", "nodes"];
        world.root.call(&[&["iam"], call, &profile[..]].concat());
    }
    let torn_down = world.deploy(&["teardown", "--yes"]);
    assert_code(&torn_down, 0);
    for part in ["instance profile `nodes`", "role `zz-theirs`"] {
        let told = format!("{}{}", torn_down.stdout, torn_down.stderr);
        assert!(told.contains(part), "{part}: {told}");
    }
    let role = world.root.call(&["iam", "get-role", "--role-name", ROLE]);
    assert_eq!(role["Role"]["RoleName"], ROLE);
    let providers = world.root.call(&["iam", "list-open-id-connect-providers"]);
    assert_eq!(
        providers["OpenIDConnectProviderList"][0]["Arn"],
        world.identity.provider_arn()
    );
}

//! The journey against a second AWS that is not ours: moto, which validates what it is given and
//! speaks the error texts of IAM. There is no cluster to reach, so `--no-cluster` leaves it out.

use std::fs;

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

/// Moto keeps five versions of a policy and refuses a sixth, as AWS does.
#[test]
#[ignore = "needs the peers of tests/run"]
fn only_versions_of_our_own_make_room_for_a_new_one() {
    let world = World::new();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    let arn = world.identity.policy_arn();
    let theirs = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    for _ in 0..4 {
        let create = ["create-policy-version", "--policy-arn", &arn];
        let document = ["--policy-document", theirs];
        world
            .root
            .call(&[&["iam"], &create[..], &document[..]].concat());
    }
    let versions = || {
        let list = ["iam", "list-policy-versions", "--policy-arn", &arn];
        let mut versions: Vec<String> = world.root.call(&list)["Versions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|version| version["VersionId"].as_str().expect("an id").to_owned())
            .collect();
        versions.sort();
        versions
    };
    let prefix = ["--set", "aws_s3_bucket_prefix=rok-other"];
    let refused = world.deploy(&[&["run", "--yes"], &prefix[..]].concat());
    assert_code(&refused, 1);
    assert!(
        refused.stderr.contains("has 5 versions"),
        "{}",
        refused.stderr
    );
    assert_eq!(versions(), ["v1", "v2", "v3", "v4", "v5"]);

    // One that nobody needs goes, and with the next change our own oldest one does.
    world.root.call(&[
        "iam",
        "delete-policy-version",
        "--policy-arn",
        &arn,
        "--version-id",
        "v3",
    ]);
    assert_code(&world.deploy(&[&["run", "--yes"], &prefix[..]].concat()), 0);
    assert_eq!(versions(), ["v1", "v2", "v4", "v5", "v6"]);
    let prefix = ["--set", "aws_s3_bucket_prefix=rok-third"];
    let plan = world.deploy(&[&["plan"], &prefix[..]].concat());
    assert_code(&plan, 3);
    assert!(
        plan.stdout.contains("deletes oldest policy version"),
        "{}",
        plan.stdout
    );
    assert_code(&world.deploy(&[&["run", "--yes"], &prefix[..]].concat()), 0);
    assert_eq!(versions(), ["v2", "v4", "v5", "v6", "v7"]);
}

/// Names are unique in an account, whatever the path.
#[test]
#[ignore = "needs the peers of tests/run"]
fn what_is_at_another_path_is_found_and_never_moved() {
    let world = World::new();
    let trust = world
        .identity
        .trust("system:serviceaccount:rok:rok")
        .to_string();
    world.root.call(&[
        "iam",
        "create-role",
        "--role-name",
        ROLE,
        "--path",
        "/team/",
        "--assume-role-policy-document",
        &trust,
    ]);
    let plan = world.plan(4);
    let role = planned(&plan, "aws.iam-role");
    let choices = role["choices"].as_array().expect("choices");
    let of = |key: &str| {
        let mut choices = choices.iter().filter(|choice| choice["key"] == key);
        choices.next().expect("a choice")["value"].clone()
    };
    assert_eq!(of("aws_iam_path"), "/team/");
    let kept = format!("aws_adopt={}", of("aws_adopt").as_str().expect("a text"));
    assert!(
        kept.starts_with("aws_adopt=role@"),
        "it cannot be taken over: {kept}"
    );
    assert_code(
        &world.deploy(&["run", "--yes", "--set", "aws_adopt=role"]),
        4,
    );

    let taken = [
        "run",
        "--yes",
        "--set",
        "aws_iam_path=/team/",
        "--set",
        "aws_adopt=role",
    ];
    assert_code(&world.deploy(&taken), 0);
    let storage = "ops/deployments/rok/rok-cluster/overlays/deploy/patches/storage.yaml";
    let storage = fs::read_to_string(world.place.home().join(storage)).expect("it was rendered");
    let arn = format!("AWSRoleARN: arn:aws:iam::{ACCOUNT}:role/team/{ROLE}");
    assert!(storage.contains(&arn), "{storage}");
    assert_code(&world.deploy(&["run", "--yes"]), 0);
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

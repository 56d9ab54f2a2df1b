//! The journey against an AWS that is not ours and refuses as AWS does: ministack, which verifies
//! the signatures of the IAM user that runs it and enforces policies and trust. The practice cloud
//! lends its Kubernetes API and its Git remote.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::rerun::assert_identical;
use crate::support::env::{Output, TestEnv};
use crate::support::identity::{Identity, ROLE, assert_nothing_made_in};
use crate::support::peers::{ACCOUNT, Aws, Keys, Ministack};
use crate::support::runs::{assert_code, git, newest_run, planned, remote_refs, requests, writes};
use crate::support::served::{PracticeCloud, printed};

const REGION: &str = "us-west-2";
const EVERYTHING: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

/// An account with the cluster in it, and an operator's shell.
struct World {
    root: Aws,
    place: TestEnv,
    identity: Identity,
    /// Named last, because the others speak to them.
    practice: PracticeCloud,
    _ministack: Ministack,
}

impl World {
    /// Makes an account whose operator's policy has these statements.
    fn new(statements: &[&str]) -> Self {
        let ministack = Ministack::start(true, REGION);
        let practice = PracticeCloud::start();
        let root = Aws::new(&ministack.endpoint(), REGION, Keys::root());
        root.make_cluster();
        let keys = root.make_user("operator", statements);
        let place = TestEnv::new()
            .with_variable("AWS_ENDPOINT_URL", ministack.endpoint())
            .with_variable("AWS_DEFAULT_REGION", REGION)
            .with_variable("AWS_ACCESS_KEY_ID", keys.id)
            .with_variable("AWS_SECRET_ACCESS_KEY", keys.secret)
            .with_variable("KUBECONFIG", practice.variable("KUBECONFIG"))
            .with_variable("GITOPS_URL", practice.variable("GITOPS_URL"));
        let identity = Identity {
            account: ACCOUNT.to_owned(),
            issuer: practice.issuer(),
        };
        Self {
            root,
            place,
            identity,
            practice,
            _ministack: ministack,
        }
    }

    /// Runs a command that knows where the cluster's API really is, and who issues its tokens.
    fn deploy(&self, arguments: &[&str]) -> Output {
        let issuer = format!("eks_cluster_oidc={}", self.identity.issuer);
        // A Pod of the practice cluster has no way to another AWS than the practice one.
        let elsewhere = [
            "--set",
            "kube_context_accept=yes",
            "--set",
            &issuer,
            "--no-pod",
        ];
        self.place.run(&[arguments, &elsewhere].concat())
    }

    fn make_provider(&self) {
        self.root.call(&[
            "iam",
            "create-open-id-connect-provider",
            "--url",
            &format!("https://{}", self.identity.issuer),
            "--client-id-list",
            "sts.amazonaws.com",
        ]);
    }

    fn role(&self) -> Value {
        self.root.call(&["iam", "get-role", "--role-name", ROLE])
    }

    fn remote(&self) -> String {
        remote_refs(&self.place, self.practice.variable("GITOPS_URL"))
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn the_journey_ends_in_a_proven_identity() {
    let world = World::new(&[EVERYTHING]);
    let before = world.remote();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    let recorded = newest_run(&world.place);

    world.identity.assert_in(&world.root);
    world.identity.assert_tagged_in(&world.root);
    let bucket = format!("{}-chocks-ca", world.identity.bucket_prefix());
    let proof = requests(&world.place);
    let answer = |operation: &str| {
        let request = proof
            .iter()
            .find(|request| request["operation"] == operation);
        request.unwrap_or_else(|| panic!("no {operation} in {proof:?}"))
    };
    assert_eq!(answer("sts:AssumeRoleWithWebIdentity")["status"], 200);
    assert_eq!(answer("s3:ListObjectVersions")["error"], "NoSuchBucket");
    let buckets = world.root.call(&["s3api", "list-buckets"]);
    assert_eq!(buckets["Buckets"], json!([]), "the proof needs no {bucket}");

    let after = world.remote();
    assert_ne!(after, before);
    let clone = world.place.home().join("ops/deployments");
    assert_eq!(git(&world.place, &clone, &["status", "--porcelain"]), "");

    let again = world.deploy(&["run", "--yes"]);
    assert_code(&again, 0);
    assert_eq!(writes(&world.place), [""; 0]);
    assert_eq!(world.remote(), after);
    assert_code(&world.deploy(&["plan"]), 0);

    // Both are done again where none of these servers can be reached.
    let kept = tempfile::tempdir().expect("a temporary folder");
    let runs = [recorded, newest_run(&world.place)].map(|run| taken_along(&run, kept.path()));
    drop(world);
    for run in runs {
        assert_identical(&run);
    }
}

/// Copies a run's folder to where it outlives the world that it was recorded in.
fn taken_along(run: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(run.file_name().expect("a run has an id"));
    fs::create_dir(&copy).expect("the folder is ours");
    for file in fs::read_dir(run).expect("the run has a folder").flatten() {
        fs::copy(file.path(), copy.join(file.file_name())).expect("it can be read");
    }
    copy
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_role_of_others_stays_as_it_is() {
    let world = World::new(&[EVERYTHING]);
    let trust = world.identity.trust("system:serviceaccount:theirs:theirs");
    world.root.call(&[
        "iam",
        "create-role",
        "--role-name",
        ROLE,
        "--assume-role-policy-document",
        &trust.to_string(),
        "--tags",
        "Key=owner,Value=others",
    ]);
    let before = (world.role(), world.remote());

    let plan = world.deploy(&["plan", "--output", "json"]);
    assert_code(&plan, 4);
    assert_eq!(planned(&plan, "aws.iam-role")["finding"], "conflict");
    let run = world.deploy(&["run", "--yes"]);
    assert_code(&run, 4);
    assert!(run.stderr.contains(ROLE), "{}", run.stderr);

    assert_eq!((world.role(), world.remote()), before);
    assert_eq!(writes(&world.place), [""; 0]);
    assert_nothing_made_in(&world.root);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_trust_policy_changed_by_hand_is_shown_and_mended() {
    let world = World::new(&[EVERYTHING]);
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    let (intended, other) = (
        "system:serviceaccount:rok:rok",
        "system:serviceaccount:rok:*",
    );
    world.root.call(&[
        "iam",
        "update-assume-role-policy",
        "--role-name",
        ROLE,
        "--policy-document",
        &world.identity.trust(other).to_string(),
    ]);

    let plan = world.deploy(&["plan"]);
    assert_code(&plan, 3);
    let shown = |mark: &str, subject: &str| {
        let end = format!("\"{subject}\"");
        plan.stdout.lines().any(|line| {
            let line = line.trim();
            line.starts_with(mark) && line.trim_end_matches(',').ends_with(&end)
        })
    };
    assert!(shown("-", other) && shown("+", intended), "{}", plan.stdout);

    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_eq!(
        writes(&world.place),
        ["aws POST iam:UpdateAssumeRolePolicy"]
    );
    world.identity.assert_in(&world.root);
    assert_code(&world.deploy(&["plan"]), 0);
}

/// What somebody else has made under our names, as the AWS CLI makes it.
struct Theirs {
    trust: Value,
    policy: String,
}

impl Theirs {
    /// A role that lets in another service account, and a policy that lets it read.
    fn made_in(world: &World) -> Self {
        let identity = &world.identity;
        let trust = identity.trust("system:serviceaccount:theirs:theirs");
        world.root.call(&[
            "iam",
            "create-role",
            "--role-name",
            ROLE,
            "--assume-role-policy-document",
            &trust.to_string(),
            "--tags",
            "Key=owner,Value=others",
        ]);
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:Get*", "s3:List*"],
                "Resource": "*",
            }],
        });
        world.root.call(&[
            "iam",
            "create-policy",
            "--policy-name",
            ROLE,
            "--policy-document",
            &policy.to_string(),
        ]);
        let policy = identity.policy_arn();
        let attach = [
            "attach-role-policy",
            "--role-name",
            ROLE,
            "--policy-arn",
            &policy,
        ];
        world.root.call(&[&["iam"], &attach[..]].concat());
        Self { trust, policy }
    }

    fn versions(&self, world: &World) -> Value {
        let versions = ["list-policy-versions", "--policy-arn", &self.policy];
        world.root.call(&[&["iam"], &versions[..]].concat())
    }

    /// All that could have been written to.
    fn seen(&self, world: &World) -> [Value; 4] {
        let policy = ["get-policy", "--policy-arn", &self.policy];
        let attached = ["list-attached-role-policies", "--role-name", ROLE];
        [
            world.role(),
            world.root.call(&[&["iam"], &policy[..]].concat()),
            world.root.call(&[&["iam"], &attached[..]].concat()),
            self.versions(world),
        ]
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_others_made_is_taken_over_beside_their_statements() {
    let world = World::new(&[EVERYTHING]);
    let theirs = Theirs::made_in(&world);
    let before = theirs.seen(&world);
    let plan = world.deploy(&["plan"]);
    assert_code(&plan, 4);
    for said in [
        "- trust: ",
        "- permissions: ",
        "`--set aws_adopt=policy,role` does the first of each at once",
    ] {
        assert!(plan.stdout.contains(said), "{said}: {}", plan.stdout);
    }
    assert_code(&world.deploy(&["run", "--yes"]), 4);
    assert_eq!(theirs.seen(&world), before, "nobody has decided");

    let adopt = ["run", "--yes", "--set", "aws_adopt=role,policy"];
    assert_code(&world.deploy(&adopt), 0);
    let role = &world.role()["Role"];
    let statements = role["AssumeRolePolicyDocument"]["Statement"].as_array();
    let statements = statements.expect("a list");
    assert_eq!(statements[0], theirs.trust["Statement"][0], "theirs stays");
    let ours = world.identity.trust("system:serviceaccount:rok:rok");
    assert_eq!(statements[1], ours["Statement"][0]);
    assert_eq!(statements.len(), 2);
    assert_eq!(
        role["RoleId"], before[0]["Role"]["RoleId"],
        "never made anew"
    );
    world.identity.assert_tagged_in(&world.root);
    let versions = theirs.versions(&world);
    assert_eq!(versions["Versions"].as_array().map(Vec::len), Some(2));

    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0], "the decision lasts");
    assert_code(&world.deploy(&["plan"]), 0);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_others_made_is_used_without_a_write_until_it_changes() {
    let world = World::new(&[EVERYTHING]);
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    // It is as good as ours, but it is not.
    let theirs = Theirs {
        trust: world.identity.trust("system:serviceaccount:rok:rok"),
        policy: world.identity.policy_arn(),
    };
    let keys = ["rok-deploy/cluster", "rok-deploy/recipe", "rok-deploy/run"];
    let role = [
        &["iam", "untag-role", "--role-name", ROLE, "--tag-keys"],
        &keys[..],
    ];
    world.root.call(&role.concat());
    let policy = [
        "iam",
        "untag-policy",
        "--policy-arn",
        &theirs.policy,
        "--tag-keys",
    ];
    world.root.call(&[&policy[..], &keys[..]].concat());
    let before = theirs.seen(&world);

    let plan = world.deploy(&["plan", "--output", "json"]);
    assert_code(&plan, 4);
    let kept = |step: &str| {
        let planned = planned(&plan, step);
        let choices = planned["choices"].as_array().expect("choices");
        let mut values = choices.iter().filter_map(|choice| choice["value"].as_str());
        let kept = values.find(|value| value.contains('@'));
        kept.expect("it can be used as it is").to_owned()
    };
    let (role, policy) = (kept("aws.iam-role"), kept("aws.iam-policy"));
    let adopt = format!("aws_adopt={role},{policy}");
    assert_code(&world.deploy(&["run", "--yes", "--set", &adopt]), 0);
    assert_eq!(theirs.seen(&world), before);
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0], "the decision lasts");

    world.root.call(&[
        "iam",
        "update-assume-role-policy",
        "--role-name",
        ROLE,
        "--policy-document",
        &world
            .identity
            .trust("system:serviceaccount:rok:*")
            .to_string(),
    ]);
    let changed = world.deploy(&["run", "--yes"]);
    assert_code(&changed, 4);
    let said = format!("was accepted as `{role}`");
    assert!(changed.stderr.contains(&said), "{}", changed.stderr);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_boundary_is_put_on_and_another_one_is_left_to_a_decision() {
    let world = World::new(&[EVERYTHING]);
    let everything = format!(r#"{{"Version":"2012-10-17","Statement":[{EVERYTHING}]}}"#);
    let bounds = ["one", "two"].map(|name| {
        let create = ["create-policy", "--policy-name", name, "--policy-document"];
        let made = world
            .root
            .call(&[&["iam"], &create[..], &[&everything]].concat());
        made["Policy"]["Arn"].as_str().expect("an ARN").to_owned()
    });
    let boundary = || {
        let role = world.role();
        role["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"].clone()
    };
    let bounded = |arn: &str| format!("aws_permissions_boundary={arn}");
    let one = bounded(&bounds[0]);
    assert_code(&world.deploy(&["run", "--yes", "--set", &one]), 0);
    assert_eq!(boundary(), bounds[0].as_str());
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_eq!(
        writes(&world.place),
        [""; 0],
        "the boundary is an answer that lasts"
    );

    let without = ["--set", "aws_permissions_boundary="];
    let plan = world.deploy(&[&["plan"], &without[..]].concat());
    assert_code(&plan, 4);
    assert!(
        plan.stdout.contains(&format!("`--set {one}`")),
        "{}",
        plan.stdout
    );
    let two = bounded(&bounds[1]);
    assert_code(&world.deploy(&["run", "--yes", "--set", &two]), 0);
    assert_eq!(boundary(), bounds[1].as_str());
    let taken = [&["run", "--yes", "--set", "aws_adopt=role"], &without[..]];
    assert_code(&world.deploy(&taken.concat()), 0);
    assert_eq!(boundary(), Value::Null);
}

impl World {
    /// What the account holds of IAM and of buckets.
    fn account(&self) -> [Value; 4] {
        let calls = [
            &["iam", "list-roles"][..],
            &["iam", "list-policies", "--scope", "Local"],
            &["iam", "list-open-id-connect-providers"],
            &["s3api", "list-buckets"],
        ];
        calls.map(|call| {
            let mut answer = self.root.call(call);
            // How often a role was used is no part of what it is.
            for role in answer["Roles"].as_array_mut().into_iter().flatten() {
                role.as_object_mut().expect("a role").remove("RoleLastUsed");
            }
            answer
        })
    }

    /// A policy of another installation, as the AWS CLI makes it.
    fn neighbour(&self, name: &str, prefix: &str) {
        let document = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{prefix}*"), format!("arn:aws:s3:::{prefix}*/*")],
        }]});
        self.root.call(&[
            "iam",
            "create-policy",
            "--policy-name",
            name,
            "--policy-document",
            &document.to_string(),
            "--tags",
            &format!("Key=rok-deploy/cluster,Value={name}"),
            "Key=rok-deploy/recipe,Value=rok-eks",
        ]);
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_teardown_leaves_the_account_as_it_was_and_can_be_followed_by_a_run() {
    let world = World::new(&[EVERYTHING]);
    world.neighbour("rok-far", "rok-somewhere-else");
    let before = world.account();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    assert_ne!(world.account(), before);
    let declined = world
        .place
        .run(&["teardown", "--set", "kube_context_accept=yes"]);
    assert_code(&declined, 2);

    assert_code(&world.deploy(&["teardown", "--yes"]), 0);
    let removals = [
        "aws POST iam:DetachRolePolicy",
        "aws POST iam:DeletePolicy",
        "aws POST iam:DeleteRole",
        "aws POST iam:DeleteOpenIDConnectProvider",
    ];
    let sent = writes(&world.place);
    for removal in removals {
        assert!(
            sent.iter().any(|line| line == removal),
            "{removal}: {sent:?}"
        );
    }
    assert_eq!(world.account(), before);
    assert_code(&world.deploy(&["teardown", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    world.identity.assert_in(&world.root);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_others_have_hung_on_the_role_is_left_and_named() {
    let world = World::new(&[EVERYTHING]);
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    world.neighbour("theirs", "theirs");
    let theirs = format!("arn:aws:iam::{ACCOUNT}:policy/theirs");
    let attach = ["iam", "attach-role-policy", "--role-name", ROLE];
    world
        .root
        .call(&[&attach[..], &["--policy-arn", &theirs]].concat());
    let trust = world.role()["Role"]["AssumeRolePolicyDocument"].clone();

    let torn_down = world.deploy(&["teardown", "--yes"]);
    assert_code(&torn_down, 0);
    let told = format!("{}{}", torn_down.stdout, torn_down.stderr);
    assert!(told.contains("policy `theirs`"), "{told}");
    assert_eq!(world.role()["Role"]["AssumeRolePolicyDocument"], trust);
    let attached = ["iam", "list-attached-role-policies", "--role-name", ROLE];
    let attached = world.root.call(&attached);
    assert_eq!(attached["AttachedPolicies"][0]["PolicyName"], "theirs");
    assert_eq!(attached["AttachedPolicies"][1], Value::Null);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_teardown_without_the_right_ends_with_six_and_goes_on_later() {
    let world = World::new(&[EVERYTHING]);
    let before = world.account();
    assert_code(&world.deploy(&["run", "--yes"]), 0);
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:DeleteRole","Resource":"*"}]}"#;
    let named = ["--user-name", "operator", "--policy-name", "denied"];
    let put = ["iam", "put-user-policy", "--policy-document", deny];
    world.root.call(&[&put[..], &named].concat());
    let refused = world.deploy(&["teardown", "--yes"]);
    assert_code(&refused, 6);
    assert!(
        refused.stderr.contains("iam:DeleteRole"),
        "{}",
        refused.stderr
    );
    let give = ["iam", "delete-user-policy"];
    world.root.call(&[&give[..], &named].concat());
    assert_code(&world.deploy(&["resume", "--yes"]), 0);
    assert_eq!(world.account(), before);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn prefixes_and_buckets_of_others_stop_a_run_before_its_first_write() {
    let world = World::new(&[EVERYTHING]);
    let prefix = world.identity.bucket_prefix();
    let bucket = format!("{prefix}2-data");
    let region = "LocationConstraint=us-west-2";
    let create = ["s3api", "create-bucket", "--create-bucket-configuration"];
    world
        .root
        .call(&[&create[..], &[region, "--bucket", &bucket]].concat());
    world.neighbour("rok-two", &format!("{prefix}2"));
    world.neighbour("rok-short", prefix.trim_end_matches("-cluster"));
    let before = world.account();

    let refused = world.deploy(&["run", "--yes"]);
    assert_code(&refused, 4);
    for part in [
        format!("takes in `{prefix}2` of `rok-two` of cluster `rok-two`"),
        "of `rok-short` of cluster `rok-short`".into(),
        format!("`{bucket}`"),
        "--set aws_overlap_accept=yes".into(),
    ] {
        assert!(refused.stderr.contains(&part), "{part}: {}", refused.stderr);
    }
    assert_eq!(writes(&world.place), [""; 0]);
    assert_eq!(world.account(), before);

    // The names that are proposed are free, and taken as they are.
    let start = refused.stderr.find("--set aws_s3_bucket_prefix=");
    let start = start.expect("safe names are proposed");
    let end = refused.stderr[start..].find('`').expect("the command ends");
    let proposed: Vec<_> = refused.stderr[start..start + end].split(' ').collect();
    assert_code(&world.deploy(&[&["plan"], &proposed[..]].concat()), 3);

    assert_code(
        &world.deploy(&["run", "--yes", "--set", "aws_overlap_accept=yes"]),
        0,
    );
    world.identity.assert_in(&world.root);
    // What is there is no reason to stop any more, and is told.
    let again = world.deploy(&["run", "--yes"]);
    assert_code(&again, 0);
    assert!(again.stderr.contains("`rok-two`"), "{}", again.stderr);
    assert_eq!(writes(&world.place), [""; 0]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_stack_ends_in_the_same_proven_identity() {
    let world = World::new(&[EVERYTHING]);
    // Its stacks do not know providers; one that is there is left out of the stack.
    world.make_provider();
    let method = ["--set", "aws_identity_method=cloudformation"];
    let deploy = |command: &[&str]| world.deploy(&[command, &method].concat());
    assert_code(&deploy(&["run", "--yes"]), 0);
    world.identity.assert_in(&world.root);
    let stack = |what: &str| {
        let describe = ["cloudformation", "describe-stacks", "--stack-name", ROLE];
        world.root.call(&describe)["Stacks"][0][what].clone()
    };
    assert_eq!(stack("StackStatus"), "CREATE_COMPLETE");
    let tags = stack("Tags").to_string();
    assert!(tags.contains("rok-deploy/cluster"), "{tags}");

    assert_code(&deploy(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);
    assert_code(&deploy(&["plan"]), 0);

    let other = ["run", "--yes", "--set", "aws_s3_bucket_prefix=rok-other"];
    assert_code(&deploy(&other), 0);
    assert_eq!(stack("StackStatus"), "UPDATE_COMPLETE");
    assert_code(&deploy(&other), 0);
    assert_eq!(writes(&world.place), [""; 0]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_stack_of_others_is_taken_over_by_an_update() {
    let world = World::new(&[EVERYTHING]);
    world.make_provider();
    let method = ["--set", "aws_identity_method=cloudformation"];
    let deploy = |command: &[&str]| world.deploy(&[command, &method].concat());
    assert_code(&deploy(&["run", "--yes"]), 0);
    let clone = world.place.home().join("ops/deployments");
    let ours = fs::read_to_string(clone.join("rok/eks/s3-iam-resources.yaml"));
    let ours = ours.expect("it was committed");
    let delete = ["cloudformation", "delete-stack", "--stack-name", ROLE];
    printed(&mut world.root.command(&delete));
    // Theirs is made by hand from what was another template of the same shape.
    let theirs = ours
        .replace("rok-deploy/", "theirs/")
        .replace("s3:*", "s3:Get*");
    let template = world.place.home().join("theirs.yaml");
    fs::write(&template, theirs).expect("the home is writable");
    let body = format!("file://{}", template.display());
    let create = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        ROLE,
        "--capabilities",
        "CAPABILITY_NAMED_IAM",
        "--template-body",
        &body,
    ];
    world.root.call(&create);
    let refused = deploy(&["run", "--yes"]);
    assert_code(&refused, 4);
    assert!(refused.stderr.contains("permissions: "), "{refused:?}");
    assert_eq!(writes(&world.place), [""; 0]);

    assert_code(&deploy(&["run", "--yes", "--set", "aws_adopt=stack"]), 0);
    world.identity.assert_in(&world.root);
    assert_code(&deploy(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);
}

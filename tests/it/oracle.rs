//! Clients that are not ours read the practice cloud after a run: aws, kubectl and git see what the
//! run said it made, and get the answers that the real clouds give.

use std::fs;

use serde_json::{Value, json};

use crate::support::env::{Output, TestEnv};
use crate::support::identity::{Identity, ROLE};
use crate::support::peers::{Aws, CLUSTER, Keys};
use crate::support::runs::{assert_code, git, writes};
use crate::support::served::PracticeCloud;

const ACCOUNT: &str = "123451234512";
const REGION: &str = "us-west-2";

/// The practice cloud with the environment file sourced, after a whole run.
struct World {
    practice: PracticeCloud,
    place: TestEnv,
    aws: Aws,
    identity: Identity,
    run: Output,
}

impl World {
    fn after_a_run() -> Self {
        let practice = PracticeCloud::start();
        let sourced = practice.variables().iter();
        let place = sourced.fold(TestEnv::new(), |place, (name, value)| {
            place.with_variable(name, value)
        });
        let run = place.run(&["run", "--yes", "--output", "json"]);
        assert_code(&run, 0);
        // The run has taken its own away again; by hand, as documented, it comes back.
        let account = "ops/deployments/rok/rok-test/rok-verify-service-account-eks.yaml";
        let account = place.home().join(account).display().to_string();
        practice.kubectl(&["create", "-f", &account]);
        Self {
            identity: Identity {
                account: ACCOUNT.to_owned(),
                issuer: practice.issuer(),
            },
            aws: practice.aws(),
            practice,
            place,
            run,
        }
    }

    /// The names of what the run said it did to targets of this kind.
    fn said(&self, verb: &str, target: &str) -> Vec<String> {
        let events = self.run.stdout.lines();
        let events = events.map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        let acting = events.filter(|line| line["event"]["kind"] == "step_acting");
        let changes = acting.flat_map(|line| {
            let changes = line["event"]["changes"].as_array();
            changes.expect("an act has changes").clone()
        });
        changes
            .filter(|change| change["verb"] == verb && change["target"] == target)
            .map(|change| {
                change["name"]
                    .as_str()
                    .expect("a change has a name")
                    .to_owned()
            })
            .collect()
    }

    /// The session that a service account's token is good for.
    fn session(&self) -> Session {
        let token = self.practice.kubectl(&[
            "create",
            "token",
            "rok",
            "-n",
            "rok",
            "--audience",
            "sts.amazonaws.com",
        ]);
        let answer = self.aws.call(&[
            "sts",
            "assume-role-with-web-identity",
            "--role-arn",
            &self.identity.role_arn(),
            "--role-session-name",
            "oracle",
            "--web-identity-token",
            token.trim(),
        ]);
        assert_eq!(
            answer["SubjectFromWebIdentityToken"],
            "system:serviceaccount:rok:rok"
        );
        let part = |name: &str| {
            let part = answer["Credentials"][name].as_str();
            part.expect("a session has credentials").to_owned()
        };
        Session {
            aws: Aws::new(
                self.practice.variable("AWS_ENDPOINT_URL"),
                REGION,
                Keys {
                    id: part("AccessKeyId"),
                    secret: part("SecretAccessKey"),
                },
            )
            .with_session(part("SessionToken")),
        }
    }
}

/// The AWS CLI as Rok's service account.
struct Session {
    aws: Aws,
}

impl Session {
    /// The refusal of a call, as the CLI words it.
    fn assert_refused(&self, arguments: &[&str], words: &str) {
        let refusal = self.aws.refusal(arguments);
        assert_eq!(refusal.trim().trim_start_matches("aws: [ERROR]: "), words);
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn aws_reads_what_the_run_made() {
    let world = World::after_a_run();
    let caller = world.aws.call(&["sts", "get-caller-identity"]);
    assert_eq!(caller["Account"], ACCOUNT);
    let clusters = world.aws.call(&["eks", "list-clusters"]);
    assert_eq!(clusters["clusters"], json!([CLUSTER]));
    let cluster = world
        .aws
        .call(&["eks", "describe-cluster", "--name", CLUSTER]);
    assert_eq!(
        cluster["cluster"]["identity"]["oidc"]["issuer"],
        format!("https://{}", world.identity.issuer)
    );

    let refusal = ["eks", "describe-cluster", "--name", "nowhere"];
    assert!(world.aws.refusal(&refusal).ends_with(
        "An error occurred (ResourceNotFoundException) when calling the DescribeCluster \
         operation: No cluster found for name: nowhere.\n"
    ));

    world.identity.assert_in(&world.aws);
    world.identity.assert_tagged_in(&world.aws);
    let providers = world.aws.call(&["iam", "list-open-id-connect-providers"]);
    assert_eq!(
        providers["OpenIDConnectProviderList"],
        json!([{"Arn": world.identity.provider_arn()}])
    );
    assert_eq!(
        world.said("create", "OIDC provider"),
        [world.identity.provider_arn()]
    );
    assert_eq!(world.said("create", "role"), [ROLE]);
    assert_eq!(world.said("create", "policy"), [ROLE]);

    assert_code(&world.place.run(&["run", "--yes"]), 0);
    assert_eq!(writes(&world.place), [""; 0]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn aws_gets_as_far_as_the_policy_goes_and_no_farther() {
    let world = World::after_a_run();
    let rok = world.session();
    let prefix = world.identity.bucket_prefix();
    // The Pod of the run has made the first one.
    let first = format!("{prefix}-chocks-ca");
    let versions = rok
        .aws
        .call(&["s3api", "list-object-versions", "--bucket", &first]);
    assert_eq!(versions["Versions"], Value::Null);
    let bucket = format!("{prefix}-objects");
    let list = ["s3api", "list-object-versions", "--bucket", &bucket];
    rok.assert_refused(
        &list,
        "An error occurred (NoSuchBucket) when calling the ListObjectVersions operation: \
         The specified bucket does not exist",
    );
    assert!(rok.aws.call(&create_bucket(&bucket))["Location"].is_string());
    let versions = rok.aws.call(&list);
    assert_eq!(versions["Versions"], Value::Null);

    let body = world.place.home().join("body");
    fs::write(&body, "hello").expect("the home is writable");
    let body = body.display().to_string();
    rok.aws.call(&[
        "s3api",
        "put-object",
        "--bucket",
        &bucket,
        "--key",
        "dir/hello",
        "--body",
        &body,
    ]);
    assert_eq!(rok.aws.call(&list)["Versions"][0]["Key"], "dir/hello");

    rok.assert_refused(
        &create_bucket("elsewhere"),
        "An error occurred (AccessDenied) when calling the CreateBucket operation: Access Denied",
    );
    rok.assert_refused(
        &["s3api", "list-object-versions", "--bucket", "elsewhere"],
        "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access Denied",
    );
    rok.assert_refused(
        &["s3api", "list-buckets"],
        "An error occurred (AccessDenied) when calling the ListBuckets operation: Access Denied",
    );
    let buckets = world.aws.call(&["s3api", "list-buckets"]);
    let names: Vec<_> = [0, 1]
        .map(|place| buckets["Buckets"][place]["Name"].clone())
        .into();
    assert_eq!(names, [first, bucket]);
}

fn create_bucket(name: &str) -> [&str; 6] {
    [
        "s3api",
        "create-bucket",
        "--bucket",
        name,
        "--create-bucket-configuration",
        "LocationConstraint=us-west-2",
    ]
}

/// What only Rok's own service account may do, with the audience of STS.
#[test]
#[ignore = "needs the peers of tests/run"]
fn aws_refuses_the_tokens_of_others() {
    let world = World::after_a_run();
    let token = |namespace: &str, account: &str, audience: &str| {
        world.practice.kubectl(&[
            "create",
            "token",
            account,
            "-n",
            namespace,
            "--audience",
            audience,
        ])
    };
    let refusal = |token: &str| {
        world.aws.refusal(&[
            "sts",
            "assume-role-with-web-identity",
            "--role-arn",
            &world.identity.role_arn(),
            "--role-session-name",
            "oracle",
            "--web-identity-token",
            token.trim(),
        ])
    };
    let other = refusal(&token("rok", "default", "sts.amazonaws.com"));
    assert!(
        other.contains(
            "(AccessDenied) when calling the AssumeRoleWithWebIdentity operation: \
             Not authorized to perform sts:AssumeRoleWithWebIdentity"
        ),
        "{other}"
    );
    let audience = refusal(&token("rok", "rok", "vault"));
    assert!(audience.contains("(InvalidIdentityToken)"), "{audience}");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn kubectl_reads_what_the_run_made() {
    let world = World::after_a_run();
    let names = ["get", "ns", "rok", "rok-system", "-o", "name"];
    assert_eq!(
        world.practice.kubectl(&names),
        "namespace/rok\nnamespace/rok-system\n"
    );
    assert_eq!(world.said("create", "namespace"), ["rok", "rok-system"]);

    let account = ["get", "sa", "rok", "-n", "rok", "-o"];
    let yaml = world.practice.kubectl(&[&account[..], &["yaml"]].concat());
    assert!(yaml.contains("kind: ServiceAccount"), "{yaml}");
    let account = world.practice.kubectl(&[&account[..], &["json"]].concat());
    let account: Value = serde_json::from_str(&account).expect("kubectl prints JSON");
    let metadata = &account["metadata"];
    assert_eq!(
        metadata["annotations"]["eks.amazonaws.com/role-arn"],
        world.identity.role_arn()
    );
    assert_eq!(
        metadata["labels"]["app.kubernetes.io/part-of"],
        "rok-verify"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn git_reads_what_the_run_pushed() {
    let world = World::after_a_run();
    let home = world.place.home();
    let url = world.practice.variable("GITOPS_URL");
    git(&world.place, home, &["clone", "-q", url, "reader"]);
    let reader = home.join("reader");
    let read = |arguments: &[&str]| git(&world.place, &reader, arguments);
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();

    let commits = lines(read(&["log", "--reverse", "--format=%s"]));
    let ours = [
        "Update CloudFormation stack to authorize Rok on S3 buckets",
        "Create Cloud Identity",
        "Update Rok manifests",
        "Configure Pod and SA to verify storage access",
    ];
    assert_eq!(commits[1..], ours);
    assert_eq!(world.said("commit", "files"), ours);
    let author = format!(
        "Rok Deploy v{} <no-reply@arrikto.com>, Operator <operator@example.com>",
        env!("CARGO_PKG_VERSION")
    );
    let people = lines(read(&["log", "-4", "--format=%an <%ae>, %cn <%ce>"]));
    assert_eq!(people, [author.as_str(); 4]);
    let steps = lines(read(&[
        "log",
        "-4",
        "--reverse",
        "--format=%(trailers:key=Rok-Deploy-Step,valueonly,separator=%x2C)",
    ]));
    assert_eq!(
        steps,
        [
            "aws.stack-template",
            "gitops.env",
            "rok.storage-patch,rok.configvars-patch",
            "rok.verify-manifests"
        ]
    );

    let tags = world.said("tag", "commit");
    let messages = [
        "Create Cloud Identity",
        "Authorize Access to Object Storage on AWS",
    ];
    let listed: Vec<_> = lines(read(&["tag", "-n"]))
        .iter()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(tag, message)| (tag.to_owned(), message.trim().to_owned()))
        .collect();
    let said: Vec<_> = tags
        .iter()
        .zip(messages)
        .map(|(tag, message)| (tag.clone(), message.to_owned()))
        .collect();
    assert_eq!(listed, said);
    for tag in &tags {
        assert_eq!(read(&["cat-file", "-t", tag]), "tag\n");
    }
    let identity = read(&["show", "HEAD:deploy/env.cloudidentity"]);
    let prefix = world.identity.bucket_prefix();
    assert!(identity.contains(&prefix), "{identity}");
}

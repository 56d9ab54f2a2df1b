//! The AWS client against `moto_server`, somebody else's idea of AWS, as `tests/run` installs it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::clients::wire::WireLog;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example/id/A B+C"},"Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::rok-*"}]}"#;

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn roles_are_created_changed_and_read_back() {
    let moto = Moto::start();
    let wire = WireLog::in_memory();
    let aws = Aws::connect(&moto.settings(), wire.clone()).await.unwrap();
    assert_eq!(aws.role("rok").await.unwrap(), None);
    assert_eq!(aws.attached_policies("rok").await.unwrap(), None);

    let role = new_role("rok", "/ops/");
    let created = aws.create_role(role.clone()).await.unwrap();
    assert_eq!(created.arn, "arn:aws:iam::123456789012:role/ops/rok");
    aws.tag_role("rok", &tags(&[("rok-deploy/run", "2"), ("more", "x y/z")]))
        .await
        .unwrap();
    let read = aws.role("rok").await.unwrap().unwrap();
    assert_eq!(read.trust_policy, TRUST);
    assert_eq!(read.path, "/ops/");
    assert_eq!(
        read.permissions_boundary.as_deref(),
        Some("arn:aws:iam::123456789012:policy/bound")
    );
    assert_eq!(
        read.tags,
        tags(&[("rok-deploy/run", "2"), ("more", "x y/z")])
    );

    let other = TRUST.replace("A B+C", "other");
    aws.update_trust_policy("rok", &other).await.unwrap();
    assert_eq!(aws.role("rok").await.unwrap().unwrap().trust_policy, other);

    let error = aws.create_role(role).await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::AlreadyExists);
    assert_eq!(error.code.as_deref(), Some("EntityAlreadyExists"));
    let last = wire.records().pop().unwrap();
    assert_eq!(last.operation, "iam:CreateRole");
    assert_eq!(last.error.as_deref(), Some("EntityAlreadyExists"));
    assert!(last.write);
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn policies_keep_versions_and_refuse_a_sixth() {
    let moto = Moto::start();
    let aws = moto.aws().await;
    let arn = "arn:aws:iam::123456789012:policy/ops/rok";
    assert_eq!(aws.policy(arn).await.unwrap(), None);
    let created = aws.create_policy(new_policy("rok")).await.unwrap();
    assert_eq!(created.arn, arn);
    let read = aws.policy(arn).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.path.as_str()), ("rok", "/ops/"));
    assert_eq!(read.tags, tags(&[("rok-deploy/run", "1")]));
    assert_eq!(
        aws.policy_document(arn, &read.default_version)
            .await
            .unwrap(),
        DOCUMENT
    );

    let next = DOCUMENT.replace("rok-*", "rok-é*");
    for version in 2..=5 {
        let id = aws.create_policy_version(arn, &next).await.unwrap();
        assert_eq!(id, format!("v{version}"));
    }
    let error = aws.create_policy_version(arn, &next).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("LimitExceeded"));
    aws.delete_policy_version(arn, "v1").await.unwrap();
    let versions = aws.policy_versions(arn).await.unwrap();
    assert_eq!(versions.len(), 4);
    let default = versions.iter().find(|version| version.is_default).unwrap();
    assert_eq!(default.id, "v5");
    assert!(default.created.is_some());
    assert_eq!(aws.policy_document(arn, "v5").await.unwrap(), next);

    aws.tag_policy(arn, &tags(&[("rok-deploy/run", "2")]))
        .await
        .unwrap();
    let tagged = aws.policy(arn).await.unwrap().unwrap();
    assert_eq!(tagged.tags, tags(&[("rok-deploy/run", "2")]));

    let mut malformed = new_policy("bad");
    malformed.document = "{}".into();
    let error = aws.create_policy(malformed).await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Invalid, "{error}");
    assert_eq!(error.code.as_deref(), Some("MalformedPolicyDocument"));
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn attachments_are_read_over_all_pages() {
    let moto = Moto::start();
    let wire = WireLog::in_memory();
    let aws = Aws::connect(&moto.settings(), wire.clone()).await.unwrap();
    aws.create_role(new_role("rok", "/")).await.unwrap();
    // More than the hundred that a page holds.
    for number in 0..105 {
        let policy = aws
            .create_policy(new_policy(&format!("p{number}")))
            .await
            .unwrap();
        aws.attach_role_policy("rok", &policy.arn).await.unwrap();
    }
    let before = wire.requests();
    let attached = aws.attached_policies("rok").await.unwrap().unwrap();
    assert_eq!(attached.len(), 105);
    assert_eq!(wire.requests() - before, 2);

    let error = aws
        .attach_role_policy("rok", "arn:aws:iam::123456789012:policy/none")
        .await
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::NotFound);
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn providers_are_created_without_a_thumbprint() {
    let moto = Moto::start();
    let aws = moto.aws().await;
    let arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/ABC";
    assert_eq!(aws.oidc_provider(arn).await.unwrap(), None);
    let created = aws
        .create_oidc_provider(
            "https://oidc.example/id/ABC",
            &["sts.amazonaws.com"],
            &tags(&[("rok-deploy/run", "1")]),
        )
        .await
        .unwrap();
    assert_eq!(created, arn);
    let provider = aws.oidc_provider(arn).await.unwrap().unwrap();
    assert_eq!(provider.url, "oidc.example/id/ABC");
    assert_eq!(provider.client_ids, ["sts.amazonaws.com"]);
    assert_eq!(provider.tags, tags(&[("rok-deploy/run", "1")]));
    assert_eq!(aws.list_oidc_providers().await.unwrap(), [arn]);
    let again = aws
        .create_oidc_provider("https://oidc.example/id/ABC", &[], &Tags::new())
        .await;
    assert_eq!(again.unwrap_err().kind, AwsErrorKind::AlreadyExists);
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn buckets_and_clusters_answer_as_documented() {
    let moto = Moto::start();
    let aws = moto.aws().await;
    assert_eq!(aws.caller_identity().await.unwrap().account, "123456789012");
    let session = aws
        .assume_role_with_web_identity("arn:aws:iam::123456789012:role/rok", "proof", "a.b.c")
        .await
        .unwrap();
    assert!(session.expires > jiff::Timestamp::now());

    let missing = aws.list_object_versions("rok-b", Some(&session)).await;
    assert_eq!(missing.unwrap_err().code.as_deref(), Some("NoSuchBucket"));
    aws.create_bucket("rok-b", "us-west-2", Some(&session))
        .await
        .unwrap();
    let listing = aws.list_object_versions("rok-b", Some(&session)).await;
    assert_eq!(listing.unwrap(), VersionListing { versions: 0 });
    let again = aws.create_bucket("rok-b", "us-west-2", None).await;
    assert_eq!(again.unwrap_err().kind, AwsErrorKind::AlreadyExists);
    assert_eq!(aws.list_buckets().await.unwrap(), ["rok-b"]);

    assert_eq!(aws.cluster("absent").await.unwrap(), None);
    for number in 0..101 {
        aws.inner
            .eks
            .create_cluster()
            .name(format!("c{number:03}"))
            .role_arn("arn:aws:iam::123456789012:role/eks")
            .resources_vpc_config(
                aws_sdk_eks::types::VpcConfigRequest::builder()
                    .subnet_ids("subnet-1")
                    .build(),
            )
            .send()
            .await
            .unwrap();
    }
    assert_eq!(aws.list_clusters().await.unwrap().len(), 101);
    let cluster = aws.cluster("c042").await.unwrap().unwrap();
    assert_eq!(cluster.status, "ACTIVE");
    assert!(cluster.issuer.unwrap().starts_with("https://oidc.eks."));
}

/// A server of its own for each test; it dies with it.
struct Moto {
    process: Child,
    url: String,
}

impl Moto {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(installed())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/run has installed moto_server");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto_server did not start");
            thread::sleep(Duration::from_millis(50));
        }
        Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    fn settings(&self) -> AwsSettings {
        AwsSettings {
            region: Some("us-west-2".into()),
            endpoint_url: Some(self.url.clone()),
            static_credentials: Some(("AKIATEST".into(), "test".into())),
            ..AwsSettings::default()
        }
    }

    async fn aws(&self) -> Aws {
        Aws::connect(&self.settings(), WireLog::new())
            .await
            .unwrap()
    }
}

fn installed() -> PathBuf {
    let peers = std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    );
    peers.join("moto/bin/moto_server")
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn new_role(name: &str, path: &str) -> NewRole {
    NewRole {
        name: name.into(),
        path: path.into(),
        trust_policy: TRUST.into(),
        permissions_boundary: Some("arn:aws:iam::123456789012:policy/bound".into()),
        description: Some("for a test".into()),
        tags: tags(&[("rok-deploy/run", "1")]),
    }
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn stacks_are_made_by_change_sets_and_read_back() {
    const TEMPLATE: &str = "Resources: { Policy: { Type: AWS::IAM::ManagedPolicy, Properties: { \
                            ManagedPolicyName: rok, PolicyDocument: { Version: '2012-10-17', \
                            Statement: [{ Effect: Allow, Action: 's3:*', Resource: '*' }] } } } }";
    let moto = Moto::start();
    let wire = WireLog::in_memory();
    let aws = Aws::connect(&moto.settings(), wire.clone()).await.unwrap();
    assert_eq!(aws.stack("rok").await.unwrap(), None);
    assert_eq!(aws.stack_resources("rok").await.unwrap(), None);
    assert_eq!(aws.stack_template("rok").await.unwrap(), None);
    assert_eq!(aws.change_set("rok", "first").await.unwrap(), None);

    let set = NewChangeSet {
        stack: "rok".into(),
        name: "first".into(),
        template: TEMPLATE.into(),
        creates: true,
        reverts_drift: false,
        tags: tags(&[("rok-deploy/cluster", "arrikto-cluster")]),
    };
    aws.create_change_set(set).await.unwrap();
    let found = aws.change_set("rok", "first").await.unwrap().unwrap();
    assert_eq!(found.status, "CREATE_COMPLETE");
    assert!(!found.is_empty());
    assert_eq!(found.changes[0].action, "Add");
    assert_eq!(found.changes[0].logical_id, "Policy");
    let stack = aws.stack("rok").await.unwrap().unwrap();
    assert_eq!(stack.status, "REVIEW_IN_PROGRESS");

    aws.execute_change_set("rok", "first").await.unwrap();
    let stack = aws.stack("rok").await.unwrap().unwrap();
    assert_eq!(stack.status, "CREATE_COMPLETE");
    assert_eq!(stack.tags["rok-deploy/cluster"], "arrikto-cluster");
    let deployed = aws.stack_template("rok").await.unwrap().unwrap();
    assert!(deployed.contains("AWS::IAM::ManagedPolicy"), "{deployed}");
    let resources = aws.stack_resources("rok").await.unwrap().unwrap();
    assert_eq!(resources[0].kind, "AWS::IAM::ManagedPolicy");
    let events = aws.stack_events("rok", 1).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].status, "CREATE_COMPLETE");

    aws.delete_stack("rok").await.unwrap();
    assert_eq!(aws.stack("rok").await.unwrap(), None);
    aws.delete_stack("rok").await.unwrap();
    let writes = wire.records().into_iter().filter(|record| record.write);
    let writes: Vec<_> = writes.map(|record| record.operation).collect();
    assert_eq!(
        writes,
        [
            "cloudformation:CreateChangeSet",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DeleteStack"
        ]
    );
}

fn new_policy(name: &str) -> NewPolicy {
    NewPolicy {
        name: name.into(),
        path: "/ops/".into(),
        document: DOCUMENT.into(),
        description: None,
        tags: tags(&[("rok-deploy/run", "1")]),
    }
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

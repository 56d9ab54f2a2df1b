//! The third-party programs themselves: they start, answer as we rely on, and leave nothing behind.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::env::{TestEnv, finish};
use crate::support::peers::{ACCOUNT, Aws, CLUSTER, Keys, Ministack, Moto, j2, kubectl};

const REGION: &str = "us-west-2";
const DEADLINE: Duration = Duration::from_mins(1);

fn assert_port_is_free(endpoint: &str) {
    let address = endpoint
        .strip_prefix("http://")
        .expect("peers speak plain HTTP");
    TcpListener::bind(address)
        .unwrap_or_else(|error| panic!("{address} is not free again: {error}"));
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn ministack_starts_answers_and_leaves() {
    let peer = Ministack::start(false, REGION);
    let aws = Aws::new(&peer.endpoint(), REGION, Keys::root());
    assert_eq!(
        aws.call(&["sts", "get-caller-identity"])["Account"],
        ACCOUNT
    );

    let endpoint = peer.endpoint();
    drop(peer);
    assert_port_is_free(&endpoint);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn moto_starts_answers_and_leaves() {
    let peer = Moto::start();
    let aws = Aws::new(&peer.endpoint(), REGION, Keys::root());
    assert_eq!(
        aws.call(&["sts", "get-caller-identity"])["Account"],
        ACCOUNT
    );

    let endpoint = peer.endpoint();
    drop(peer);
    assert_port_is_free(&endpoint);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn both_aws_peers_hold_a_cluster_with_an_issuer() {
    let ministack = Ministack::start(true, REGION);
    let moto = Moto::start();
    for endpoint in [ministack.endpoint(), moto.endpoint()] {
        let cluster = Aws::new(&endpoint, REGION, Keys::root()).make_cluster();
        assert_eq!(cluster["name"], CLUSTER);
        assert_eq!(cluster["status"], "ACTIVE");
        let issuer = cluster["identity"]["oidc"]["issuer"]
            .as_str()
            .expect("a cluster has an issuer");
        assert!(issuer.contains("/id/"), "{issuer}");
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn ministack_verifies_the_signature_of_an_iam_user() {
    let peer = Ministack::start(true, REGION);
    let keys = Aws::new(&peer.endpoint(), REGION, Keys::root()).make_admin("operator");

    let admin = Aws::new(&peer.endpoint(), REGION, keys.clone());
    let caller = admin.call(&["sts", "get-caller-identity"]);
    assert_eq!(
        caller["Arn"],
        format!("arn:aws:iam::{ACCOUNT}:user/operator")
    );

    let forger = Aws::new(
        &peer.endpoint(),
        REGION,
        Keys {
            secret: "wrong".to_owned(),
            ..keys
        },
    );
    assert!(
        forger
            .refusal(&["iam", "list-roles"])
            .contains("SignatureDoesNotMatch")
    );
}

/// What the launcher is for: the audience of a service account's token is a list.
#[test]
#[ignore = "needs the peers of tests/run"]
fn ministack_reads_the_audience_of_a_service_account_token() {
    let peer = Ministack::start(true, REGION);
    let aws = Aws::new(&peer.endpoint(), REGION, Keys::root());
    let cluster = aws.make_cluster();
    let issuer = cluster["identity"]["oidc"]["issuer"]
        .as_str()
        .expect("a cluster has an issuer");
    let (_, provider) = issuer.split_once("://").expect("an issuer is a URL");
    let subject = "system:serviceaccount:rok:rok";
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{provider}:sub"): subject,
                format!("{provider}:aud"): "sts.amazonaws.com",
            }},
        }],
    });
    aws.call(&[
        "iam",
        "create-role",
        "--role-name",
        "rok",
        "--assume-role-policy-document",
        &trust.to_string(),
    ]);

    let role = format!("arn:aws:iam::{ACCOUNT}:role/rok");
    let ask = [
        "sts",
        "assume-role-with-web-identity",
        "--role-session-name",
        "probe",
        "--role-arn",
        &role,
    ];
    let with_audience = |audience: &str| {
        token(&json!({"iss": issuer, "sub": subject, "aud": [audience], "exp": 4_102_444_800_u32}))
    };
    let session = aws.call(
        &[
            &ask[..],
            &["--web-identity-token", &with_audience("sts.amazonaws.com")],
        ]
        .concat(),
    );
    let assumed = format!("arn:aws:sts::{ACCOUNT}:assumed-role/rok/probe");
    assert_eq!(session["AssumedRoleUser"]["Arn"], assumed);
    let refusal = aws.refusal(
        &[
            &ask[..],
            &["--web-identity-token", &with_audience("another-audience")],
        ]
        .concat(),
    );
    assert!(refusal.contains("AccessDenied"), "{refusal}");
}

/// A token in form only: ministack reads the claims and looks at no signature.
fn token(claims: &Value) -> String {
    use base64::Engine;
    let encode = |part: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part);
    format!(
        "{}.{}.{}",
        encode(r#"{"alg":"RS256","kid":"1"}"#),
        encode(&claims.to_string()),
        encode("signature")
    )
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn kubectl_builds_without_the_callers_kubeconfig() {
    let home = TempDir::new().expect("a temporary home");
    let kubeconfig = home.path().join("kubeconfig");
    let contexts = finish(
        kubectl(home.path(), &kubeconfig).args(["config", "get-contexts", "-o", "name"]),
        DEADLINE,
    );
    assert_eq!(
        (contexts.status.code(), contexts.stdout.as_str()),
        (Some(0), ""),
        "{}",
        contexts.stderr
    );

    fs::write(
        home.path().join("kustomization.yaml"),
        "configMapGenerator:\n- name: rok\n  literals: [a=b]\n",
    )
    .expect("the temporary home is writable");
    let built = finish(
        kubectl(home.path(), &kubeconfig).args(["kustomize", "."]),
        DEADLINE,
    );
    assert!(built.stdout.contains("kind: ConfigMap"), "{built:?}");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn j2_renders_from_the_environment() {
    let env = TestEnv::new();
    fs::write(env.home().join("template.j2"), "role: {{ ROLE }}\n")
        .expect("the temporary home is writable");
    let rendered = finish(
        j2(env.home()).arg("template.j2").env("ROLE", "rok"),
        DEADLINE,
    );
    assert_eq!(rendered.stdout, "role: rok\n", "{}", rendered.stderr);
}

//! The world as its clients find it, with the real SDKs.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as Key;
use aws_credential_types::provider::SharedCredentialsProvider;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use tempfile::TempDir;

use super::aws::ACCOUNT;
use super::*;

fn options(directory: &TempDir) -> Options {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Options {
        directory: directory.path().join("practice"),
        skeleton: vec![("README.md".into(), b"# Deployments\n".to_vec())],
        fresh: false,
        conduct: Conduct::default(),
        faults: None,
    }
}

async fn namespaces(sandbox: &Sandbox) -> Api<Namespace> {
    let kubeconfig = Kubeconfig::read_from(&sandbox.environment()["KUBECONFIG"]).unwrap();
    let context = KubeConfigOptions {
        context: Some(CLUSTER.into()),
        ..Default::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &context)
        .await
        .unwrap();
    Api::all(Client::try_from(config).unwrap())
}

async fn system_uid(sandbox: &Sandbox) -> String {
    let system = namespaces(sandbox).await.get("kube-system").await.unwrap();
    system.metadata.uid.unwrap()
}

/// A token for AWS of a namespace's default service account.
async fn token(sandbox: &Sandbox, namespace: &str) -> String {
    let client = namespaces(sandbox).await.into_client();
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec!["sts.amazonaws.com".into()],
            ..Default::default()
        },
        ..Default::default()
    };
    let answer = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await
        .unwrap();
    answer.status.unwrap().token
}

/// The SDK's settings for someone who has only the environment.
fn aws_config(sandbox: &Sandbox) -> SdkConfig {
    let environment = sandbox.environment();
    let key = Key::new(
        &environment["AWS_ACCESS_KEY_ID"],
        &environment["AWS_SECRET_ACCESS_KEY"],
        None,
        None,
        "practice",
    );
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment["AWS_DEFAULT_REGION"].clone()))
        .endpoint_url(&environment["AWS_ENDPOINT_URL"])
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SharedCredentialsProvider::new(key))
        .build()
}

async fn account(sandbox: &Sandbox) -> String {
    let identity = aws_sdk_sts::Client::new(&aws_config(sandbox))
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    identity.account.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_leads_to_every_part() {
    let directory = TempDir::new().unwrap();
    let sandbox = Sandbox::open(options(&directory)).await.unwrap();
    assert!(sandbox.is_serving());
    let environment = sandbox.environment();
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    let expected = [
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
    assert_eq!(names, expected);
    assert_eq!(account(&sandbox).await, ACCOUNT);
    assert!(!system_uid(&sandbox).await.is_empty());
    let clone = directory.path().join("clone");
    git2::Repository::clone(&environment["GITOPS_URL"], &clone).unwrap();
    assert!(clone.join("README.md").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_of_the_cluster_can_assume_a_role_that_trusts_it() {
    let directory = TempDir::new().unwrap();
    let sandbox = Sandbox::open(options(&directory)).await.unwrap();
    let issuer = sandbox.cluster().unwrap().issuer();
    let provider = issuer.strip_prefix("https://").unwrap();
    let iam = aws_sdk_iam::Client::new(&aws_config(&sandbox));
    iam.create_open_id_connect_provider()
        .url(&issuer)
        .client_id_list("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {
            "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"),
        },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            (format!("{provider}:sub")): "system:serviceaccount:kube-system:default",
            (format!("{provider}:aud")): "sts.amazonaws.com",
        } },
    }] });
    let role = iam
        .create_role()
        .role_name("probe")
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    let arn = role.role.unwrap().arn;

    let sts = aws_sdk_sts::Client::new(&aws_config(&sandbox));
    let assume = async |namespace: &str| {
        sts.assume_role_with_web_identity()
            .role_arn(&arn)
            .role_session_name("test")
            .web_identity_token(token(&sandbox, namespace).await)
            .send()
            .await
    };
    let assumed = assume("kube-system").await.unwrap();
    let subject = assumed.subject_from_web_identity_token.unwrap();
    assert_eq!(subject, "system:serviceaccount:kube-system:default");
    let refused = assume("default").await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("AccessDenied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_the_world() {
    let directory = TempDir::new().unwrap();
    let sandbox = Sandbox::open(options(&directory)).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let home = directory.path().join("practice");
    assert_eq!(mode(&home), 0o700);
    for entry in fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    drop(sandbox);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_connects_to_the_first() {
    let directory = TempDir::new().unwrap();
    let first = Sandbox::open(options(&directory)).await.unwrap();
    let second = Sandbox::open(options(&directory)).await.unwrap();
    assert!(!second.is_serving());
    assert!(second.aws().is_none() && second.cluster().is_none());
    assert_eq!(first.environment(), second.environment());
    assert_eq!(system_uid(&first).await, system_uid(&second).await);
    second.stop().await;
    assert_eq!(account(&first).await, ACCOUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_agree_on_one() {
    let directory = TempDir::new().unwrap();
    let opened =
        futures::future::join_all((0..4).map(|_| tokio::spawn(Sandbox::open(options(&directory)))))
            .await;
    let opened: Vec<Sandbox> = opened
        .into_iter()
        .map(|task| task.unwrap().unwrap())
        .collect();
    let serving = opened.iter().filter(|sandbox| sandbox.is_serving()).count();
    assert_eq!(serving, 1);
    for sandbox in &opened {
        assert_eq!(sandbox.environment(), opened[0].environment());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_wrote_down_is_not_believed() {
    let directory = TempDir::new().unwrap();
    let first = Sandbox::open(options(&directory)).await.unwrap();
    let home = directory.path().join("practice");
    let stale = fs::read(home.join(ENVIRONMENT)).unwrap();
    assert!(announced(&home).await.is_some());
    first.stop().await;
    assert!(!home.join(ENVIRONMENT).exists());

    fs::write(home.join(ENVIRONMENT), &stale).unwrap();
    assert!(announced(&home).await.is_none());
    let next = Sandbox::open(options(&directory)).await.unwrap();
    assert!(next.is_serving());
    assert_eq!(account(&next).await, ACCOUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_world_and_fresh_forgets_it() {
    let directory = TempDir::new().unwrap();
    let first = Sandbox::open(options(&directory)).await.unwrap();
    let key = first.environment()["AWS_ACCESS_KEY_ID"].clone();
    let uid = system_uid(&first).await;
    first.stop().await;

    let second = Sandbox::open(options(&directory)).await.unwrap();
    assert_eq!(second.environment()["AWS_ACCESS_KEY_ID"], key);
    assert_eq!(system_uid(&second).await, uid);
    assert_eq!(account(&second).await, ACCOUNT);
    let fresh = Options {
        fresh: true,
        ..options(&directory)
    };
    let refused = Sandbox::open(fresh.clone()).await.err().unwrap();
    assert!(matches!(refused, SandboxError::InUse { .. }), "{refused}");
    second.stop().await;

    let third = Sandbox::open(fresh).await.unwrap();
    assert_ne!(third.environment()["AWS_ACCESS_KEY_ID"], key);
    assert_ne!(system_uid(&third).await, uid);
    assert_eq!(account(&third).await, ACCOUNT);
}

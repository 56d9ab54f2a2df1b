//! A practice account in a temporary directory, with SDK clients for it.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::json;
use tempfile::TempDir;

use super::issuer::Issuer;
use crate::sandbox::aws::{AwsServer, AwsState, ClusterSeed, Seed};
use crate::sandbox::{Conduct, Lag};

pub(super) const ACCOUNT: &str = "123451234512";
pub(super) const REGION: &str = "us-west-2";
pub(crate) const KEY: &str = "AKIAPRACTICEOPERATOR";
pub(crate) const SECRET: &str = "practice/operator+secret";
pub(super) const ISSUER: &str =
    "https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";

pub(super) struct Practice {
    pub(super) server: AwsServer,
    pub(super) issuer: Arc<Issuer>,
    directory: TempDir,
}

impl Practice {
    pub(super) async fn start() -> Self {
        Self::with_lag(Duration::ZERO).await
    }

    pub(super) async fn with_lag(lag: Duration) -> Self {
        Self::behaving(Conduct {
            lag: Lag::of(lag),
            ..Conduct::default()
        })
        .await
    }

    pub(super) async fn behaving(conduct: Conduct) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let issuer = Arc::new(Issuer::new(ISSUER));
        let server = serve(&directory, &issuer, "https://127.0.0.1:6443", conduct).await;
        Self {
            server,
            issuer,
            directory,
        }
    }

    /// Stops, and starts again on the same world, with the cluster at another endpoint.
    pub(super) async fn restart(self, endpoint: &str) -> Self {
        self.server.stop().await;
        let server = serve(&self.directory, &self.issuer, endpoint, Conduct::default()).await;
        Self { server, ..self }
    }

    pub(super) fn config(&self) -> aws_config::SdkConfig {
        self.config_of(Credentials::new(KEY, SECRET, None, None, "test"), REGION)
    }

    pub(super) fn config_of(
        &self,
        credentials: Credentials,
        region: &'static str,
    ) -> aws_config::SdkConfig {
        aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(http_client())
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .region(aws_config::Region::from_static(region))
            .endpoint_url(self.server.endpoint())
            .credentials_provider(
                aws_credential_types::provider::SharedCredentialsProvider::new(credentials),
            )
            .build()
    }

    pub(super) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config())
    }

    pub(super) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config())
    }

    pub(super) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config())
    }

    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        s3(&self.config())
    }

    pub(super) fn eks(&self) -> aws_sdk_eks::Client {
        aws_sdk_eks::Client::new(&self.config())
    }

    /// A role that the service account `rok:rok` may assume, with `s3:*` on one bucket prefix.
    pub(super) async fn authorize_rok(&self) {
        let iam = self.iam();
        iam.create_open_id_connect_provider()
            .url(ISSUER)
            .client_id_list("sts.amazonaws.com")
            .send()
            .await
            .unwrap();
        iam.create_role()
            .role_name("rok")
            .assume_role_policy_document(trust("system:serviceaccount:rok:rok"))
            .send()
            .await
            .unwrap();
        let policy = iam
            .create_policy()
            .policy_name("rok")
            .policy_document(storage_policy("rok-prefix"))
            .send()
            .await
            .unwrap();
        iam.attach_role_policy()
            .role_name("rok")
            .policy_arn(policy.policy().unwrap().arn().unwrap())
            .send()
            .await
            .unwrap();
    }

    /// A token of the service account `rok:rok`, good for an hour.
    pub(super) fn token(&self) -> String {
        self.token_with("system:serviceaccount:rok:rok", "sts.amazonaws.com", 3600)
    }

    pub(super) fn token_with(&self, subject: &str, audience: &str, seconds: i64) -> String {
        let now = jiff::Timestamp::now().as_second();
        self.issuer.token(&json!({
            "iss": self.issuer.url, "sub": subject, "aud": [audience],
            "iat": now, "nbf": now, "exp": now + seconds,
        }))
    }

    /// Credentials by web identity.
    pub(super) async fn assume(&self, token: String) -> Result<Credentials, Refused> {
        let answer = self
            .sts()
            .assume_role_with_web_identity()
            .role_arn(role_arn("rok"))
            .role_session_name("test")
            .web_identity_token(token)
            .send()
            .await
            .map_err(refused)?;
        let credentials = answer.credentials().unwrap();
        Ok(Credentials::new(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            Some(credentials.session_token().to_owned()),
            None,
            "test",
        ))
    }
}

async fn serve(
    directory: &TempDir,
    issuer: &Arc<Issuer>,
    endpoint: &str,
    conduct: Conduct,
) -> AwsServer {
    let seed = seed(endpoint);
    let issuer = Arc::clone(issuer);
    let keys = Arc::new(move |url: &str| (url == issuer.url).then(|| issuer.keys()));
    AwsServer::start(&directory.path().join("aws.json"), seed, keys, conduct)
        .await
        .unwrap()
}

fn seed(endpoint: &str) -> Seed {
    Seed {
        account: ACCOUNT.into(),
        region: REGION.into(),
        access_key: KEY.into(),
        secret_key: SECRET.into(),
        clusters: ["arrikto-cluster", "other-cluster"]
            .map(|name| ClusterSeed {
                name: name.into(),
                endpoint: endpoint.into(),
                certificate_authority_pem: "-----BEGIN CERTIFICATE-----".into(),
                issuer: ISSUER.into(),
                status: "ACTIVE".into(),
            })
            .into(),
    }
}

/// The account before anyone asked it anything.
pub(crate) fn new_state() -> AwsState {
    AwsState::from_seed(&seed("https://127.0.0.1:6443"), jiff::Timestamp::now())
}

pub(super) fn s3(config: &aws_config::SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

pub(super) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

pub(super) fn trust(subject: &str) -> String {
    let host = ISSUER.trim_start_matches("https://");
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            format!("{host}:sub"): subject,
            format!("{host}:aud"): "sts.amazonaws.com",
        } },
    }] })
    .to_string()
}

pub(super) fn storage_policy(prefix: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{prefix}*"), format!("arn:aws:s3:::{prefix}*/*")],
    }] })
    .to_string()
}

/// An error by its code, message and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) status: u16,
}

type HttpResponse = aws_smithy_runtime_api::http::Response;

pub(super) fn refused<E: ProvideErrorMetadata + std::fmt::Debug>(
    error: SdkError<E, HttpResponse>,
) -> Refused {
    let SdkError::ServiceError(service) = error else {
        panic!("no answer: {error:?}")
    };
    Refused {
        code: service.err().code().unwrap_or_default().into(),
        message: service.err().message().unwrap_or_default().into(),
        status: service.raw().status().as_u16(),
    }
}

fn http_client() -> SharedHttpClient {
    Builder::new().build_http()
}

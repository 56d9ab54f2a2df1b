//! One handle for all AWS calls, and the settings it is built from.

use std::env;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::OnceCell;

use super::error::{AwsError, Surroundings};
use super::found::Found;
use super::gated::{Gated, WireTime};
use super::http::{self, Trust};
use super::login::{Loader, Login};
use super::sts::Caller;
use super::wire::WireInterceptor;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::skew::ClockSkew;
use crate::clients::wire::WireLog;

/// Where STS and IAM are asked as long as nobody named a region. IAM has no regions, and STS tells
/// the caller's account in any of them.
const REGION_OF_GLOBAL_SERVICES: Region = Region::from_static("us-east-1");

/// How to reach AWS. What is `None` is found the way the AWS CLI finds it.
#[derive(Clone, Default)]
pub struct AwsSettings {
    /// A profile of the operator's AWS files; else `AWS_PROFILE`.
    pub profile: Option<String>,
    /// The region; else the environment, the profile, the instance.
    pub region: Option<String>,
    /// The one endpoint for all services; else `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// The key id and secret key of a practice cloud, instead of the operator's credentials.
    pub static_credentials: Option<(String, String)>,
    /// A PEM file with certificates to trust besides the system's; else `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
}

impl fmt::Debug for AwsSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AwsSettings")
            .field("profile", &self.profile)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .field("ca_bundle", &self.ca_bundle)
            .finish_non_exhaustive()
    }
}

/// The AWS account, as one caller sees it. Clones share everything.
#[derive(Clone)]
pub struct Aws {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) eks: aws_sdk_eks::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) caller: OnceCell<Caller>,
    found: Found,
    skew: ClockSkew,
    login: Option<Arc<Login>>,
}

impl Aws {
    /// Finds region and endpoints and builds the clients. Credentials are looked up by the first
    /// call that needs them.
    ///
    /// Outside EC2 this asks the instance metadata service only when nothing names a region, and
    /// gives up after one second without a connection.
    pub async fn connect(settings: &AwsSettings, wire: WireLog) -> Result<Self, AwsError> {
        let closed = |error: io::Error| AwsError::configuration(&error.to_string());
        let asked = (&settings.profile, &settings.region);
        let mut passage = wire
            .pass(|| Call {
                client: "aws",
                operation: "connect".into(),
                input: format!("\n{asked:?}").into(),
                write: false,
            })
            .map_err(closed)?;
        let connected = match passage.instead().await.map_err(closed)? {
            Some(Ended::Answered(answer)) => Self::told(&answer.body, wire),
            Some(Ended::Failed(error)) => Err(AwsError::configuration(&error)),
            Some(Ended::GivenUp) => std::future::pending().await,
            None => Self::connect_itself(settings, wire).await,
        };
        passage
            .end(|| match &connected {
                Ok(aws) => Ended::Answered(Answer {
                    status: 0,
                    headers: Vec::new(),
                    body: aws.inner.found.written().into(),
                }),
                Err(error) => Ended::Failed(error.message.clone()),
            })
            .map_err(closed)?;
        connected
    }

    async fn connect_itself(settings: &AwsSettings, wire: WireLog) -> Result<Self, AwsError> {
        let endpoint = settings
            .endpoint_url
            .clone()
            .or_else(|| variable("AWS_ENDPOINT_URL"));
        // A practice cloud needs neither the system's certificates nor the operator's, and one of
        // them may be missing on the machine that practises.
        let practice = settings.static_credentials.is_some();
        let of_environment = || variable("AWS_CA_BUNDLE").map(PathBuf::from);
        let bundle = settings
            .ca_bundle
            .clone()
            .or_else(|| if practice { None } else { of_environment() });
        let trust = Trust {
            system: !practice,
            bundle: bundle.as_deref(),
        };
        let http = http::client(http::proxy_for(endpoint.as_deref()), &trust)?;
        Ok(Self::connect_through(http, settings, wire).await)
    }

    /// Does the same through the given HTTP client.
    pub(super) async fn connect_through(
        http: SharedHttpClient,
        settings: &AwsSettings,
        wire: WireLog,
    ) -> Self {
        let http = SharedHttpClient::new(Gated {
            client: http,
            wire: wire.clone(),
        });
        let time = WireTime(wire.clone());
        let known = settings.clone();
        let loader: Loader = Box::new(move || loader(http.clone(), &known, time.clone()));
        let mut config = loader().load().await;
        let mut login = None;
        // Nothing is found anew about keys that were given to us.
        if settings.static_credentials.is_none() {
            let chain = config.credentials_provider();
            let kept = Arc::new(Login::new(loader, chain, wire.clone()));
            login = Some(Arc::clone(&kept));
            config = config
                .into_builder()
                .credentials_provider(SharedCredentialsProvider::from(kept as Arc<_>))
                .identity_cache(IdentityCache::no_cache())
                .build();
        }
        let found = Found {
            region: config.region().map(ToString::to_string),
            profile: settings.profile.clone().or_else(|| variable("AWS_PROFILE")),
            endpoint: config
                .endpoint_url()
                .map(str::to_owned)
                .or_else(|| variable("AWS_ENDPOINT_URL_S3")),
            is_renewable: settings.profile.is_some()
                || variable("AWS_PROFILE").is_some()
                || variable("AWS_ACCESS_KEY_ID").is_none(),
            has_login: login.is_some(),
        };
        Self::with(&config, found, login, wire)
    }

    /// Builds the clients.
    pub(super) fn with(
        config: &SdkConfig,
        found: Found,
        login: Option<Arc<Login>>,
        wire: WireLog,
    ) -> Self {
        let global = config
            .to_builder()
            .region(
                config
                    .region()
                    .cloned()
                    .unwrap_or(REGION_OF_GLOBAL_SERVICES),
            )
            .build();
        let skew = ClockSkew::default();
        let interceptor = WireInterceptor {
            log: wire,
            skew: skew.clone(),
        };
        let inner = Inner {
            sts: aws_sdk_sts::Client::from_conf(
                aws_sdk_sts::config::Builder::from(&global)
                    .interceptor(interceptor.clone())
                    .build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(&global)
                    .interceptor(interceptor.clone())
                    .build(),
            ),
            eks: aws_sdk_eks::Client::from_conf(
                aws_sdk_eks::config::Builder::from(config)
                    .interceptor(interceptor.clone())
                    .build(),
            ),
            cloudformation: aws_sdk_cloudformation::Client::from_conf(
                aws_sdk_cloudformation::config::Builder::from(config)
                    .interceptor(interceptor.clone())
                    .build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(config)
                    // Nobody serves bucket names as host names of a private endpoint.
                    .force_path_style(found.endpoint.is_some())
                    .interceptor(interceptor)
                    .build(),
            ),
            caller: OnceCell::new(),
            found,
            skew,
            login,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the region in force, when anything names one.
    pub fn region(&self) -> Option<&str> {
        self.inner.found.region.as_deref()
    }

    /// Returns by how much the server's clock was ahead of ours at its last answer, to the second.
    pub fn clock_skew(&self) -> Option<jiff::SignedDuration> {
        self.inner.skew.get()
    }

    /// Whether another login can reach this process: not where the keys stand in its environment.
    fn is_renewable(&self) -> bool {
        self.inner.found.is_renewable
    }

    /// Has the operator's login looked up anew before the next call.
    pub(super) fn forget_login(&self) {
        if let Some(login) = &self.inner.login {
            login.refuse();
        }
    }

    /// What an error tells of its place.
    pub(super) fn surroundings(&self) -> Surroundings {
        Surroundings {
            is_renewable: self.is_renewable(),
            profile: self.inner.found.profile.clone(),
            region: self.inner.found.region.clone(),
            endpoint: self.inner.found.endpoint.clone(),
            skew: self.clock_skew(),
        }
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Aws")
            .field("region", &self.inner.found.region)
            .field("profile", &self.inner.found.profile)
            .finish_non_exhaustive()
    }
}

fn loader(http: SharedHttpClient, settings: &AwsSettings, time: WireTime) -> ConfigLoader {
    let seconds = Duration::from_secs;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .time_source(time)
        .app_name(AppName::new("rok-deploy").expect("it has only letters and a dash"))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(seconds(4))
                .read_timeout(seconds(10))
                .operation_attempt_timeout(seconds(15))
                .operation_timeout(seconds(60))
                .build(),
        );
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        // The SDK refuses to combine these wishes of the environment with an endpoint of its own.
        loader = loader
            .endpoint_url(url)
            .use_fips(false)
            .use_dual_stack(false);
    }
    if let Some((key, secret)) = &settings.static_credentials {
        loader = loader.credentials_provider(Credentials::new(
            key,
            secret,
            None,
            None,
            "practice cloud",
        ));
    }
    loader
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

//! What was found about the way to AWS, and clients built from a record of it: they send nothing.

use std::sync::Arc;

use aws_config::identity::IdentityCache;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use serde::{Deserialize, Serialize};

use super::connect::Aws;
use super::credentials;
use super::error::AwsError;
use super::gated::{Gated, WireTime};
use super::login::Login;
use crate::clients::wire::WireLog;

/// What was found in the operator's settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) endpoint: Option<String>,
    /// Whether another login can reach this process: not where the keys stand in its environment.
    pub(super) is_renewable: bool,
    /// Whether credentials are looked up, and not given to us.
    pub(super) has_login: bool,
}

impl Found {
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

impl Aws {
    /// Builds clients whose every request is answered at the gate.
    pub(super) fn told(written: &[u8], wire: WireLog) -> Result<Self, AwsError> {
        let found: Found = serde_json::from_slice(written)
            .map_err(|_| AwsError::configuration("the record has no settings"))?;
        let http = SharedHttpClient::new(Gated {
            client: SharedHttpClient::new(Nowhere),
            wire: wire.clone(),
        });
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .time_source(SharedTimeSource::new(WireTime(wire.clone())))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .app_name(AppName::new("rok-deploy").expect("it has only letters and a dash"))
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .identity_cache(IdentityCache::no_cache());
        let login = found
            .has_login
            .then(|| Arc::new(Login::recorded(wire.clone())));
        config.set_credentials_provider(Some(match &login {
            Some(login) => SharedCredentialsProvider::from(Arc::clone(login) as Arc<_>),
            None => SharedCredentialsProvider::new(credentials::nobodys(None)),
        }));
        config.set_region(found.region.clone().map(Region::new));
        config.set_endpoint_url(found.endpoint.clone());
        Ok(Self::with(&config.build(), found, login, wire))
    }
}

/// A network that nobody is on.
#[derive(Debug, Clone)]
struct Nowhere;

impl HttpClient for Nowhere {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Nowhere {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::user(
            "a recording is answered from, not the network".into(),
        )))
    }
}

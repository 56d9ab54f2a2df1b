//! One handle for all Azure calls, and the settings it is built from.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as Shared, PoisonError};

use azure_core::http::{ClientOptions, Pipeline, RetryOptions, Transport};
use bytes::Bytes;
use tokio::sync::Mutex;

use super::attempts::Attempts;
use super::chain::{Chain, Variables};
use super::cloud::CloudEnvironment;
use super::error::{AzureError, AzureErrorKind, Surroundings};
use super::found::Found;
use super::gated::Gated;
use super::http::{Network, Trust};
use super::identity::Identities;
use super::login::Login;
use super::msi::Msi;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::secret::Secret;
use crate::clients::skew::ClockSkew;
use crate::clients::wire::WireLog;

/// How to reach Azure. What is `None` is found the way the Azure CLI finds it.
#[derive(Clone, Default)]
pub struct AzureSettings {
    /// The tenant whose login is used; else `AZURE_TENANT_ID`, else the login's own.
    pub tenant: Option<String>,
    /// Where Resource Manager is; else `ROK_AZURE_ARM_ENDPOINT`, else the cloud's.
    pub arm_endpoint: Option<String>,
    /// Where Entra is; else `AZURE_AUTHORITY_HOST`, else the cloud's.
    pub authority_host: Option<String>,
    /// The client id and secret of a practice cloud, instead of the operator's credentials.
    pub secret: Option<(String, String)>,
    /// A PEM file with certificates to trust: instead of the system's with the secret of a practice
    /// cloud, otherwise besides them.
    pub ca_file: Option<PathBuf>,
    /// The cloud: `AzureCloud`, `AzureChinaCloud` or `AzureUSGovernment`; else the one that the
    /// endpoints are of.
    pub cloud: Option<String>,
}

impl fmt::Debug for AzureSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AzureSettings")
            .field("tenant", &self.tenant)
            .field("arm_endpoint", &self.arm_endpoint)
            .field("authority_host", &self.authority_host)
            .field("ca_file", &self.ca_file)
            .field("cloud", &self.cloud)
            .finish_non_exhaustive()
    }
}

/// Azure, as one caller sees it. Clones share everything.
#[derive(Clone)]
pub struct Azure {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) cloud: CloudEnvironment,
    pub(super) pipeline: Pipeline,
    pub(super) login: Arc<Login>,
    pub(super) identities: Box<dyn Identities>,
    /// What is being written to of each identity: Azure refuses two federated credentials at a time.
    pub(super) writing: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    /// Where to ask how the last change of a resource is going.
    pub(super) operations: Shared<HashMap<String, String>>,
    found: Found,
    skew: ClockSkew,
}

impl Azure {
    /// Finds the cloud and builds the clients. Credentials are looked up by the first call that
    /// needs them.
    pub async fn connect(settings: &AzureSettings, wire: WireLog) -> Result<Self, AzureError> {
        Self::connect_in(settings, Arc::new(variable), wire).await
    }

    /// Does the same in an environment of its own.
    pub(super) async fn connect_in(
        settings: &AzureSettings,
        variables: Variables,
        wire: WireLog,
    ) -> Result<Self, AzureError> {
        let closed = |error: io::Error| AzureError::configuration(&error.to_string());
        let mut passage = wire
            .pass(|| Call {
                client: "azure",
                operation: "connect".into(),
                // A rerun has no settings: where they led to stands in the answer.
                input: Bytes::new(),
                write: false,
            })
            .map_err(closed)?;
        let connected = match passage.instead().await.map_err(closed)? {
            Some(Ended::Answered(answer)) => Self::told(&answer.body, wire),
            Some(Ended::Failed(how)) => Err(AzureError::told("connect", &how)),
            Some(Ended::GivenUp) => std::future::pending().await,
            None => Self::connect_itself(settings, variables, wire)
                .await
                .map_err(of_connecting),
        };
        passage
            .end(|| match &connected {
                Ok(azure) => Ended::Answered(Answer {
                    status: 0,
                    headers: Vec::new(),
                    body: azure.inner.found.written().into(),
                }),
                Err(error) => Ended::Failed(error.tell()),
            })
            .map_err(closed)?;
        connected
    }

    async fn connect_itself(
        settings: &AzureSettings,
        variables: Variables,
        wire: WireLog,
    ) -> Result<Self, AzureError> {
        // A practice cloud needs neither the system's certificates nor the operator's, and one of
        // them may be missing on the machine that practises.
        let is_practice = settings.secret.is_some() && settings.ca_file.is_some();
        let network = Network::new(&Trust {
            system: !is_practice,
            bundle: settings.ca_file.as_deref(),
        })?;
        let gated = Gated {
            network: network.clone(),
            wire: wire.clone(),
            skew: ClockSkew::default(),
        };
        let pipeline = pipeline(gated, None);
        let found = Found {
            cloud: CloudEnvironment::find(settings, &variables, &pipeline).await?,
            tenant: settings
                .tenant
                .clone()
                .or_else(|| variables("AZURE_TENANT_ID")),
            is_renewable: settings.secret.is_none() && variables("AZURE_CLIENT_SECRET").is_none(),
        };
        let given = settings
            .secret
            .as_ref()
            .map(|(client, secret)| (client.clone(), Arc::new(Secret::new(secret))));
        let login = found.cloud.login.clone();
        let tenant = found.tenant.clone();
        let chain = move |gated: &Gated| {
            Some(Chain {
                tenant,
                given,
                login,
                variables,
                gated: gated.clone(),
            })
        };
        Self::with(found, network, chain, wire)
    }

    /// Builds the clients.
    pub(super) fn with(
        found: Found,
        network: Network,
        chain: impl FnOnce(&Gated) -> Option<Chain>,
        wire: WireLog,
    ) -> Result<Self, AzureError> {
        let skew = ClockSkew::default();
        let gated = Gated {
            network,
            wire: wire.clone(),
            skew: skew.clone(),
        };
        let login = Arc::new(Login::new(chain(&gated), wire));
        let pipeline = pipeline(gated, Some(Arc::clone(&login)));
        let msi = Msi::new(&found.cloud, pipeline.clone())?;
        let inner = Inner {
            cloud: found.cloud.clone(),
            pipeline,
            login,
            identities: Box::new(msi),
            writing: Mutex::default(),
            operations: Shared::default(),
            found,
            skew,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns the cloud's endpoints and audiences.
    pub fn cloud(&self) -> &CloudEnvironment {
        &self.inner.cloud
    }

    /// Returns the tenant that was asked for, by the settings or by the environment.
    pub fn tenant(&self) -> Option<&str> {
        self.inner.found.tenant.as_deref()
    }

    /// Returns by how much the server's clock was ahead of ours at its last answer, to the second.
    pub fn clock_skew(&self) -> Option<jiff::SignedDuration> {
        self.inner.skew.get()
    }

    /// Has the operator's login looked up anew before the next call: after a right was granted, the
    /// old token may not have it.
    pub fn renew_login(&self) {
        self.inner.login.refuse();
    }

    /// What an error tells of its place.
    pub(super) fn surroundings(&self) -> Surroundings {
        Surroundings {
            tenant: self.inner.found.tenant.clone(),
            endpoint: Some(self.inner.cloud.resource_manager.clone()),
            source: self.inner.login.source(),
            skew: self.clock_skew(),
            is_renewable: self.inner.found.is_renewable,
        }
    }

    /// Remembers where to ask how a change is going.
    pub(super) fn note_operation(&self, id: &str, url: Option<String>) {
        let operations = &self.inner.operations;
        let mut operations = operations.lock().unwrap_or_else(PoisonError::into_inner);
        match url {
            Some(url) => operations.insert(id.to_ascii_lowercase(), url),
            None => operations.remove(&id.to_ascii_lowercase()),
        };
    }

    /// Returns where to ask how the last change of a resource is going, if this process made it.
    pub(super) fn operation_of(&self, id: &str) -> Option<String> {
        let operations = &self.inner.operations;
        let operations = operations.lock().unwrap_or_else(PoisonError::into_inner);
        operations.get(&id.to_ascii_lowercase()).cloned()
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Azure")
            .field("cloud", &self.inner.cloud.name)
            .field("tenant", &self.inner.found.tenant)
            .finish_non_exhaustive()
    }
}

/// Builds a pipeline that tries in our way and ends at the gate.
pub(super) fn pipeline(gated: Gated, login: Option<Arc<Login>>) -> Pipeline {
    let attempts = Attempts {
        login,
        wire: gated.wire.clone(),
    };
    let options = ClientOptions {
        per_call_policies: vec![Arc::new(attempts)],
        retry: RetryOptions::none(),
        transport: Some(Transport::with_policy(Arc::new(gated))),
        ..ClientOptions::default()
    };
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Pipeline::new(
        Some(name),
        Some(version),
        options,
        Vec::new(),
        Vec::new(),
        None,
    )
}

/// An error of connecting is told without the request that it came from, so that a rerun, which does
/// not make it, comes to the same.
fn of_connecting(error: AzureError) -> AzureError {
    let message = if error.operation == "connect" {
        error.message
    } else {
        format!("{}: {}", error.operation, error.message)
    };
    AzureError {
        kind: match error.kind {
            AzureErrorKind::Unavailable | AzureErrorKind::Throttled => AzureErrorKind::Unavailable,
            _ => AzureErrorKind::Configuration,
        },
        code: error.code,
        ..AzureError::configuration(&message)
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

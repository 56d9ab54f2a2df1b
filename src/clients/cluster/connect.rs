//! One handle for all requests to a cluster.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::discovery::{ApiCapabilities, ApiResource};
use tokio::sync::Mutex;

use super::error::{ClusterError, ClusterErrorKind};
use super::transport::Transport;
use crate::clients::wire::WireLog;

/// How long a request may take, with its retries and with what the exec plugin needs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Which cluster, and as whom.
#[derive(Debug, Clone, Default)]
pub struct ClusterSettings {
    /// The kubeconfig; else `KUBECONFIG`, else `~/.kube/config`, else the Pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// The context; else the current one.
    pub context: Option<String>,
}

/// A cluster, as one user sees it. Clones share everything.
#[derive(Clone)]
pub struct Cluster {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) client: Client,
    /// What discovery said about each kind, by `apiVersion` and `kind`.
    pub(super) kinds: Mutex<HashMap<(String, String), (ApiResource, ApiCapabilities)>>,
    server: String,
    certificate_authority: Option<String>,
    pub(super) wire: WireLog,
}

impl Cluster {
    /// Resolves the context and fetches the user's credentials, which may run an exec plugin. Sends
    /// no request to the cluster.
    pub async fn connect(settings: &ClusterSettings, wire: WireLog) -> Result<Self, ClusterError> {
        const OPERATION: &str = "connect";
        let connecting = Transport::connect(settings.clone(), wire.clone());
        let (transport, access) = within_deadline(OPERATION, connecting).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(transport, access.config.default_namespace),
                kinds: Mutex::default(),
                server: access.server,
                certificate_authority: access.certificate_authority,
                wire,
            }),
        })
    }

    /// Returns the URL of the API server, as the kubeconfig has it.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Returns the authority of the API server's certificate: PEM in base64.
    pub fn certificate_authority(&self) -> Option<&str> {
        self.inner.certificate_authority.as_deref()
    }

    pub(super) fn client(&self) -> Client {
        self.inner.client.clone()
    }

    /// Runs one request, bounded in time, and puts its error in our words.
    pub(super) async fn ask<T>(
        &self,
        operation: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        within_deadline(operation, async {
            request
                .await
                .map_err(|error| ClusterError::from_kube(operation, &error))
        })
        .await
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("server", &self.inner.server)
            .finish_non_exhaustive()
    }
}

async fn within_deadline<T>(
    operation: &str,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    tokio::time::timeout(DEADLINE, work)
        .await
        .unwrap_or_else(|_| {
            Err(ClusterError::new(
                operation,
                ClusterErrorKind::Unreachable,
                &format!("no answer within {} seconds", DEADLINE.as_secs()),
            ))
        })
}

//! The practice Azure: Entra, Resource Manager and Blob behind one endpoint on loopback, over TLS.
//!
//! It speaks the real wire formats, evaluates role assignments and federated credentials, and keeps
//! its world in one file. What it does not know it refuses, in the words of the service asked.

#![expect(
    clippy::unnecessary_wraps,
    reason = "what answers requests stands in one table, and some of it never refuses"
)]

mod arm;
mod assignments;
mod authority;
mod authorization;
mod blob;
mod call;
mod cloud;
mod clusters;
mod definitions;
mod deployments;
mod entra;
mod faults;
mod federation;
mod filter;
mod graph;
mod groups;
mod identities;
mod imds;
mod jsonc;
mod locks;
mod metadata;
mod operation;
mod path;
mod providers;
mod refusal;
mod resources;
pub mod role;
mod route;
mod scale_sets;
mod seed;
mod server;
pub mod state;
mod storage;
mod subscriptions;
mod tags;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use cloud::RequestLine;
pub use imds::{Imds, ImdsServer};
#[cfg(fuzzing)]
pub use jsonc::feed as feed_body;
pub use seed::{ClusterSeed, Seed};
pub use state::AzureState;

use super::conduct::Conduct;
use super::faults::{Fuse, Fused};
use super::store::Store;
use super::tls::{Subject, TlsConnections};
use cloud::Cloud;

/// The name of the authority that signs the server's certificate.
const AUTHORITY: &str = "Practice Azure";
/// What the server's certificate says.
const SERVER: Subject = Subject {
    authority: AUTHORITY,
    name: "localhost",
    hosts: &["localhost", "127.0.0.1", "*.blob.localhost"],
};

/// Answers the published keys (a JWKS document) of an issuer; `None` when it cannot be reached.
pub type KeySource = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// Is told `properties` of the cluster whenever Resource Manager has changed them.
pub type ClusterHook = Arc<dyn Fn(&Value) -> io::Result<()> + Send + Sync>;

/// The running server. Dropping it stops it as well, only without waiting.
pub struct AzureServer {
    cloud: Arc<Cloud>,
    stop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl AzureServer {
    /// Starts on a free port of the loopback, with the world of `state_file` or else the seed.
    ///
    /// # Errors
    ///
    /// When the state file cannot be read or written, or no port can be had.
    pub async fn start(
        state_file: &Path,
        seed: Seed,
        keys: KeySource,
        conduct: Conduct,
    ) -> io::Result<Self> {
        let store = Store::open(state_file, || seed.grow(conduct.clock.now()))?;
        if store.read(|state| seed.is_moved(state)) {
            let Ok(()) = store.write(|state| {
                seed.move_cluster(state);
                Ok::<_, Infallible>(())
            })?;
        }
        let config = store.read(|state| state.certificates.server_config(&SERVER))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let cloud = Arc::new(Cloud {
            store,
            keys,
            conduct,
            port: listener.local_addr()?.port(),
            log: Mutex::default(),
            cluster: OnceLock::new(),
            writing: Mutex::default(),
        });
        let router = axum::Router::new()
            .fallback(server::serve)
            .with_state(Arc::clone(&cloud))
            .into_make_service_with_connect_info::<Fuse>();
        let connections = Fused::listener(TlsConnections::new(listener, config)?);
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            axum::serve(connections, router)
                .with_graceful_shutdown(stopped)
                .await
        });
        Ok(Self {
            cloud,
            stop: stopping.drop_guard(),
            task,
        })
    }

    /// `https://localhost:port`: Resource Manager and Entra.
    pub fn endpoint(&self) -> String {
        self.cloud.endpoint()
    }

    /// Returns the port of loopback that all of Azure is at.
    pub fn port(&self) -> u16 {
        self.cloud.port
    }

    /// Returns the certificate that clients verify the server with.
    pub fn ca_pem(&self) -> String {
        self.state()
            .read(|state| state.certificates.certificate_pem.clone())
    }

    /// The tenant; a test may break it on purpose.
    pub fn state(&self) -> &Store<AzureState> {
        &self.cloud.store
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<RequestLine> {
        self.cloud
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells the cluster of each change that Resource Manager makes to it, and now of what a process
    /// that ended in the middle of one may not have told. Only the first hook counts.
    ///
    /// # Errors
    ///
    /// When the cluster cannot be changed.
    pub fn on_cluster_change(&self, hook: ClusterHook) -> io::Result<()> {
        let changed: Vec<Value> = self.state().read(|state| {
            let clusters = state.clusters.values();
            clusters
                .map(|cluster| cluster.properties.clone())
                .filter(clusters::has_pod_identities)
                .collect()
        });
        for properties in &changed {
            hook(properties)?;
        }
        self.cloud.cluster.set(hook).ok();
        Ok(())
    }

    /// Finishes what is being answered and closes.
    pub async fn stop(self) {
        drop(self.stop);
        // A server that panicked has nothing left to finish.
        let _ = self.task.await;
    }
}

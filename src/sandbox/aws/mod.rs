//! The practice AWS account: STS, IAM, EKS, S3 and CloudFormation behind one endpoint on loopback.
//!
//! It speaks the real wire formats, verifies signatures, evaluates policies and trust, and keeps
//! its world in one file. What it does not know it refuses, in the words of the service asked.

mod authority;
mod call;
mod caller;
mod cloud;
mod cloudformation;
mod condition;
mod eks;
mod faults;
mod iam;
mod instance;
mod pattern;
mod policy;
mod refusal;
mod s3;
mod server;
mod service;
mod sigv4;
pub mod state;
mod sts;
mod text;
mod xml;

#[cfg(test)]
pub(super) mod tests;

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use cloud::RequestLine;
pub use instance::{Instance, InstanceCredentials};
pub use state::AwsState;
#[cfg(fuzzing)]
pub use {call::feed as feed_form, s3::feed as feed_chunked};

use super::conduct::Conduct;
use super::faults::{Fuse, Fused};
pub use super::lagged;
use super::store::Store;
use cloud::Cloud;

/// The account as it is when its world is new.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Twelve digits.
    pub account: String,
    /// The region that has the clusters.
    pub region: String,
    /// The key of the user `operator`, who may do everything.
    pub access_key: String,
    pub secret_key: String,
    pub clusters: Vec<ClusterSeed>,
}

/// A cluster that the account shows; its API server is elsewhere.
#[derive(Debug, Clone)]
pub struct ClusterSeed {
    pub name: String,
    pub endpoint: String,
    pub certificate_authority_pem: String,
    /// The URL that signs the cluster's service account tokens.
    pub issuer: String,
    /// `ACTIVE`, or what else EKS may say.
    pub status: String,
}

/// Answers the published keys (a JWKS document) of an issuer; `None` when it cannot be reached.
pub type KeySource = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// The running server. Dropping it stops it as well, only without waiting.
pub struct AwsServer {
    cloud: Arc<Cloud>,
    endpoint: String,
    stop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl AwsServer {
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
        let store = Store::open(state_file, || {
            AwsState::from_seed(&seed, conduct.clock.now())
        })?;
        if store.read(|state| state.is_moved(&seed)) {
            let Ok(()) = store.write(|state| {
                state.move_clusters(&seed);
                Ok::<_, Infallible>(())
            })?;
        }
        let cloud = Arc::new(Cloud {
            store,
            keys,
            conduct,
            log: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let router = axum::Router::new()
            .fallback(server::serve)
            .with_state(Arc::clone(&cloud))
            .into_make_service_with_connect_info::<Fuse>();
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            axum::serve(Fused::listener(listener), router)
                .with_graceful_shutdown(stopped)
                .await
        });
        Ok(Self {
            cloud,
            endpoint,
            stop: stopping.drop_guard(),
            task,
        })
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The account; a test may break it on purpose.
    pub fn state(&self) -> &Store<AwsState> {
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

    /// Finishes what is being answered and closes.
    pub async fn stop(self) {
        drop(self.stop);
        // A server that panicked has nothing left to finish.
        let _ = self.task.await;
    }
}

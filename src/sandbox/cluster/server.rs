//! The running server: TLS on a loopback port, one handler for all requests, and their log.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::node::Node;
use super::refusal::Refusal;
use super::seed::{AUTHORITY, ClusterSeed};
use super::state::ClusterState;
use super::{controllers, exec, faults, router};
use crate::sandbox::clock::Clock;
use crate::sandbox::conduct::Conduct;
use crate::sandbox::faults::{Faults, Fuse, Fused, meet};
use crate::sandbox::store::Store;
use crate::sandbox::tls::{Subject, TlsConnections};

/// What the server's certificate says.
const SERVER: Subject = Subject {
    authority: AUTHORITY,
    name: "kube-apiserver",
    hosts: &["localhost", "127.0.0.1"],
};
/// As much as a real API server reads of one request.
const LARGEST_BODY: usize = 3 << 20;
/// How long requests under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// A request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Whether it asks for a change of the cluster: no look, no token, no dry run.
    pub write: bool,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// A serving cluster. Dropping it stops it, too.
#[derive(Debug)]
pub struct ClusterServer {
    pub(super) cluster: Arc<Cluster>,
    stop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) store: Store<ClusterState>,
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    latency: Duration,
    faults: Option<Arc<Faults>>,
    requests: Mutex<Vec<RequestLine>>,
    /// Counts the changes of the state; whoever waits for one subscribes.
    pub(super) changed: watch::Sender<u64>,
    /// The agent that runs Pods, once it was started.
    pub(super) node: OnceLock<Node>,
    /// Ends what goes on without a request: the node's agent, and connections to Pods.
    pub(super) stopping: CancellationToken,
}

impl ClusterServer {
    /// Opens the cluster of `state_file`, or starts a new one from `seed`, and serves it on a free
    /// loopback port. Its lag is AWS's.
    pub async fn start(
        state_file: &Path,
        seed: ClusterSeed,
        conduct: &Conduct,
    ) -> io::Result<Self> {
        let clock = conduct.clock.clone();
        let store = Store::open(state_file, || seed.grow(&clock))?;
        store.set(|state| state.clock = clock.clone());
        let acceptor = store.read(|state| state.authority.server_config(&SERVER))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let cluster = Arc::new(Cluster {
            store,
            address: listener.local_addr()?,
            clock,
            latency: conduct.latency,
            faults: conduct.faults.clone(),
            requests: Mutex::default(),
            changed: watch::Sender::new(0),
            node: OnceLock::new(),
            stopping: CancellationToken::new(),
        });
        let connections = TlsConnections::new(listener, acceptor)?;
        let connections = Fused::listener(connections);
        let router = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&cluster))
            .into_make_service_with_connect_info::<Fuse>();
        let task = tokio::spawn(
            axum::serve(connections, router)
                .with_graceful_shutdown(cluster.stopping.clone().cancelled_owned())
                .into_future(),
        );
        tokio::spawn(controllers::run(Arc::clone(&cluster)));
        Ok(Self {
            stop: cluster.stopping.clone().drop_guard(),
            cluster,
            task,
        })
    }

    /// Returns the server's URL.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.cluster.address)
    }

    /// Returns the certificate that clients verify the server with.
    pub fn ca_pem(&self) -> String {
        self.cluster
            .store
            .read(|state| state.authority.certificate_pem.clone())
    }

    /// Returns the `iss` of the service accounts' tokens.
    pub fn issuer(&self) -> String {
        self.cluster.store.read(|state| state.issuer.clone())
    }

    /// Returns the public keys that verify the service accounts' tokens.
    pub fn jwks(&self) -> Value {
        self.cluster.store.read(|state| state.signing_key.jwks())
    }

    /// Returns the administrator's bearer token.
    pub fn kubeconfig_user_token(&self) -> String {
        self.cluster.store.read(|state| state.admin_token.clone())
    }

    /// Returns the requests answered so far, oldest first.
    pub fn requests(&self) -> Vec<RequestLine> {
        self.cluster
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The cluster's state.
    pub fn state(&self) -> &Store<ClusterState> {
        &self.cluster.store
    }

    /// Tells of each change of the state; for whoever waits for one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.cluster.changed.subscribe()
    }

    /// Stops taking requests and lets those under way finish.
    pub async fn stop(self) {
        drop(self.stop);
        let mut task = self.task;
        if tokio::time::timeout(GRACE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Cluster {
    /// Changes the state, or with `dry_run` a copy of it.
    pub(super) fn change(
        &self,
        dry_run: bool,
        change: &mut dyn FnMut(&mut ClusterState) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        if dry_run {
            return change(&mut self.store.read(Clone::clone));
        }
        let outcome = self.store.write(change).map_err(Refusal::internal)?;
        if outcome.is_ok() {
            self.changed.send_modify(|count| *count += 1);
        }
        outcome
    }
}

async fn handle(
    State(cluster): State<Arc<Cluster>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: Request,
) -> Response {
    if !cluster.latency.is_zero() {
        tokio::time::sleep(cluster.latency).await;
    }
    let (head, body) = request.into_parts();
    let fault = cluster.faults.as_ref().and_then(|all| {
        let operation = format!("{} {}", head.method, head.uri.path());
        all.next(
            &operation,
            faults::sorts(&head, exec::wanted(&head).is_some()),
        )
    });
    meet(fault, &fuse, faults::refusal, || {
        answer(&cluster, head, body)
    })
    .await
}

async fn answer(cluster: &Arc<Cluster>, mut head: Parts, body: Body) -> Response {
    let (response, write) = if let Some(target) = exec::wanted(&head) {
        (exec::answer(cluster, &mut head, &target).await, false)
    } else {
        match axum::body::to_bytes(body, LARGEST_BODY).await {
            Ok(bytes) => router::answer(cluster, &head, &bytes),
            Err(error) => {
                let refusal = Refusal::bad_request(format!("cannot read the body: {error}"));
                (refusal.into_response(), false)
            }
        }
    };
    cluster
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(RequestLine {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            write,
            status: response.status().as_u16(),
        });
    response
}

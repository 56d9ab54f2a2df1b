//! Sends requests to the API server: logs every attempt, retries what a busy server refuses, and
//! logs in again, once, when the server no longer knows us.
//!
//! A token of an EKS user lives a quarter of an hour, and not every plugin says so. Logging in again
//! reads the kubeconfig anew, so that a login in another window counts, and runs the plugin again.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{RETRY_AFTER, UPGRADE};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tower_service::Service;

use super::connect::ClusterSettings;
use super::error::{ClusterError, ClusterErrorKind, causes};
use super::kubeconfig::Access;
use super::proxy::ProxyEnvironment;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::line::WireLine;
use crate::clients::wire::{WireLog, WireRecord};

/// How often a request is sent at most; a new login does not count.
const ATTEMPTS: u32 = 4;

/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long before its end a login is renewed.
const EARLY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service under our [`Client`]. It owns another one, which knows TLS, proxies and credentials.
#[derive(Clone)]
pub(super) struct Transport {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ClusterSettings,
    wire: WireLog,
    server: String,
    certificate_authority: Option<String>,
    origin: String,
    login: Mutex<Login>,
    renewing: tokio::sync::Mutex<()>,
}

/// A client with the credentials of one login.
#[derive(Clone)]
struct Login {
    number: u32,
    client: Client,
    expires: Option<jiff::Timestamp>,
}

impl Login {
    fn is_over(&self, now: jiff::Timestamp) -> bool {
        self.expires.is_some_and(|expires| now + EARLY >= expires)
    }
}

impl Transport {
    pub(super) async fn connect(
        settings: ClusterSettings,
        wire: WireLog,
    ) -> Result<(Self, Access), ClusterError> {
        let (login, access) = log_in(&settings, 1, &wire).await?;
        let shared = Shared {
            settings,
            wire,
            server: access.server.clone(),
            certificate_authority: access.certificate_authority.clone(),
            origin: origin(&access.config.cluster_url),
            login: Mutex::new(login),
            renewing: tokio::sync::Mutex::default(),
        };
        let transport = Self {
            shared: Arc::new(shared),
        };
        Ok((transport, access))
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let mut attempt = 0;
        let mut sent = 0;
        let mut renewed = false;
        let login = self.shared.login();
        if login.is_over(self.shared.wire.now()) {
            self.shared.renew(login.number).await?;
        }
        loop {
            attempt += 1;
            sent += 1;
            let login = self.shared.login();
            let response = self.shared.attempt(&login, &head, &body, sent).await?;
            match response.status() {
                StatusCode::UNAUTHORIZED if !renewed => {
                    self.shared.renew(login.number).await?;
                    renewed = true;
                    attempt -= 1;
                }
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
                    if attempt < ATTEMPTS =>
                {
                    tokio::time::sleep(pause(response.headers(), attempt)).await;
                }
                _ => return Ok(response),
            }
        }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().send(request).boxed()
    }
}

impl Shared {
    fn login(&self) -> Login {
        self.login
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Logs in again, unless somebody else did since login `number`. It must still be the same
    /// cluster: the kubeconfig may have changed under us.
    async fn renew(&self, number: u32) -> Result<(), ClusterError> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.login().number != number {
            return Ok(());
        }
        let (login, access) = log_in(&self.settings, number + 1, &self.wire).await?;
        if access.server != self.server
            || access.certificate_authority != self.certificate_authority
        {
            return Err(ClusterError::new(
                "kubeconfig",
                ClusterErrorKind::Kubeconfig,
                &format!(
                    "the context pointed at {} and now points at {}, or its certificate authority \
                     changed",
                    self.server, access.server
                ),
            ));
        }
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = login;
        Ok(())
    }

    async fn attempt(
        &self,
        login: &Login,
        head: &request::Parts,
        body: &Bytes,
        number: u32,
    ) -> Result<Response<Body>, BoxError> {
        let path = head.uri.path();
        let mut record = WireRecord::new(
            self.wire.now(),
            "kubernetes",
            head.method.as_str(),
            &format!("{} {path}", head.method),
            &self.origin,
        );
        record.attempt = number;
        record.write = is_write(&head.method, &head.uri);
        let request = Request::from_parts(head.clone(), Body::from(body.clone()));
        let mut passage = self.wire.pass(|| Call {
            client: "kubernetes",
            operation: record.operation.clone(),
            input: sent(head, body),
            write: record.write,
        })?;
        let line = WireLine::start(&self.wire, record);
        let answer = match passage.instead().await? {
            Some(Ended::Answered(answer)) => rebuilt(answer),
            Some(Ended::Failed(how)) => Err(kube::Error::Service(how.into())),
            Some(Ended::GivenUp) => std::future::pending().await,
            None if passage.is_watched() && !head.headers.contains_key(UPGRADE) => {
                match login.client.send(request).await {
                    Ok(response) => whole(response).await,
                    Err(error) => Err(error),
                }
            }
            None => login
                .client
                .send(request)
                .await
                .map(|response| (response, Bytes::new())),
        };
        passage.end(|| match &answer {
            Ok((response, body)) => Ended::Answered(told(response, body)),
            Err(error) => Ended::Failed(root_cause(error)),
        })?;
        let answer = match answer {
            Ok((response, _)) => {
                let id = response.headers().get("audit-id");
                let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
                line.answered(response.status().as_u16(), id);
                with_reason(response).await
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok((response, reason)) => {
                if let Some(reason) = reason {
                    line.failed(&reason);
                }
                Ok(response)
            }
            Err(error) => {
                line.failed(match error {
                    kube::Error::Auth(_) => "no credentials",
                    _ => "no answer, or cut off",
                });
                Err(error.into())
            }
        }
    }
}

/// Reads the kubeconfig, fetches credentials and builds a client. To the gate this is one call, whose
/// answer holds no credentials.
async fn log_in(
    settings: &ClusterSettings,
    number: u32,
    wire: &WireLog,
) -> Result<(Login, Access), ClusterError> {
    let closed = |error: std::io::Error| ClusterError::kubeconfig(&error.to_string());
    let context = settings.context.as_deref();
    let mut passage = wire
        .pass(|| Call {
            client: "kubernetes",
            operation: format!("connect to {}", context.unwrap_or("the current context")),
            input: Bytes::new(),
            write: false,
        })
        .map_err(closed)?;
    let access = match passage.instead().await.map_err(closed)? {
        Some(Ended::Answered(answer)) => Access::told(&answer.body),
        Some(Ended::Failed(error)) => Err(ClusterError::read(&error)),
        Some(Ended::GivenUp) => std::future::pending().await,
        None => access(settings).await,
    };
    passage
        .end(|| match &access {
            Ok((access, expires)) => Ended::Answered(Answer {
                status: 0,
                headers: Vec::new(),
                body: access.written(*expires).into(),
            }),
            Err(error) => Ended::Failed(error.written()),
        })
        .map_err(closed)?;
    let (access, expires) = access?;
    let client = Client::try_from(access.config.clone())
        .map_err(|error| ClusterError::from_kube("connect", &error))?;
    let login = Login {
        number,
        client,
        expires,
    };
    Ok((login, access))
}

fn root_cause(error: &kube::Error) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Returns the way to the cluster with the user's credentials, and until when those are good.
async fn access(
    settings: &ClusterSettings,
) -> Result<(Access, Option<jiff::Timestamp>), ClusterError> {
    let mut access = Access::resolve(
        settings.kubeconfig.as_deref(),
        settings.context.as_deref(),
        &ProxyEnvironment::read(),
    )?;
    let expires = match &access.plugin {
        Some(plugin) => plugin.authenticate(&mut access.config.auth_info).await?,
        None => None,
    };
    Ok((access, expires))
}

/// Reads the whole answer, for whoever keeps the gate.
async fn whole(response: Response<Body>) -> Result<(Response<Body>, Bytes), kube::Error> {
    let (head, body) = response.into_parts();
    let body = body.collect_bytes().await?;
    let response = Response::from_parts(head, Body::from(body.clone()));
    Ok((response, body))
}

/// Path, query and body: what is asked, whoever is asked.
fn sent(head: &request::Parts, body: &Bytes) -> Bytes {
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut sent = format!("{} {target}\n", head.method).into_bytes();
    sent.extend_from_slice(body);
    sent.into()
}

fn told(response: &Response<Body>, body: &Bytes) -> Answer {
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Answer {
        status: response.status().as_u16(),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: body.clone(),
    }
}

fn rebuilt(answer: Answer) -> Result<(Response<Body>, Bytes), kube::Error> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = answer.body;
    let response = response.body(Body::from(body.clone()));
    Ok((response.map_err(kube::Error::HttpError)?, body))
}

/// Takes the reason out of a refusal. Refusals are small; all other bodies stay streams.
async fn with_reason(
    response: Response<Body>,
) -> Result<(Response<Body>, Option<String>), kube::Error> {
    #[derive(Deserialize)]
    struct Refusal {
        reason: String,
    }

    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok((response, None));
    }
    let (head, body) = response.into_parts();
    let body = body.collect_bytes().await?;
    let reason = serde_json::from_slice(&body).map(|refusal: Refusal| refusal.reason);
    Ok((
        Response::from_parts(head, Body::from(body)),
        Some(reason.unwrap_or_else(|_| status.canonical_reason().unwrap_or("refused").into())),
    ))
}

/// A token, a question about rights and a dry run change nothing.
fn is_write(method: &Method, uri: &Uri) -> bool {
    let path = uri.path();
    let asks_only = path.ends_with("/token")
        || path.ends_with("accessreviews")
        || path.ends_with("rulesreviews")
        || uri.query().is_some_and(|query| query.contains("dryRun="));
    !method.is_safe() && !asks_only
}

fn pause(headers: &HeaderMap, attempt: u32) -> Duration {
    headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map_or_else(
            || Duration::from_millis(100) * 4_u32.pow(attempt - 1),
            Duration::from_secs,
        )
        .min(LONGEST_WAIT)
}

fn origin(server: &Uri) -> String {
    let scheme = server.scheme_str().unwrap_or("https");
    let host = server.host().unwrap_or_default();
    server.port_u16().map_or_else(
        || format!("{scheme}://{host}"),
        |port| format!("{scheme}://{host}:{port}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_the_cluster_counts_as_a_write() {
        let write = |method, uri: &str| is_write(&method, &uri.parse().unwrap());
        let account = "/api/v1/namespaces/rok/serviceaccounts/rok";
        assert!(write(Method::PATCH, account));
        assert!(write(Method::DELETE, account));
        assert!(!write(Method::GET, account));
        assert!(!write(Method::POST, &format!("{account}/token")));
        assert!(!write(Method::PATCH, &format!("{account}?dryRun=All")));
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert!(!write(Method::POST, review));
    }

    #[test]
    fn a_server_sets_the_pause_within_bounds() {
        let mut headers = HeaderMap::new();
        assert_eq!(pause(&headers, 1), Duration::from_millis(100));
        assert_eq!(pause(&headers, 3), Duration::from_millis(1600));
        headers.insert(RETRY_AFTER, "1".parse().unwrap());
        assert_eq!(pause(&headers, 3), Duration::from_secs(1));
        headers.insert(RETRY_AFTER, "3600".parse().unwrap());
        assert_eq!(pause(&headers, 1), LONGEST_WAIT);
    }

    #[test]
    fn the_target_is_scheme_host_and_port() {
        let of = |server: &str| origin(&server.parse().unwrap());
        assert_eq!(of("https://user:pw@h:6443/prefix"), "https://h:6443");
        assert_eq!(
            of("https://abc.eks.amazonaws.com"),
            "https://abc.eks.amazonaws.com"
        );
    }
}

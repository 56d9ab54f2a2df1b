//! The metadata service of the cluster's nodes, which gives tokens of the managed identities that
//! their scale set has.
//!
//! A Pod's request meets the agent of Pod identity first: it is answered for the identity that the
//! Pod is bound to, turned away, or let through. Who is let through is the node, and must choose
//! among its identities.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as Arriving, State};
use axum::response::{IntoResponse as _, Response as Answered};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::AzureServer;
use super::authority::{Audience, LIFE, Principal};
use super::call::Query;
use super::cloud::Cloud;
use super::state::{AzureState, Identity, key};
use crate::sandbox::clock::Clock;
use crate::sandbox::cluster::{Interception, PodIdentities};

const TOKEN: &str = "/metadata/identity/oauth2/token";
/// Nobody asks for a token with more than this.
const LARGEST_BODY: usize = 64 << 10;

/// The metadata service of one scale set, and the agent of Pod identity before it.
#[derive(Clone)]
pub struct Imds {
    cloud: Arc<Cloud>,
    scale_set: String,
    pods: PodIdentities,
}

/// The service on a port of loopback, as one Pod sees it. Dropping it stops it.
#[derive(Debug)]
pub struct ImdsServer {
    address: SocketAddr,
    _stop: DropGuard,
}

/// Which identity a request wants, and for what.
#[derive(Default)]
struct Wish {
    resource: String,
    client_id: Option<String>,
    object_id: Option<String>,
    resource_id: Option<String>,
}

/// Why there is no token: the code and the words of an error.
struct Denial(&'static str, String);

impl Denial {
    fn invalid(words: impl Into<String>) -> Self {
        Self("invalid_request", words.into())
    }

    fn document(&self) -> Value {
        json!({ "error": self.0, "error_description": self.1 })
    }
}

impl AzureServer {
    /// Returns the metadata service of the scale set with this resource id, whose Pods are these.
    pub fn imds(&self, scale_set: &str, pods: PodIdentities) -> Imds {
        Imds {
            cloud: Arc::clone(&self.cloud),
            scale_set: key(scale_set),
            pods,
        }
    }
}

impl ImdsServer {
    /// Returns what a client takes for `http://169.254.169.254`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Imds {
    /// Returns the node's clock.
    pub fn clock(&self) -> Clock {
        self.cloud.conduct.clock.clone()
    }

    /// Serves on a free port what a Pod meets at the address of the metadata service.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn serve(self, namespace: &str, pod: &str) -> io::Result<ImdsServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new((self, namespace.to_owned(), pod.to_owned()));
        let router = Router::new().fallback(serve).with_state(seen);
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
        });
        Ok(ImdsServer {
            address,
            _stop: stopping.drop_guard(),
        })
    }

    /// Answers a request that a Pod sends to the metadata service.
    pub fn answer_pod(
        &self,
        namespace: &str,
        pod: &str,
        request: &Request<Vec<u8>>,
    ) -> Response<Vec<u8>> {
        if request.uri().path().trim_end_matches('/') != TOKEN {
            return self.answer_node(request);
        }
        let wish = match self.wish(request) {
            Ok(wish) => wish,
            Err(denial) => return self.json(StatusCode::BAD_REQUEST, &denial.document()),
        };
        let (client, resource) = (wish.client_id.as_deref(), wish.resource_id.as_deref());
        match self.pods.of_pod(namespace, pod, client, resource) {
            Interception::Passed => self.answer_node(request),
            Interception::NotFound(words) => self.plain(StatusCode::NOT_FOUND, &words),
            Interception::Identity { client_id, .. } => {
                let bound = Wish {
                    resource: wish.resource,
                    client_id: Some(client_id),
                    ..Wish::default()
                };
                match self.token(&bound) {
                    // The agent writes the document anew, with what its library knows of a token.
                    Ok((token, now)) => self.json(
                        StatusCode::OK,
                        &json!({
                            "access_token": token,
                            "refresh_token": "",
                            "expires_in": LIFE.as_secs().to_string(),
                            "expires_on": (now + LIFE).as_second().to_string(),
                            "not_before": now.as_second().to_string(),
                            "resource": bound.resource,
                            "token_type": "Bearer",
                        }),
                    ),
                    Err(denial) => {
                        let words = format!(
                            "failed to acquire token using MSI for user assigned identity, error: adal: Refresh request failed. Status Code = '400'. Response body: {}",
                            denial.document()
                        );
                        self.plain(StatusCode::FORBIDDEN, &words)
                    }
                }
            }
        }
    }

    /// Answers a request of the node itself.
    fn answer_node(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if request.uri().path().trim_end_matches('/') != TOKEN {
            let nothing = json!({ "error": "Not found" });
            return self.json(StatusCode::NOT_FOUND, &nothing);
        }
        let given = self.wish(request).and_then(|wish| {
            let (token, now) = self.token(&wish)?;
            Ok(json!({
                "access_token": token,
                "client_id": wish.client_id.unwrap_or_default(),
                "expires_in": LIFE.as_secs().to_string(),
                "expires_on": (now + LIFE).as_second().to_string(),
                "ext_expires_in": LIFE.as_secs().to_string(),
                "not_before": now.as_second().to_string(),
                "resource": wish.resource,
                "token_type": "Bearer",
            }))
        });
        match given {
            Ok(document) => self.json(StatusCode::OK, &document),
            Err(denial) => self.json(StatusCode::BAD_REQUEST, &denial.document()),
        }
    }

    /// Reads what is wanted. The header keeps out who was sent here by somebody else.
    fn wish(&self, request: &Request<Vec<u8>>) -> Result<Wish, Denial> {
        let header = request.headers().get("metadata");
        let is_there = header.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        if !is_there {
            return Err(Denial::invalid("Required metadata header not specified"));
        }
        let query = Query::parse(request.uri().query().unwrap_or_default());
        if query.get("api-version").is_none() {
            return Err(Denial::invalid(
                "Required query variable 'api-version' is missing",
            ));
        }
        let resource = query
            .get("resource")
            .filter(|resource| !resource.is_empty());
        let resource =
            resource.ok_or_else(|| Denial::invalid("Required audience parameter not specified"))?;
        if Audience::of(resource).is_none() {
            let tenant = self.cloud.store.read(|state| state.tenant.clone());
            return Err(Denial(
                "invalid_resource",
                format!(
                    "AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."
                ),
            ));
        }
        let text = |name: &str| {
            query
                .get(name)
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
        };
        Ok(Wish {
            resource: resource.to_owned(),
            client_id: text("client_id"),
            object_id: text("object_id"),
            resource_id: text("mi_res_id").or_else(|| text("msi_res_id")),
        })
    }

    /// Makes a token of an identity that the scale set has and the directory knows.
    fn token(&self, wish: &Wish) -> Result<(String, Timestamp), Denial> {
        let now = self.clock().now();
        self.cloud.store.read(|state| {
            let identity = self.identity(state, wish, now)?;
            let principal = Principal::of_identity(identity);
            Ok((state.tokens.issue(&principal, &wish.resource, now), now))
        })
    }

    fn identity<'a>(
        &self,
        state: &'a AzureState,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<&'a Identity, Denial> {
        let assigned = state.scale_sets.get(&self.scale_set);
        let assigned = assigned
            .map(|set| set.identities.as_slice())
            .unwrap_or_default();
        let is = |found: &str, wanted: &Option<String>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| key(found) == key(wanted))
        };
        let is_meant = |identity: &&Identity| {
            is(&identity.client_id, &wish.client_id)
                && is(&identity.principal_id, &wish.object_id)
                && is(&identity.id, &wish.resource_id)
        };
        let mut found = assigned
            .iter()
            .filter_map(|id| state.identities.get(&key(id)))
            .filter(is_meant);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Denial::invalid(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
            )),
            (Some(identity), None) if identity.known.seen(now).is_some() => Ok(identity),
            _ => Err(Denial::invalid("Identity not found")),
        }
    }

    fn json(&self, status: StatusCode, document: &Value) -> Response<Vec<u8>> {
        self.respond(
            status,
            "application/json; charset=utf-8",
            &[],
            document.to_string(),
        )
    }

    /// The way in which the agent, a program in Go, says that something is wrong.
    fn plain(&self, status: StatusCode, words: &str) -> Response<Vec<u8>> {
        let nosniff = [("x-content-type-options", "nosniff")];
        self.respond(
            status,
            "text/plain; charset=utf-8",
            &nosniff,
            format!("{words}\n"),
        )
    }

    fn respond(
        &self,
        status: StatusCode,
        content_type: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response<Vec<u8>> {
        let now = self.clock().now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        let mut response = Response::builder()
            .status(status)
            .header("content-type", content_type);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response
            .header("date", now.to_string())
            .header("content-length", body.len())
            .body(body.into_bytes())
            .expect("our own headers are headers")
    }
}

async fn serve(State(seen): State<Arc<(Imds, String, String)>>, request: Arriving) -> Answered {
    let (imds, namespace, pod) = &*seen;
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request::from_parts(head, body.to_vec());
    imds.answer_pod(namespace, pod, &request)
        .map(axum::body::Body::from)
}

//! From an HTTP request to an answer: which service, who asks, what it says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, IF_MATCH};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::authority::Audience;
use super::call::{Answer, Call, Query};
use super::cloud::{Cloud, RequestLine};
use super::path::ResourcePath;
use super::refusal::Refusal;
use super::route::Route;
use super::{arm, blob, entra, faults, federation, graph, jsonc, metadata, operation};
use crate::sandbox::faults::{Fault, Faults, Fuse, meet};
use crate::sandbox::random;

/// Larger than any blob that is kept, so that its refusal can be read.
const LARGEST_BODY: usize = 16 << 20;
/// How long a write to a federated credential takes; another one meanwhile is refused.
const CREDENTIAL_WRITE: Duration = Duration::from_millis(5);

/// A request that has arrived whole.
#[derive(Clone)]
pub(super) struct Arrived {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) now: Timestamp,
    pub(super) id: String,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Service {
    Arm,
    Entra,
    Graph,
    /// The Blob service of a storage account.
    Blob,
}

/// How a request went: for the log, and for the caller.
pub(super) struct Outcome {
    pub(super) operation: String,
    pub(super) write: bool,
    pub(super) response: Response,
}

impl Service {
    fn of(cloud: &Cloud, parts: &Parts) -> Self {
        if blob::is_for(cloud, parts) {
            return Self::Blob;
        }
        let mut segments = parts.uri.path().split('/').filter(|part| !part.is_empty());
        match segments.next() {
            Some("v1.0" | "beta") => Self::Graph,
            _ if entra::Operation::of(parts).is_some() => Self::Entra,
            _ => Self::Arm,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Arm => "arm",
            Self::Entra => "entra",
            Self::Graph => "graph",
            Self::Blob => "blob",
        }
    }
}

pub(super) async fn serve(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: Request,
) -> Response {
    tokio::time::sleep(cloud.conduct.latency).await;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return with_status(StatusCode::PAYLOAD_TOO_LARGE, Body::empty());
    };
    let service = Service::of(&cloud, &parts);
    let arrived = Arrived {
        parts,
        body,
        now: cloud.conduct.clock.now(),
        id: random::uuid(),
    };
    let fault = cloud
        .conduct
        .faults
        .as_ref()
        .and_then(|all| fate(all, &service, &arrived));
    let refuse_with = |refused| {
        let response = match &service {
            Service::Entra => entra::refuse(&faults::of_entra(refused), &arrived),
            Service::Blob => blob::refuse_fault(refused, &arrived),
            Service::Arm | Service::Graph => refuse(&faults::of_arm(refused)),
        };
        finished(response, &arrived)
    };
    meet(fault, &fuse, refuse_with, async || {
        // It may have had to wait.
        let arrived = Arrived {
            now: cloud.conduct.clock.now(),
            ..arrived.clone()
        };
        finished(answer(&cloud, &service, &arrived).await, &arrived)
    })
    .await
}

/// Puts on every answer what every answer has.
fn finished(mut response: Response, arrived: &Arrived) -> Response {
    let headers = response.headers_mut();
    let id = HeaderValue::try_from(&arrived.id).expect("an id is hexadecimal");
    let asked = |name| arrived.parts.headers.get(name).cloned();
    let correlation = asked("x-ms-correlation-request-id").unwrap_or_else(|| id.clone());
    headers.insert("x-ms-request-id", id);
    headers.insert("x-ms-correlation-request-id", correlation);
    if let Some(client) = asked("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", client);
    }
    // Clients see by it whose clock is wrong.
    let date = arrived
        .now
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    headers.insert(DATE, HeaderValue::try_from(date).expect("a date is text"));
    if arrived.parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// What is to go wrong with a request.
fn fate(all: &Faults, service: &Service, arrived: &Arrived) -> Option<Fault> {
    let operation = match service {
        Service::Arm => arm_operation(&arrived.parts),
        Service::Entra => entra::Operation::of(&arrived.parts)?.name().to_owned(),
        Service::Graph => arrived.parts.uri.path().to_owned(),
        Service::Blob => blob::operation(&arrived.parts),
    };
    let carries_token = arrived.parts.headers.contains_key("authorization");
    let sorts = faults::sorts(service, carries_token);
    all.next(&format!("{}:{operation}", service.name()), sorts)
}

fn arm_operation(parts: &Parts) -> String {
    let path = ResourcePath::parse(parts.uri.path());
    let route = path.and_then(|path| Route::find(parts.method.as_str(), &path));
    route.map_or_else(|| parts.uri.path().to_owned(), |route| route.action())
}

async fn answer(cloud: &Cloud, service: &Service, arrived: &Arrived) -> Response {
    if let Err(refusal) = operation::go_on(cloud, arrived.now) {
        return refuse(&refusal);
    }
    let outcome = match service {
        Service::Arm => manage(cloud, arrived).await,
        Service::Entra => entra::answer(cloud, arrived),
        Service::Graph => graph::answer(cloud, arrived),
        Service::Blob => blob::answer(cloud, arrived),
    };
    cloud.note(RequestLine {
        service: service.name(),
        operation: outcome.operation,
        path: arrived.parts.uri.path().to_owned(),
        write: outcome.write,
        status: outcome.response.status().as_u16(),
    });
    outcome.response
}

/// Resource Manager's answer.
async fn manage(cloud: &Cloud, arrived: &Arrived) -> Outcome {
    let query = Query::parse(arrived.parts.uri.query().unwrap_or_default());
    if let Some(document) = metadata::document(cloud, arrived.parts.uri.path(), &query) {
        return Outcome {
            operation: "metadata".into(),
            write: false,
            response: json(StatusCode::OK, &document),
        };
    }
    let path = ResourcePath::parse(arrived.parts.uri.path());
    let method = arrived.parts.method.as_str();
    let route = path.as_ref().and_then(|path| Route::find(method, path));
    let outcome = match (&path, route) {
        (Some(path), Some(route)) => control(cloud, arrived, &query, path, route).await,
        (Some(path), None) => Err(arm::unknown(path)),
        (None, _) => Err(Refusal::new(
            404,
            "NotFound",
            "The practice cloud is not there.",
        )),
    };
    Outcome {
        operation: arm_operation(&arrived.parts),
        write: match route {
            Some(route) => route.is_write(),
            None => !matches!(
                arrived.parts.method,
                Method::GET | Method::HEAD | Method::POST
            ),
        },
        response: match outcome {
            Ok(answer) => written(answer),
            Err(refusal) => refuse(&refusal),
        },
    }
}

async fn control(
    cloud: &Cloud,
    arrived: &Arrived,
    query: &Query,
    path: &ResourcePath,
    route: Route,
) -> Result<Answer, Refusal> {
    let caller = arm::identify(
        cloud,
        bearer(&arrived.parts),
        Audience::Management,
        arrived.now,
    )?;
    let body = match arrived.body.as_ref() {
        [] => Value::Null,
        bytes => jsonc::parse(bytes).map_err(|error| {
            Refusal::content(format!(
                "The request content was invalid and could not be deserialized: '{error}'."
            ))
        })?,
    };
    let endpoint = cloud.endpoint();
    let if_match = arrived.parts.headers.get(IF_MATCH);
    let call = Call {
        method: &arrived.parts.method,
        path,
        query,
        body: &body,
        if_match: if_match.and_then(|value| value.to_str().ok()),
        caller: &caller,
        now: arrived.now,
        lag: cloud.conduct.lag,
        is_patient: false,
        endpoint: &endpoint,
    };
    if !federation::is_write(&route) {
        return arm::answer(cloud, route, &call);
    }
    let Some(_writing) = cloud.begin(path.owner()) else {
        return Err(federation::concurrent(path.owner()));
    };
    tokio::time::sleep(CREDENTIAL_WRITE).await;
    arm::answer(cloud, route, &call)
}

/// The token that a request brings.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

pub(super) fn refuse(refusal: &Refusal) -> Response {
    let answer = Answer {
        status: refusal.status,
        body: refusal.document(),
        headers: refusal.headers.clone(),
    };
    let mut response = written(answer);
    if let Ok(code) = HeaderValue::try_from(refusal.code.as_ref()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-ms-error-code"), code);
    }
    response
}

fn written(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Value::Null => with_status(status, Body::empty()),
        body => json(status, &body),
    };
    for (name, value) in answer.headers {
        let value = HeaderValue::try_from(value).expect("headers are text");
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = with_status(status, Body::from(value.to_string()));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

pub(super) fn with_status(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

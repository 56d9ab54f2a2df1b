//! Leads every attempt of every AWS call through the gate.
//!
//! What the SDK fetches on its own for credentials is none of our calls and stays out of it.

use std::time::SystemTime;

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;

use super::error::causes;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::wire::WireLog;

/// What a request is, for the gate; the wire's interceptor puts it on those that are ours.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) operation: String,
    pub(super) write: bool,
}

/// An HTTP client behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gated {
    pub(super) client: SharedHttpClient,
    pub(super) wire: WireLog,
}

impl HttpClient for Gated {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(GatedConnector {
            connector: self.client.http_connector(settings, components),
            wire: self.wire.clone(),
        })
    }
}

#[derive(Debug, Clone)]
struct GatedConnector {
    connector: SharedHttpConnector,
    wire: WireLog,
}

impl HttpConnector for GatedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.pass(request).await })
    }
}

impl GatedConnector {
    async fn pass(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let Some(named) = request.extension::<Named>().cloned() else {
            return self.connector.call(request).await;
        };
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "aws",
                operation: named.operation,
                input: sent(&request),
                write: named.write,
            })
            .map_err(closed)?;
        if let Some(ended) = passage.instead().await.map_err(closed)? {
            passage.end(|| ended.clone()).map_err(closed)?;
            return match ended {
                Ended::Answered(answer) => response(answer),
                Ended::Failed(how) => Err(failed(&how)),
                Ended::GivenUp => std::future::pending().await,
            };
        }
        if !passage.is_watched() {
            return self.connector.call(request).await;
        }
        match self.whole(request).await {
            Ok(answer) => {
                passage
                    .end(|| Ended::Answered(answer.clone()))
                    .map_err(closed)?;
                response(answer)
            }
            Err(error) => {
                passage.end(|| Ended::Failed(how(&error))).map_err(closed)?;
                Err(error)
            }
        }
    }

    async fn whole(&self, request: HttpRequest) -> Result<Answer, ConnectorError> {
        let mut response = self.connector.call(request).await?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let body = ByteStream::new(response.take_body())
            .collect()
            .await
            .map_err(|error| ConnectorError::io(error.into()))?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: body.into_bytes(),
        })
    }
}

/// Path, query and body: what is asked, whoever is asked.
fn sent(request: &HttpRequest) -> Bytes {
    let target = url::Url::parse(request.uri()).map_or_else(
        |_| request.uri().to_owned(),
        |url| url[url::Position::BeforePath..].to_owned(),
    );
    let mut sent = format!("{} {target}\n", request.method()).into_bytes();
    sent.extend_from_slice(request.body().bytes().unwrap_or_default());
    sent.into()
}

fn response(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(answer.status).map_err(|error| closed_by(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in answer.headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// Puts a failure into words that [`failed`] understands: the SDK goes by its kind, people by its
/// innermost cause.
fn how(error: &ConnectorError) -> String {
    let kind = match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_io() => "io",
        _ if error.is_user() => "user",
        _ => "other",
    };
    let root = causes(error).last().map(ToString::to_string);
    let root = root.unwrap_or_default();
    format!("{kind}: {root}")
}

fn failed(how: &str) -> ConnectorError {
    let (kind, root) = how.split_once(": ").unwrap_or(("other", how));
    let root = root.to_owned().into();
    match kind {
        "timeout" => ConnectorError::timeout(root),
        "io" => ConnectorError::io(root),
        "user" => ConnectorError::user(root),
        _ => ConnectorError::other(root, None),
    }
}

/// Not a failure of the network: nothing is gained by another attempt.
fn closed(error: std::io::Error) -> ConnectorError {
    closed_by(error.into())
}

fn closed_by(error: Box<dyn std::error::Error + Send + Sync>) -> ConnectorError {
    ConnectorError::user(error)
}

/// The time that requests are signed with.
#[derive(Debug, Clone)]
pub(super) struct WireTime(pub(super) WireLog);

impl TimeSource for WireTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

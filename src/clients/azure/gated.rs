//! The end of the pipeline: leads every attempt of every Azure call through the gate, and writes a
//! line of it.
//!
//! What the SDK fetches on its own for credentials leaves its line too, but does not pass the gate:
//! the look-up that it belongs to does.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Method, Request, StatusCode};
use bytes::Bytes;

use super::attempts::Attempt;
use super::http::{Network, bytes_of};
use super::operation;
use super::said;
use super::unanswered::{How, Unanswered};
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::line::WireLine;
use crate::clients::skew::ClockSkew;
use crate::clients::wire::{WireLog, WireRecord};

/// What a request is, for the gate; those of the SDK have no such name.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) operation: String,
    pub(super) write: bool,
}

/// The network behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gated {
    pub(super) network: Network,
    pub(super) wire: WireLog,
    pub(super) skew: ClockSkew,
}

#[async_trait]
impl Policy for Gated {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        _next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let named = context.value::<Named>();
        let operation = named.map_or_else(
            || operation::named(request.method(), request.url().path()),
            |named| named.operation.clone(),
        );
        let method = request.method();
        let target = request.url().origin().ascii_serialization();
        let now = self.wire.now();
        let mut record = WireRecord::new(now, "azure", method.as_ref(), &operation, &target);
        record.write = named.is_some_and(|named| named.write);
        record.attempt = context.value::<Attempt>().map_or(1, |attempt| attempt.0);
        let line = WireLine::start(&self.wire, record);
        let answered = match named {
            Some(named) => self.pass(named, request).await,
            None => self.network.send(request).await,
        };
        match answered {
            Ok(answer) => {
                self.skew.observe(header(&answer, "date"), self.wire.now());
                line.answered(answer.status, said::request_id(&answer));
                if answer.status >= 400 {
                    line.failed(said::code_of(&answer).as_deref().unwrap_or("refused"));
                }
                Ok(response(answer))
            }
            Err(unanswered) => {
                line.failed(unanswered.how.words());
                // Our own policy decides what is tried again.
                Err(Error::new(ErrorKind::Other, unanswered))
            }
        }
    }
}

impl Gated {
    async fn pass(&self, named: &Named, request: &Request) -> Result<Answer, Unanswered> {
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "azure",
                operation: named.operation.clone(),
                input: sent(request),
                write: named.write,
            })
            .map_err(closed)?;
        let ended = match passage.instead().await.map_err(closed)? {
            Some(Ended::Answered(answer)) => Ok(answer),
            Some(Ended::Failed(how)) => Err(Unanswered::told(&how)),
            Some(Ended::GivenUp) => std::future::pending().await,
            None => self.network.send(request).await,
        };
        passage
            .end(|| match &ended {
                Ok(answer) => Ended::Answered(answer.clone()),
                Err(unanswered) => Ended::Failed(unanswered.tell()),
            })
            .map_err(closed)?;
        ended
    }
}

/// Path, query and body: what is asked, whoever is asked.
fn sent(request: &Request) -> Bytes {
    let target = &request.url()[url::Position::BeforePath..];
    let mut sent = format!("{} {target}\n", verb(request.method())).into_bytes();
    sent.extend_from_slice(&bytes_of(request));
    sent.into()
}

fn verb(method: Method) -> String {
    method.as_ref().to_owned()
}

/// Returns a header of an answer.
pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer
        .headers
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

fn response(answer: Answer) -> AsyncRawResponse {
    let mut headers = Headers::new();
    for (name, value) in answer.headers {
        let name = HeaderName::from(name.to_ascii_lowercase());
        headers.insert(name, HeaderValue::from(value));
    }
    AsyncRawResponse::from_bytes(StatusCode::from(answer.status), headers, answer.body)
}

/// Not a failure of the network: nothing is gained by another attempt.
pub(super) fn closed(error: io::Error) -> Unanswered {
    Unanswered {
        how: How::Never,
        reason: error.to_string(),
    }
}

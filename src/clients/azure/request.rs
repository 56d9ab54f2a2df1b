//! Requests to Resource Manager: one at a time, or page after page.

use std::collections::HashSet;

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, Request, Url};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::attempts::Authorization;
use super::connect::Azure;
use super::error::{AzureError, found};
use super::gated::Named;
use super::operation;
use crate::clients::gate::Answer;

/// How many pages are read at most. A list that never ends is a fault of the server.
pub(super) const PAGES: usize = 1_000;

/// What may stand in a name as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')');

/// Writes a name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// A request that is about to be made.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request,
    operation: Option<String>,
    authorization: Option<Authorization>,
    write: bool,
    is_gated: bool,
}

impl Asked {
    /// Starts one. It changes something unless it is a `GET` or a `POST`.
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            write: !matches!(method, Method::Get | Method::Head | Method::Post),
            request: Request::new(url, method),
            operation: None,
            authorization: None,
            is_gated: true,
        }
    }

    /// Gives it a name that its path does not tell.
    pub(super) fn called(mut self, operation: String) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Has it signed.
    pub(super) fn with(mut self, authorization: Authorization) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        self.request
            .insert_header(name, HeaderValue::from(value.to_owned()));
        self
    }

    /// Adds a body.
    pub(super) fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.request.set_body(body.into());
        self.header("content-type", content_type)
    }

    /// Adds a document.
    pub(super) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Makes it a part of another call that passes the gate itself.
    pub(super) fn outside_of_the_gate(mut self) -> Self {
        self.is_gated = false;
        self
    }

    /// Returns what it is called.
    pub(super) fn operation(&self) -> String {
        self.operation
            .clone()
            .unwrap_or_else(|| operation::named(self.request.method(), self.request.url().path()))
    }
}

/// Sends a request; an answer that is no success is an error.
pub(super) async fn send(pipeline: &Pipeline, mut asked: Asked) -> Result<Answer, AzureError> {
    let operation = asked.operation();
    let mut context = Context::new();
    if asked.is_gated {
        context.insert(Named {
            operation: operation.clone(),
            write: asked.write,
        });
    }
    if let Some(authorization) = asked.authorization {
        context.insert(authorization);
    }
    let options = PipelineSendOptions {
        skip_checks: true,
        ..PipelineSendOptions::default()
    };
    let response = pipeline
        .send(&context, &mut asked.request, Some(options))
        .await
        .map_err(|error| AzureError::of_pipeline(&operation, &error))?;
    let (status, headers, body) = response.deconstruct();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
    let answer = Answer {
        status: status.into(),
        headers: headers.collect(),
        body: Bytes::from(body),
    };
    if (200..300).contains(&answer.status) {
        Ok(answer)
    } else {
        Err(AzureError::of_answer(&operation, &answer))
    }
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(operation: &str, answer: &Answer) -> Result<T, AzureError> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        // Where it broke off stands in it, what was there does not.
        AzureError::incomplete(operation, &format!("expected form: {error}"))
    })
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(default = "Vec::new")]
    value: Vec<T>,
    #[serde(rename = "nextLink")]
    next: Option<String>,
}

impl Azure {
    /// Starts a request to Resource Manager, as the caller.
    pub(super) fn asked(
        &self,
        method: Method,
        path: &str,
        version: &str,
        query: &[(&str, &str)],
    ) -> Result<Asked, AzureError> {
        let endpoint = &self.inner.cloud.resource_manager;
        let mut url = Url::parse(endpoint).map_err(|error| {
            AzureError::configuration(&format!("`{endpoint}` is no endpoint: {error}"))
        })?;
        url.set_path(path);
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .extend_pairs(query);
        Ok(Asked::new(method, url).with(self.as_caller()))
    }

    /// Returns how a request to Resource Manager is signed.
    pub(super) fn as_caller(&self) -> Authorization {
        Authorization::Caller(self.inner.cloud.resource_manager_scope())
    }

    /// Sends a request.
    pub(super) async fn send(&self, asked: Asked) -> Result<Answer, AzureError> {
        send(&self.inner.pipeline, asked)
            .await
            .map_err(|error| self.failed(error))
    }

    /// Reads one resource.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
    ) -> Result<Option<T>, AzureError> {
        let asked = self.asked(Method::Get, path, version, &[])?;
        let operation = asked.operation();
        match found(self.send(asked).await)? {
            Some(answer) => read(&operation, &answer).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a list to its end.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, AzureError> {
        let mut asked = self.asked(Method::Get, path, version, query)?;
        let operation = asked.operation();
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..PAGES {
            let answer = self.send(asked).await?;
            let page: Page<T> = read(&operation, &answer)?;
            items.extend(page.value);
            let Some(next) = page.next.filter(|next| !next.is_empty()) else {
                return Ok(items);
            };
            let url = self.next(&operation, &next)?;
            if !seen.insert(next) {
                break;
            }
            asked = Asked::new(Method::Get, url)
                .with(self.as_caller())
                .called(operation.clone());
        }
        Err(AzureError::incomplete(&operation, "last page"))
    }

    /// Reads a link that a server gave. Only Resource Manager gets the caller's token.
    pub(super) fn next(&self, operation: &str, link: &str) -> Result<Url, AzureError> {
        let here = Url::parse(&self.inner.cloud.resource_manager).ok();
        let url = here.as_ref().and_then(|here| here.join(link).ok());
        match (here, url) {
            (Some(here), Some(url)) if here.origin() == url.origin() => Ok(url),
            _ => Err(AzureError::invalid(
                operation,
                "the answer leads to another server, which must not get our token",
            )),
        }
    }
}

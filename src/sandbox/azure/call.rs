//! A request to Resource Manager, and its answer.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::authority::Principal;
use super::path::ResourcePath;
use super::refusal::Refusal;
use super::state::Tags;
use crate::sandbox::conduct::Lag;

/// A request that has arrived whole, and who sent it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a ResourcePath,
    pub(super) query: &'a Query,
    /// Null where there is none.
    pub(super) body: &'a Value,
    /// The version that the caller believes to change.
    pub(super) if_match: Option<&'a str>,
    pub(super) caller: &'a Principal,
    pub(super) now: Timestamp,
    pub(super) lag: Lag,
    /// Whether whoever asks waits by itself for what has to spread first, as a deployment does.
    pub(super) is_patient: bool,
    /// `https://localhost:port`.
    pub(super) endpoint: &'a str,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Null for none.
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// A listing.
    pub(super) fn list(items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<Value> = items.into_iter().collect();
        Self::ok(serde_json::json!({ "value": items }))
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, Value::Null)
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The query of a request. Names are compared without case.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Call<'_> {
    /// A text of the body by its JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }

    /// A text of the body that must be there.
    pub(super) fn required(&self, pointer: &str) -> Result<&str, Refusal> {
        self.text(pointer)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                let name = pointer.trim_start_matches('/').replace('/', ".");
                Refusal::content(format!(
                    "The request content was invalid: the property '{name}' is missing or not a text."
                ))
            })
    }

    /// The tags of the body; `None` where it has none.
    pub(super) fn tags(&self) -> Result<Option<Tags>, Refusal> {
        match self.body.get("tags") {
            None | Some(Value::Null) => Ok(None),
            Some(tags) => serde_json::from_value(tags.clone()).map(Some).map_err(|_| {
                Refusal::content(
                    "The request content was invalid: tags must be an object of texts.",
                )
            }),
        }
    }
}

/// A moment as Azure writes it.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string()
}

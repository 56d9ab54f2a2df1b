//! What Entra says when it gives no token.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::random;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("AADSTS{code}: {message}")]
pub(in crate::sandbox::azure) struct Denial {
    pub(in crate::sandbox::azure) status: u16,
    /// `invalid_client` and the like, of OAuth.
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    message: String,
}

impl Denial {
    pub(in crate::sandbox::azure) fn new(
        status: u16,
        error: &'static str,
        code: u32,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error,
            code,
            message: message.into(),
        }
    }

    /// The client did not prove who it is.
    pub(super) fn client(code: u32, message: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, message)
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(super) fn document(&self, trace: &str, now: Timestamp) -> Value {
        let correlation = random::uuid();
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        json!({
            "error": self.error,
            "error_description": format!(
                "{self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        })
    }
}

//! The lines of a recording.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redact::{self, Redactor};
use crate::clients::gate::{Answer, Call, Ended};

/// The format's version, `major.minor`. A reader understands its own major and any lower minor.
///
/// - 1.0: the first.
pub const FORMAT: &str = "1.0";

/// The largest body that is kept.
const LARGEST: usize = 1 << 20;

/// The largest body of what a clone holds.
const LARGEST_CLONE: usize = 32 << 20;

/// The headers of answers that anybody reads; `stderr` is what a program wrote there, `command` how
/// it was called.
const HEADERS: [&str; 17] = [
    "content-type",
    "date",
    "retry-after",
    "audit-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amzn-errortype",
    "x-amz-bucket-region",
    "x-ms-request-id",
    "x-ms-correlation-request-id",
    "x-ms-error-code",
    "x-ms-retry-after-ms",
    "retry-after-ms",
    "azure-asyncoperation",
    "location",
    "stderr",
    "command",
];

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// A process begins to work on the run.
    Process(ProcessLine),
    /// A call has ended.
    Call(CallLine),
}

/// What a process knew before its first call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessLine {
    /// [`FORMAT`] of the writer.
    pub format: String,
    /// The version of the program.
    pub tool_version: String,
    /// The number of the journal's last event, from the processes before.
    pub position: u64,
    /// How the process was launched, in the words of whoever reads it again.
    pub session: Value,
}

/// A call and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallLine {
    /// When it ended.
    pub at: jiff::Timestamp,
    /// The number of the journal's last event then.
    pub position: u64,
    /// Whether it was made before the run began, while its answers were looked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub early: bool,
    /// The step that it was made for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Who made it.
    pub client: String,
    /// What was asked or done.
    pub operation: String,
    /// The [`digest`] of what went out with it.
    pub input: String,
    /// Whether it changes something.
    pub write: bool,
    /// How it ended.
    pub ended: EndedLine,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedLine {
    /// With an answer.
    Answered {
        /// The HTTP status or exit code.
        status: u16,
        /// Those headers that are read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
        /// The body.
        body: Body,
    },
    /// Without one.
    Failed(String),
    /// The caller stopped waiting for it.
    GivenUp,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// As text.
    Text(String),
    /// Bytes that are no text.
    Base64(String),
    /// Too large to be kept: its length.
    TooLarge(usize),
}

impl CallLine {
    /// Describes a call that has ended.
    pub fn of(call: &Call, ended: &Ended, redactor: &Redactor, at: jiff::Timestamp) -> Self {
        Self {
            at,
            position: 0,
            early: false,
            step: None,
            client: call.client.into(),
            operation: redact::text(&call.operation),
            input: digest(&call.input, redactor),
            write: call.write,
            ended: EndedLine::of(call, ended, redactor),
        }
    }
}

impl EndedLine {
    fn of(call: &Call, ended: &Ended, redactor: &Redactor) -> Self {
        let answer = match ended {
            Ended::Answered(answer) => answer,
            Ended::Failed(error) => return Self::Failed(redact::text(error)),
            Ended::GivenUp => return Self::GivenUp,
        };
        let is_read = |name: &str| HEADERS.contains(&name.to_ascii_lowercase().as_str());
        let headers = answer.headers.iter().filter(|(name, _)| is_read(name));
        Self::Answered {
            status: answer.status,
            headers: headers
                .map(|(name, value)| (name.clone(), redact::text(value)))
                .collect(),
            body: Body::of(call, &answer.body, redactor),
        }
    }

    /// Returns how the call ended; nothing when its body was not kept.
    pub fn ended(&self) -> Option<Ended> {
        Some(match self {
            Self::Answered {
                status,
                headers,
                body,
            } => Ended::Answered(Answer {
                status: *status,
                headers: headers.clone(),
                body: match body {
                    Body::Text(text) => text.clone().into(),
                    Body::Base64(text) => BASE64_STANDARD.decode(text).ok()?.into(),
                    Body::TooLarge(_) => return None,
                },
            }),
            Self::Failed(error) => Ended::Failed(error.clone()),
            Self::GivenUp => Ended::GivenUp,
        })
    }
}

impl Body {
    fn of(call: &Call, body: &Bytes, redactor: &Redactor) -> Self {
        // What a clone holds is redacted where it is read: its objects must stay whole.
        let is_clone = call.client == "clone";
        let largest = if is_clone { LARGEST_CLONE } else { LARGEST };
        if body.len() > largest {
            return Self::TooLarge(body.len());
        }
        let redacted = if is_clone {
            body.to_vec()
        } else {
            redactor.body(body)
        };
        String::from_utf8(redacted).map_or_else(
            |bytes| Self::Base64(BASE64_STANDARD.encode(bytes.as_bytes())),
            Self::Text,
        )
    }
}

/// Returns what tells one input from another: a hash of it without its secrets.
pub fn digest(input: &[u8], redactor: &Redactor) -> String {
    if input.is_empty() {
        return String::new();
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &redactor.input(input));
    hex(&digest.as_ref()[..16])
}

/// Returns bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(digit).collect()
}

/// Whether this program reads a recording of that format.
pub fn reads(format: &str) -> bool {
    let parts = |format: &str| {
        let (major, minor) = format.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let (ours, theirs) = (parts(FORMAT), parts(format));
    ours.zip(theirs)
        .is_some_and(|(ours, theirs)| ours.0 == theirs.0 && theirs.1 <= ours.1)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

//! What was seen to go wrong, whoever said it: an SDK, the API server, Git, or a cloud's CLI in
//! a Pod.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::entry::Entry;
use super::table::CLOCK;
use crate::clients::aws::{AwsError, Surroundings};
use crate::clients::azure::AzureError;
use crate::clients::cluster::{ClusterError, ClusterErrorKind};
use crate::clients::git::GitError;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The AWS clients, before any service was asked.
    Aws,
    /// AWS STS.
    Sts,
    /// AWS IAM.
    Iam,
    /// Amazon EKS.
    Eks,
    /// Amazon S3.
    S3,
    /// AWS CloudFormation.
    CloudFormation,
    /// The Azure clouds' services.
    Azure,
    /// The Kubernetes API server, or the way to it.
    Kubernetes,
    /// A Pod: its status, its events, or a program in it.
    Pod,
    /// Git, or a remote.
    Git,
}

impl Source {
    /// Whether it is a service of AWS, or the way to one.
    pub(super) fn is_aws(self) -> bool {
        !matches!(self, Self::Azure | Self::Kubernetes | Self::Pod | Self::Git)
    }
}

/// What was seen to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// Who said it.
    pub source: Source,
    /// The error's code or reason, when it has one.
    pub code: Option<String>,
    /// The text as it came.
    pub text: String,
    /// What was tried, when that is told: `sts:AssumeRoleWithWebIdentity`.
    pub operation: Option<String>,
    /// The id that AWS support asks for.
    pub request_id: Option<String>,
    /// What the client knows of its own place.
    pub surroundings: Surroundings,
}

impl Symptom {
    /// Returns a symptom that has a text and nothing else.
    pub fn new(source: Source, text: impl Into<String>) -> Self {
        Self {
            source,
            code: None,
            text: text.into(),
            operation: None,
            request_id: None,
            surroundings: Surroundings::default(),
        }
    }

    /// Adds the code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Reads what the AWS CLI printed; without its sentence about an error, the last line that
    /// says something is the text.
    pub fn of_aws_cli(stderr: &str) -> Self {
        const BEFORE: &str = "An error occurred (";
        let told = stderr.lines().rev().find_map(|line| {
            let (_, rest) = line.split_once(BEFORE)?;
            let (code, rest) = rest.split_once(") when calling the ")?;
            let (operation, rest) = rest.split_once(" operation")?;
            // `(reached max retries: 4)` may come before the colon.
            let retried = rest
                .starts_with(" (")
                .then(|| rest.split_once(')'))
                .flatten();
            let rest = retried.map_or(rest, |(_, rest)| rest);
            let (_, text) = rest.split_once(": ")?;
            let service = service_of(operation);
            let source = source_of(service);
            Some(Self {
                operation: Some(format!("{service}:{operation}")),
                ..Self::new(source, text.trim()).code(code)
            })
        });
        told.unwrap_or_else(|| {
            let mut lines = stderr.lines().map(str::trim).rev();
            let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
            Self::new(Source::Pod, last)
        })
    }
}

impl Symptom {
    /// Reads what the Azure CLI printed, or what the agent of a node said to `curl`: the code stands
    /// in parentheses, as `AADSTS…`, or after `ErrorCode:`.
    pub fn of_az(said: &str) -> Self {
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_detail = |line: &&str| {
            let details = [
                "RequestId:",
                "Time:",
                "ErrorCode:",
                "Error:None",
                "Content:",
            ];
            !details.iter().any(|detail| line.starts_with(detail))
        };
        let told = lines().filter(|line| !line.starts_with("WARNING:"));
        let text = told.clone().find(|line| line.starts_with("ERROR:"));
        let text = text
            .or_else(|| told.clone().find(is_detail))
            .unwrap_or_default();
        let text = text.trim_start_matches("ERROR:").trim();
        let of_storage = lines().find_map(|line| line.strip_prefix("ErrorCode:"));
        let in_parentheses = || {
            text.strip_prefix('(')?
                .split_once(')')
                .map(|(code, _)| code)
        };
        let of_entra = || {
            let code = &text[text.find("AADSTS")?..];
            let end = code.find(|letter: char| !letter.is_ascii_alphanumeric());
            Some(&code[..end.unwrap_or(code.len())])
        };
        let code = of_storage.or_else(in_parentheses).or_else(of_entra);
        Self {
            code: code.map(|code| code.trim().to_owned()),
            ..Self::new(Source::Azure, text)
        }
    }
}

/// From here on a clock that is off explains a refused signature. AWS allows five minutes.
const SKEW_WORTH_A_WORD: SignedDuration = SignedDuration::from_mins(4);

impl Symptom {
    /// Returns all that was said: operation, code, text.
    pub(super) fn said(&self) -> String {
        let parts = [self.operation.as_deref(), self.code.as_deref()];
        let parts = parts.into_iter().flatten().chain([self.text.as_str()]);
        parts.collect::<Vec<_>>().join(": ")
    }

    /// Whether this machine's clock is known to be so wrong that it explains a refusal.
    pub(super) fn has_wrong_clock(&self) -> bool {
        const SIGNED: [&str; 5] = [
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "AuthFailure",
        ];
        let code = self.code.as_deref().unwrap_or_default();
        let skew = self.surroundings.skew;
        SIGNED.contains(&code) && skew.is_some_and(|skew| skew.abs() >= SKEW_WORTH_A_WORD)
    }

    /// Returns what the entry's `{found}` stands for.
    pub(super) fn found(&self, entry: &Entry) -> String {
        match entry.id {
            CLOCK => return self.skew_in_words(),
            "no-answer" => return self.endpoint_in_words(),
            _ => {}
        }
        let found = entry.found_in(&self.said());
        if found.is_empty() {
            self.right().unwrap_or_default()
        } else {
            found
        }
    }

    /// The right that the refused call takes; S3 calls it otherwise than the call.
    fn right(&self) -> Option<String> {
        let operation = self.operation.as_deref().filter(|_| self.source.is_aws());
        operation.map(|operation| match operation {
            "s3:ListObjectVersions" => "s3:ListBucketVersions".to_owned(),
            operation => operation.to_owned(),
        })
    }

    /// By how much the clock is wrong: as it was measured, else as the message tells.
    fn skew_in_words(&self) -> String {
        let Some(skew) = self.surroundings.skew.or_else(|| told_skew(&self.text)) else {
            return "not that of".into();
        };
        let side = if skew.is_positive() {
            "behind"
        } else {
            "ahead of"
        };
        format!("{:#} {side}", skew.abs())
    }

    fn endpoint_in_words(&self) -> String {
        let around = &self.surroundings;
        match (&around.endpoint, &around.region) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(region)) => format!("Amazon's endpoints of region `{region}`"),
            (None, None) => "Amazon's endpoints".into(),
        }
    }
}

/// `Signature expired: 20220101T000000Z is now earlier than 20220101T000400Z (20220101T000900Z - 5
/// min.)`: our time first, AWS's in parentheses.
fn told_skew(text: &str) -> Option<SignedDuration> {
    let times = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let times: Vec<Timestamp> = times.filter_map(|word| word.parse().ok()).collect();
    let (ours, theirs) = (times.first()?, times.last()?);
    Some(ours.duration_until(*theirs))
}

/// The raw words: operation, code, text, request id.
impl fmt::Display for Symptom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.said())?;
        match &self.request_id {
            Some(id) => write!(formatter, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl From<&AwsError> for Symptom {
    fn from(error: &AwsError) -> Self {
        let service = error.operation.split(':').next().unwrap_or_default();
        Self {
            source: source_of(service),
            code: error.code.clone(),
            text: error.message.clone(),
            operation: Some(error.operation.clone()),
            request_id: error.request_id.clone(),
            surroundings: error.surroundings.as_deref().cloned().unwrap_or_default(),
        }
    }
}

impl From<&AzureError> for Symptom {
    fn from(error: &AzureError) -> Self {
        let around = error.surroundings.as_deref();
        Self {
            code: error.code.clone(),
            operation: Some(error.operation.clone()),
            request_id: error.request_id.clone(),
            surroundings: Surroundings {
                skew: around.and_then(|around| around.skew),
                ..Surroundings::default()
            },
            ..Self::new(Source::Azure, &error.message)
        }
    }
}

impl From<&ClusterError> for Symptom {
    fn from(error: &ClusterError) -> Self {
        let code = if error.reason.is_empty() {
            match error.kind {
                ClusterErrorKind::Unreachable => "Unreachable",
                ClusterErrorKind::Unauthorized => "Unauthorized",
                ClusterErrorKind::Kubeconfig => "Kubeconfig",
                _ => "",
            }
        } else {
            &error.reason
        };
        Self {
            code: (!code.is_empty()).then(|| code.to_owned()),
            operation: Some(error.operation.clone()),
            ..Self::new(Source::Kubernetes, &error.message)
        }
    }
}

impl From<&GitError> for Symptom {
    fn from(error: &GitError) -> Self {
        let source = std::error::Error::source(error);
        let cause = source.map(|cause| format!(": {cause}"));
        let text = format!("{error}{}", cause.unwrap_or_default());
        Self::new(Source::Git, text).code(error.code())
    }
}

fn source_of(service: &str) -> Source {
    match service {
        "sts" => Source::Sts,
        "iam" => Source::Iam,
        "eks" => Source::Eks,
        "s3" => Source::S3,
        "cloudformation" => Source::CloudFormation,
        _ => Source::Aws,
    }
}

/// The CLI does not say which service it asked, but no two that we use share an operation.
fn service_of(operation: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    if has(&["AssumeRole", "CallerIdentity", "SessionToken"]) {
        "sts"
    } else if has(&["Bucket", "Object"]) {
        "s3"
    } else if has(&["Stack", "ChangeSet"]) {
        "cloudformation"
    } else if has(&["Cluster", "PodIdentity", "Nodegroup", "Addon"]) {
        "eks"
    } else {
        "iam"
    }
}

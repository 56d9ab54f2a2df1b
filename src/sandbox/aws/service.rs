//! The five services, and which of them a request means.

use http::request::Parts;

use super::sigv4::Signed;

/// A service of the practice account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sts,
    Iam,
    Eks,
    S3,
    CloudFormation,
}

impl Service {
    /// One server plays all of them, so the service is what the client signed for. Only STS takes
    /// unsigned calls, and those are forms.
    pub(super) fn of(parts: &Parts, signed: Option<&Signed>) -> Option<Self> {
        match signed.map(|signed| signed.service.as_str()) {
            Some("sts") => Some(Self::Sts),
            Some("iam") => Some(Self::Iam),
            Some("eks") => Some(Self::Eks),
            Some("s3") => Some(Self::S3),
            Some("cloudformation") => Some(Self::CloudFormation),
            Some(_) => None,
            None if is_form(parts) => Some(Self::Sts),
            None => Some(Self::S3),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Eks => "eks",
            Self::S3 => "s3",
            Self::CloudFormation => "cloudformation",
        }
    }
}

fn is_form(parts: &Parts) -> bool {
    let form = parts.headers.get("content-type").is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    form || parts
        .uri
        .query()
        .is_some_and(|query| query.contains("Action="))
}

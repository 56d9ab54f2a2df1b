//! Faults in the words of each service.

use super::refusal::Refusal;
use super::service::Service;
use super::sigv4::Signed;
use crate::sandbox::faults::{Refused, Sort};

/// The sorts of faults that a request may meet.
pub(super) fn sorts(signed: Option<&Signed>) -> &'static [Sort] {
    const ALL: &[Sort] = &[
        Sort::Expiry,
        Sort::Throttling,
        Sort::ServerErrors,
        Sort::Resets,
        Sort::Slowness,
        Sort::Truncation,
    ];
    // A session of this minute has not expired, and who shows none cannot have an old one.
    match signed {
        Some(signed) if signed.access_key.starts_with("AKIA") => ALL,
        _ => &ALL[1..],
    }
}

/// What a service says.
pub(super) fn refusal(service: Service, refused: Refused) -> Refusal {
    let is_s3 = service == Service::S3;
    match refused {
        Refused::Throttled(number) => {
            let words: &[(u16, &'static str)] = match service {
                Service::S3 => &[(503, "SlowDown")],
                Service::Eks => &[
                    (429, "TooManyRequestsException"),
                    (400, "ThrottlingException"),
                ],
                Service::Iam | Service::Sts | Service::CloudFormation => &[
                    (400, "Throttling"),
                    (400, "ThrottlingException"),
                    (503, "RequestLimitExceeded"),
                ],
            };
            let (status, code) = words[number % words.len()];
            let message = if is_s3 {
                "Please reduce your request rate."
            } else {
                "Rate exceeded"
            };
            Refusal::new(status, code, message)
        }
        Refused::Internal => {
            let code = match service {
                Service::S3 => "InternalError",
                Service::Eks => "ServerException",
                Service::Iam => "ServiceFailure",
                Service::Sts | Service::CloudFormation => "InternalFailure",
            };
            let message = "We encountered an internal error. Please try again.";
            Refusal::new(500, code, message)
        }
        Refused::Expired => {
            let expired = "The security token included in the request is expired";
            match service {
                Service::S3 => Refusal::new(400, "ExpiredToken", "The provided token has expired."),
                Service::Eks => Refusal::new(403, "ExpiredTokenException", expired),
                Service::Iam | Service::Sts | Service::CloudFormation => {
                    Refusal::new(403, "ExpiredToken", expired)
                }
            }
        }
        // What only other servers say.
        Refused::Unavailable | Refused::GatewayTimeout | Refused::Conflict => {
            let code = match service {
                Service::Eks => "ServiceUnavailableException",
                _ => "ServiceUnavailable",
            };
            Refusal::new(503, code, "Service is unavailable. Please try again.")
        }
    }
}

//! Faults in the words of each service.

use super::entra::Denial;
use super::refusal::Refusal;
use super::server::Service;
use crate::sandbox::faults::{Refused, Sort};

/// The sorts of faults that a request may meet.
pub(super) fn sorts(service: &Service, carries_token: bool) -> &'static [Sort] {
    const ALL: &[Sort] = &[
        Sort::Expiry,
        Sort::Throttling,
        Sort::ServerErrors,
        Sort::Resets,
        Sort::Slowness,
        Sort::Truncation,
    ];
    match service {
        Service::Arm if carries_token => ALL,
        // What clouds tell of themselves is told to everybody. Who asks for a token has none that
        // could be old; the token that Blob sees is of this minute.
        Service::Arm | Service::Entra | Service::Graph | Service::Blob => &ALL[1..],
    }
}

/// What Resource Manager says.
pub(super) fn of_arm(refused: Refused) -> Refusal {
    match refused {
        Refused::Throttled(number) => {
            let words = [
                ("TooManyRequests", "Number of requests exceeded the limit."),
                (
                    "SubscriptionRequestsThrottled",
                    "Number of requests for subscription exceeded the limit of '1200' for time \
                     interval '01:00:00'. Please try again after '1' seconds.",
                ),
                (
                    "OperationNotAllowed",
                    "The server rejected the request because too many requests have been received \
                     for this subscription.",
                ),
            ];
            let (code, message) = words[number % words.len()];
            Refusal::new(429, code, message).header("retry-after", "1")
        }
        Refused::Internal => Refusal::new(
            500,
            "InternalServerError",
            "Encountered internal server error. Diagnostic information: timestamp, subscription id, \
             tracking id and request correlation id are in the headers.",
        ),
        Refused::GatewayTimeout => Refusal::new(
            504,
            "GatewayTimeout",
            "The gateway did not receive a response from the resource provider within the \
             specified time period.",
        ),
        Refused::Expired => Refusal::new(
            401,
            "ExpiredAuthenticationToken",
            "The access token has expired. Please get a new one.",
        )
        .header(
            "www-authenticate",
            "Bearer error=\"invalid_token\", error_description=\"The access token has expired.\"",
        ),
        // What only Kubernetes says is said as an outage here.
        Refused::Unavailable | Refused::Conflict => Refusal::new(
            503,
            "ServerTimeout",
            "The request timed out. Diagnostic information is in the headers.",
        )
        .header("retry-after", "1"),
    }
}

/// What Entra says.
pub(super) fn of_entra(refused: Refused) -> Denial {
    match refused {
        Refused::Throttled(_) => Denial::new(
            429,
            "temporarily_unavailable",
            90055,
            "The server has terminated the request due to excessive request rate.",
        ),
        Refused::Internal => Denial::new(
            500,
            "server_error",
            90033,
            "A transient error has occurred. Please try again.",
        ),
        Refused::GatewayTimeout => Denial::new(
            504,
            "temporarily_unavailable",
            90006,
            "The service is temporarily unavailable. Please retry later.",
        ),
        Refused::Unavailable | Refused::Expired | Refused::Conflict => Denial::new(
            503,
            "temporarily_unavailable",
            90033,
            "A transient error has occurred. Please try again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_come_back_is_told_when() {
        let waits = |refusal: &Refusal| {
            let mut headers = refusal.headers.iter();
            headers.any(|(name, value)| *name == "retry-after" && value == "1")
        };
        for number in 0..4 {
            let refusal = of_arm(Refused::Throttled(number));
            assert_eq!(refusal.status, 429);
            assert!(waits(&refusal), "{refusal}");
        }
        let unavailable = of_arm(Refused::Unavailable);
        assert!(unavailable.status == 503 && waits(&unavailable));
        let expired = of_arm(Refused::Expired);
        assert_eq!(expired.status, 401);
        assert!(!waits(&expired));
        for refused in [
            Refused::Throttled(0),
            Refused::Internal,
            Refused::GatewayTimeout,
        ] {
            assert_eq!(of_arm(refused).status, of_entra(refused).status);
        }
    }
}

//! Faults in the words of an API server.

use axum::response::{IntoResponse as _, Response};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Method, request};

use super::refusal::Refusal;
use crate::sandbox::faults::{Refused, Sort};

/// All that an apply may meet.
const ALL: &[Sort] = &[
    Sort::Conflicts,
    Sort::Expiry,
    Sort::Throttling,
    Sort::ServerErrors,
    Sort::Resets,
    Sort::Slowness,
    Sort::Truncation,
];

/// The sorts of faults that a request may meet.
pub(super) fn sorts(head: &request::Parts, is_exec: bool) -> &'static [Sort] {
    let query = head.uri.query().unwrap_or_default();
    if is_exec || query.contains("watch=") {
        // What goes on after the answer has begun is another matter.
        return &[Sort::Throttling, Sort::ServerErrors, Sort::Expiry];
    }
    if head.method == Method::PATCH {
        ALL
    } else {
        &ALL[1..]
    }
}

/// What the server says.
pub(super) fn refusal(refused: Refused) -> Response {
    let mut response = match refused {
        Refused::Throttled(_) => Refusal::too_many_requests(),
        Refused::Internal => Refusal::internal("etcdserver: leader changed"),
        Refused::Unavailable => Refusal::unavailable(),
        Refused::GatewayTimeout => Refusal::timeout(),
        Refused::Expired => Refusal::unauthorized(),
        Refused::Conflict => Refusal::modified(),
    }
    .into_response();
    if let Refused::Throttled(number) = refused {
        let seconds = HeaderValue::from(1 + number % 3);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

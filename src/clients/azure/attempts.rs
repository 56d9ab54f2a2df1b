//! One call after the other until one is answered: signs each attempt, and tries again what may go
//! better.
//!
//! The SDK's own policy waits as long as a server asks for, however long that is, and goes by the
//! system's clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{AUTHORIZATION, HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, StatusCode};

use super::error::AzureError;
use super::http::is_loopback;
use super::login::Login;
use super::unanswered::{How, Unanswered};
use crate::clients::secret::Secret;
use crate::clients::wire::WireLog;

/// How often a call is tried at most.
const ATTEMPTS: u32 = 4;

/// How long the first pause is; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause that a server may ask for. The engine waits better than a client does.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long pauses and attempts may take together before there is no further one.
const ENOUGH: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// The number of an attempt, for the wire log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt(pub(super) u32);

/// Whose token a call carries; none without it.
#[derive(Debug)]
pub(super) enum Authorization {
    /// The caller's, for a scope.
    Caller(String),
    /// That of another identity.
    Other(Secret),
}

/// The policy.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    pub(super) login: Option<Arc<Login>>,
    pub(super) wire: WireLog,
}

#[async_trait]
impl Policy for Attempts {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let began = self.wire.now();
        let mut backoff = FIRST_PAUSE;
        let mut is_renewed = false;
        let mut attempt = 1;
        loop {
            let was_kept = self.authorize(context, request).await?;
            let attempted = context.clone().with_value(Attempt(attempt));
            let result = next[0].send(&attempted, request, &next[1..]).await;
            attempt += 1;
            if is_unauthorized(&result)
                && let Some(login) = &self.login
                && context
                    .value::<Authorization>()
                    .is_some_and(|whose| matches!(whose, Authorization::Caller(_)))
            {
                login.refuse();
                // A token that was kept may have come to its end early; one just made will not get
                // any better.
                if was_kept && !is_renewed {
                    is_renewed = true;
                    continue;
                }
            }
            let pause = match self.again(&result) {
                Again::Never => return result,
                Again::AfterOurPause => backoff,
                Again::After(pause) => pause,
            };
            let is_too_long = pause > LONGEST_PAUSE
                || self.wire.now().duration_since(began)
                    + jiff::SignedDuration::try_from(pause).unwrap_or(ENOUGH)
                    > ENOUGH;
            if attempt > ATTEMPTS || is_too_long {
                return result;
            }
            tokio::time::sleep(pause).await;
            backoff *= 2;
        }
    }
}

impl Attempts {
    /// Signs a request; returns whether with a token that was there already.
    async fn authorize(
        &self,
        context: &Context<'_>,
        request: &mut Request,
    ) -> azure_core::Result<bool> {
        let Some(authorization) = context.value::<Authorization>() else {
            return Ok(false);
        };
        if request.url().scheme() != "https" && !is_loopback(request.url()) {
            let host = request.url().origin().ascii_serialization();
            return Err(carried(AzureError::configuration(&format!(
                "a token is only sent over https, not to `{host}`"
            ))));
        }
        let (token, was_kept) = match authorization {
            Authorization::Other(token) => (format!("Bearer {}", token.expose()), false),
            Authorization::Caller(scope) => {
                let login = self.login.as_ref().ok_or_else(|| {
                    carried(AzureError::configuration("there is nobody to log in as"))
                })?;
                let found = login.token(scope).await.map_err(carried)?;
                (format!("Bearer {}", found.token.expose()), found.was_kept)
            }
        };
        request.insert_header(AUTHORIZATION, token);
        Ok(was_kept)
    }

    /// Returns whether a call may go better another time, and when.
    fn again(&self, result: &PolicyResult) -> Again {
        match result {
            Ok(response) if AGAIN.contains(&u16::from(response.status())) => {
                let asked = retry_after(response.headers(), self.wire.now());
                asked.map_or(Again::AfterOurPause, Again::After)
            }
            Ok(_) => Again::Never,
            Err(error) => match error.downcast_ref::<Unanswered>() {
                Some(unanswered) if unanswered.how != How::Never => Again::AfterOurPause,
                _ => Again::Never,
            },
        }
    }
}

/// Statuses that may be others a little later.
const AGAIN: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Whether and when a call is tried again.
enum Again {
    /// It would end the same way.
    Never,
    /// Nobody said when.
    AfterOurPause,
    /// When the server wants it.
    After(Duration),
}

fn is_unauthorized(result: &PolicyResult) -> bool {
    matches!(result, Ok(response) if response.status() == StatusCode::Unauthorized)
}

/// Our error, carried through the pipeline.
fn carried(error: AzureError) -> Error {
    Error::new(ErrorKind::Credential, error)
}

/// Reads `Retry-After` and its siblings in milliseconds.
fn retry_after(headers: &Headers, now: jiff::Timestamp) -> Option<Duration> {
    let header = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    let milliseconds = ["x-ms-retry-after-ms", "retry-after-ms"]
        .into_iter()
        .find_map(|name| header(name)?.trim().parse().ok());
    if let Some(milliseconds) = milliseconds {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = header("retry-after")?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    // A time that has passed is now.
    Some(Duration::try_from(date.timestamp().duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_in_three_ways_when_to_come_again() {
        let now: jiff::Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let after = |name: &'static str, value: &str| {
            let mut headers = Headers::new();
            headers.insert(name, value.to_owned());
            retry_after(&headers, now)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(after("retry-after", "17"), seconds(17));
        assert_eq!(after("x-ms-retry-after-ms", "2000"), seconds(2));
        let date = "Sun, 01 Mar 2026 09:00:05 GMT";
        assert_eq!(after("retry-after", date), seconds(5));
        let passed = "Sun, 01 Mar 2026 08:00:00 GMT";
        assert_eq!(after("retry-after", passed), seconds(0));
        assert_eq!(after("retry-after", "soon"), None);
    }
}

//! The operator's login: tokens are kept while they are good, and looked up anew once Azure has
//! refused one.
//!
//! Who logs in again in another window must not have to start over. A look-up passes the gate by
//! what was found, never by the token.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Shared, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::caller::{Caller, CredentialSource};
use super::chain::Chain;
use super::error::AzureError;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::secret::Secret;
use crate::clients::wire::WireLog;

/// How long before their end tokens are renewed.
const EARLY: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Finds tokens through the chain. Keeps them.
pub(super) struct Login {
    /// Nobody of a recorded run: who keeps the gate knows what was found.
    chain: Option<Chain>,
    wire: WireLog,
    kept: Mutex<HashMap<String, Kept>>,
    refused: AtomicBool,
    source: Shared<Option<CredentialSource>>,
}

/// A token that was found.
pub(super) struct Found {
    pub(super) token: Arc<Secret>,
    /// Whether it was there before it was asked for.
    pub(super) was_kept: bool,
    /// Who it is for, when it tells.
    pub(super) caller: Option<Caller>,
}

struct Kept {
    token: Arc<Secret>,
    caller: Option<Caller>,
    good_until: jiff::Timestamp,
}

/// A token as it comes from the chain.
pub(super) struct Fresh {
    pub(super) token: Secret,
    pub(super) told: Told,
}

/// What may be known of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) until: jiff::Timestamp,
    pub(super) source: CredentialSource,
    pub(super) caller: Option<Caller>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login")
    }
}

impl Login {
    /// Returns a login by a chain, or that of a recorded run.
    pub(super) fn new(chain: Option<Chain>, wire: WireLog) -> Self {
        Self {
            chain,
            wire,
            kept: Mutex::default(),
            refused: AtomicBool::new(false),
            source: Shared::default(),
        }
    }

    /// Takes note that Azure does not accept the tokens any more, or that they lack what was granted
    /// since.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// Returns the time that tokens are held against.
    pub(super) fn now(&self) -> jiff::Timestamp {
        self.wire.now()
    }

    /// Returns the link of the chain that had credentials last.
    pub(super) fn source(&self) -> Option<CredentialSource> {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a token for a scope.
    pub(super) async fn token(&self, scope: &str) -> Result<Found, AzureError> {
        let mut kept = self.kept.lock().await;
        if self.refused.swap(false, Ordering::AcqRel) {
            kept.clear();
        }
        if let Some(found) = kept.get(scope)
            && self.wire.now() < found.good_until
        {
            return Ok(Found {
                token: Arc::clone(&found.token),
                was_kept: true,
                caller: found.caller.clone(),
            });
        }
        let fresh = self.pass(scope).await.inspect_err(|_| kept.clear())?;
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.told.source);
        let found = Kept {
            token: Arc::new(fresh.token),
            caller: fresh.told.caller,
            good_until: good_until(fresh.told.until, self.wire.now()),
        };
        let answer = Found {
            token: Arc::clone(&found.token),
            was_kept: false,
            caller: found.caller.clone(),
        };
        kept.insert(scope.to_owned(), found);
        Ok(answer)
    }

    /// Leads a look-up through the gate.
    async fn pass(&self, scope: &str) -> Result<Fresh, AzureError> {
        let closed = |error: std::io::Error| AzureError::credentials(&error.to_string());
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "azure",
                operation: "credentials".into(),
                input: Bytes::from(format!("\n{scope}")),
                write: false,
            })
            .map_err(closed)?;
        let fresh = match passage.instead().await.map_err(closed)? {
            Some(Ended::Answered(answer)) => nobodys(&answer.body),
            Some(Ended::Failed(how)) => Err(AzureError::told("credentials", &how)),
            Some(Ended::GivenUp) => std::future::pending().await,
            None => match &self.chain {
                Some(chain) => chain.token(scope).await,
                None => Err(AzureError::credentials("a recording has no credentials")),
            },
        };
        passage
            .end(|| match &fresh {
                Ok(fresh) => Ended::Answered(Answer {
                    status: 0,
                    headers: Vec::new(),
                    body: serde_json::to_vec(&fresh.told)
                        .expect("texts are JSON")
                        .into(),
                }),
                Err(error) => Ended::Failed(error.tell()),
            })
            .map_err(closed)?;
        fresh
    }
}

/// Tokens are renewed early, but one that was short-lived from the beginning is used all the same.
fn good_until(until: jiff::Timestamp, now: jiff::Timestamp) -> jiff::Timestamp {
    let early = until - EARLY;
    if early > now { early } else { until }
}

/// A token of a recorded run: nobody checks it.
fn nobodys(told: &[u8]) -> Result<Fresh, AzureError> {
    let told = serde_json::from_slice(told)
        .map_err(|_| AzureError::credentials("the record does not tell what was found"))?;
    Ok(Fresh {
        token: Secret::new("recorded"),
        told,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_five_minutes_before_its_end_unless_it_is_short_lived() {
        let now: jiff::Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let minutes = |minutes| now + jiff::SignedDuration::from_mins(minutes);
        assert_eq!(good_until(minutes(60), now), minutes(55));
        assert_eq!(good_until(minutes(4), now), minutes(4));
    }
}

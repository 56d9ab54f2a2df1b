//! The operator's login: kept while it is good, looked up anew once AWS has refused it.
//!
//! The SDK keeps what a profile gave for as long as it claims to be good, and reads the files of
//! the operator once. Who logs in again in another window must not have to start over.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::ConfigLoader;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as Provided, SharedCredentialsProvider, future,
};
use tokio::sync::Mutex;

use crate::clients::wire::WireLog;

/// A `credential_process` may start a slow program; the SDK would allow it five seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// How long before their end credentials are renewed.
const EARLY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Reads the operator's files and environment, every time anew.
pub(super) type Loader = Box<dyn Fn() -> ConfigLoader + Send + Sync>;

/// Finds credentials the way the AWS CLI does. Keeps them.
pub(super) struct Login {
    loader: Loader,
    wire: WireLog,
    kept: Mutex<Kept>,
    refused: AtomicBool,
}

#[derive(Default)]
struct Kept {
    chain: Option<SharedCredentialsProvider>,
    credentials: Option<Credentials>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login")
    }
}

impl Login {
    /// Returns a login by the chain that `loader` stands for, with the one it has found already.
    pub(super) fn new(
        loader: Loader,
        chain: Option<SharedCredentialsProvider>,
        wire: WireLog,
    ) -> Self {
        let kept = Kept {
            chain,
            credentials: None,
        };
        Self {
            loader,
            wire,
            kept: Mutex::new(kept),
            refused: AtomicBool::new(false),
        }
    }

    /// Takes note that AWS does not accept the credentials any more.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    async fn credentials(&self) -> Provided {
        let mut kept = self.kept.lock().await;
        if self.refused.swap(false, Ordering::AcqRel) {
            *kept = Kept::default();
        }
        if let Some(credentials) = &kept.credentials
            && self.is_good(credentials)
        {
            return Ok(credentials.clone());
        }
        if kept.chain.is_none() {
            kept.chain = (self.loader)().load().await.credentials_provider();
        }
        let chain = kept
            .chain
            .clone()
            .ok_or_else(CredentialsError::not_loaded_no_source)?;
        let found = tokio::time::timeout(LIMIT, chain.provide_credentials())
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LIMIT)));
        match &found {
            Ok(credentials) => kept.credentials = Some(credentials.clone()),
            Err(_) => *kept = Kept::default(),
        }
        found
    }

    fn is_good(&self, credentials: &Credentials) -> bool {
        let expires = credentials
            .expiry()
            .and_then(|expires| jiff::Timestamp::try_from(expires).ok());
        expires.is_none_or(|expires| self.wire.now() + EARLY < expires)
    }
}

impl ProvideCredentials for Login {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

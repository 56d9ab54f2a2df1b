//! Leads the look-up of credentials through the gate: whether there were any, and until when, never
//! what they are.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use bytes::Bytes;

use super::error::causes;
use crate::clients::gate::{Answer, Call, Ended, Passage};
use crate::clients::wire::WireLog;

/// Puts the gate before the credentials of a configuration.
pub(super) fn gated(config: &SdkConfig, wire: &WireLog) -> SdkConfig {
    let Some(provider) = config.credentials_provider() else {
        return config.clone();
    };
    let provider = GatedCredentials {
        provider,
        wire: wire.clone(),
    };
    config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build()
}

#[derive(Debug)]
struct GatedCredentials {
    provider: SharedCredentialsProvider,
    wire: WireLog,
}

impl ProvideCredentials for GatedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let passage = pass(&self.wire)?;
            let provided = self.provider.provide_credentials().await;
            end(passage, &provided)?;
            provided
        })
    }
}

/// Credentials of a recorded run: nobody checks what is signed with them.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) wire: WireLog,
}

impl ProvideCredentials for Recorded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let mut passage = pass(&self.wire)?;
            let ended = passage.instead().await.map_err(CredentialsError::unhandled)?;
            let provided = match ended {
                Some(Ended::Answered(answer)) => Ok(nobodys(&answer.body)),
                Some(Ended::Failed(how)) => Err(failed(&how)),
                Some(Ended::GivenUp) => std::future::pending().await,
                None => Err(CredentialsError::not_loaded("they were not recorded")),
            };
            end(passage, &provided)?;
            provided
        })
    }
}

fn pass(wire: &WireLog) -> std::result::Result<Passage, CredentialsError> {
    let call = || Call {
        client: "aws",
        operation: "credentials".into(),
        input: Bytes::new(),
        write: false,
    };
    wire.pass(call).map_err(CredentialsError::unhandled)
}

fn end(passage: Passage, provided: &Result) -> std::result::Result<(), CredentialsError> {
    let told = || match provided {
        Ok(credentials) => Ended::Answered(Answer {
            status: 0,
            headers: Vec::new(),
            body: until(credentials).into(),
        }),
        Err(error) => Ended::Failed(how(error)),
    };
    passage.end(told).map_err(CredentialsError::unhandled)
}

/// Returns until when the credentials are good; nothing when they do not end.
fn until(credentials: &Credentials) -> String {
    let expiry = credentials
        .expiry()
        .and_then(|expiry| jiff::Timestamp::try_from(expiry).ok());
    expiry.map_or_else(String::new, |expiry| expiry.to_string())
}

fn nobodys(until: &[u8]) -> Credentials {
    let expiry = String::from_utf8_lossy(until).parse::<jiff::Timestamp>();
    let expiry = expiry.ok().map(SystemTime::from);
    Credentials::new("RECORDED", "recorded", None, expiry, "recording")
}

/// Puts an error into words that [`failed`] understands.
fn how(error: &CredentialsError) -> String {
    let reasons: Vec<_> = causes(error).skip(1).map(ToString::to_string).collect();
    let kind = match error {
        CredentialsError::CredentialsNotLoaded(_) => "not loaded",
        CredentialsError::ProviderTimedOut(_) => "timed out",
        _ => "failed",
    };
    format!("{kind}: {}", reasons.join(": "))
}

fn failed(how: &str) -> CredentialsError {
    match how.split_once(": ").unwrap_or(("failed", how)) {
        ("not loaded", reason) => CredentialsError::not_loaded(reason.to_owned()),
        ("timed out", _) => CredentialsError::provider_timed_out(std::time::Duration::ZERO),
        (_, reason) => CredentialsError::provider_error(reason.to_owned()),
    }
}

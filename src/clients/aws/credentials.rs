//! Leads the look-up of credentials through the gate: whether there were any, and until when, never
//! what they are.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::Result;
use aws_credential_types::provider::error::CredentialsError;
use bytes::Bytes;

use super::error::causes;
use crate::clients::gate::{Answer, Call, Ended, Passage};
use crate::clients::wire::WireLog;

/// Asks to let a look-up pass.
pub(super) fn pass(wire: &WireLog) -> std::result::Result<Passage, CredentialsError> {
    let call = || Call {
        client: "aws",
        operation: "credentials".into(),
        input: Bytes::new(),
        write: false,
    };
    wire.pass(call).map_err(CredentialsError::unhandled)
}

/// Returns what was found in the place of a look-up, when none must be made.
pub(super) async fn instead(passage: &mut Passage) -> Option<Result> {
    Some(match passage.instead().await {
        Ok(None) => return None,
        Ok(Some(Ended::Answered(answer))) => {
            let until = String::from_utf8_lossy(&answer.body).parse();
            Ok(nobodys(until.ok()))
        }
        Ok(Some(Ended::Failed(how))) => Err(failed(&how)),
        Ok(Some(Ended::GivenUp)) => std::future::pending().await,
        Err(error) => Err(CredentialsError::unhandled(error)),
    })
}

/// Tells what was found.
pub(super) fn end(
    passage: Passage,
    provided: &Result,
) -> std::result::Result<(), CredentialsError> {
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

/// Credentials of a recorded run: nobody checks what is signed with them.
pub(super) fn nobodys(until: Option<jiff::Timestamp>) -> Credentials {
    let expiry = until.map(SystemTime::from);
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

//! Work with secrets, as one call through the gate.
//!
//! What is made with random numbers, and what is read with a private key, is answered by the recording in a
//! rerun: what such work answers is what may be known, encrypted texts among it, and never a value. So a
//! rerun comes to the same commits and needs no key.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::SopsError;
use super::keys::Keyring;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::wire::WireLog;

/// The keys of this machine, and the way out.
#[derive(Clone)]
pub struct Vault {
    keyring: Keyring,
    wire: WireLog,
}

impl Vault {
    /// Returns the vault with these keys.
    pub fn new(keyring: Keyring, wire: WireLog) -> Self {
        Self { keyring, wire }
    }

    /// Returns where the keys are.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Returns the time.
    pub fn now(&self) -> jiff::Timestamp {
        self.wire.now()
    }

    /// Works with the keys, where blocking is fine, or is told what came of it. `input` is what it
    /// depends on, and `T` what comes of it: nothing of both is a secret.
    ///
    /// # Errors
    ///
    /// When the gate is closed; what went wrong with the work is part of what comes of it.
    pub fn work<T: Serialize + DeserializeOwned>(
        &self,
        operation: &str,
        input: &impl Serialize,
        write: bool,
        work: impl FnOnce(&Keyring) -> Result<T, SopsError>,
    ) -> io::Result<Result<T, SopsError>> {
        let mut passage = self.wire.pass(|| Call {
            client: "secrets",
            operation: operation.into(),
            input: serde_json::to_vec(input).unwrap_or_default().into(),
            write,
        })?;
        let done = match passage.instead_blocking()? {
            Some(Ended::Answered(answer)) => serde_json::from_slice(&answer.body)?,
            Some(Ended::Failed(error)) => return Err(io::Error::other(error)),
            Some(Ended::GivenUp) => unreachable!("the gate waits for it"),
            None => work(&self.keyring),
        };
        let told = if passage.is_watched() {
            Bytes::from(serde_json::to_vec(&done)?)
        } else {
            Bytes::new()
        };
        passage.end(|| {
            Ended::Answered(Answer {
                status: 0,
                headers: Vec::new(),
                body: told,
            })
        })?;
        Ok(done)
    }
}

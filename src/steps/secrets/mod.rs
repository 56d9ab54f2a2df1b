//! Secrets in the deployments repository: S3Proxy's credentials, encrypted for whoever may read them.
//!
//! Facts, plans and journals never carry a value. What has to be made, or read with the private key, is
//! one call through the gate ([`crate::clients::sops::Vault`]).

mod credentials;
mod files;
mod look;
mod rotate;
mod s3proxy;

pub use files::{CREDENTIALS, RECIPIENTS, SECRET_VARS};
pub use rotate::{ROTATED, RotateCredentials};
pub use s3proxy::{Keeping, S3ProxyCredentials};

pub use crate::clients::sops::Vault;
use crate::clients::sops::{SopsError, Trouble};
use crate::engine::{ErrorKind, StepError};

/// How Rok's settings name the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigVars {
    /// `daemons.s3d.aws.…`
    Aws,
    /// `daemons.s3d.…`
    Legacy,
}

impl ConfigVars {
    /// Both, in the order in which they are looked for.
    const ALL: [Self; 2] = [Self::Aws, Self::Legacy];

    /// Returns what an answer means.
    pub fn of(answer: &str) -> Self {
        if answer == "legacy" {
            Self::Legacy
        } else {
            Self::Aws
        }
    }

    /// Returns the names of identity and credential.
    const fn names(self) -> [&'static str; 2] {
        match self {
            Self::Aws => [
                "daemons.s3d.aws.access_key_id",
                "daemons.s3d.aws.secret_access_key",
            ],
            Self::Legacy => ["daemons.s3d.access_key_id", "daemons.s3d.secret_access_key"],
        }
    }
}

/// Turns what is wrong with a file or a key into a step's error: somebody has to put it right first.
pub(in crate::steps) fn refused(error: &SopsError) -> StepError {
    let kind = match &error.trouble {
        Trouble::Io { .. } => ErrorKind::Failed,
        _ => ErrorKind::Answers,
    };
    let mut refused = StepError::new(kind, error.to_string());
    refused.hints = error.advice();
    refused
}

#[cfg(test)]
mod tests;

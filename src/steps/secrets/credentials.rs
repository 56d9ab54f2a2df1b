//! What S3Proxy and Rok's daemon share: an identity and a credential, of random numbers in hex.
//!
//! Hex holds no letter that an env file, YAML or a signature's key id would trip over.

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::clients::secret::Secret;
use crate::clients::sops::Trouble;

/// How many random bytes the identity is made of.
const IDENTITY: usize = 16;
/// How many the credential is made of.
const CREDENTIAL: usize = 32;

/// What stands in the place of values that are still to be made, where something is only tried.
const TRIED: &str = "0000";

/// Both values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) identity: Secret,
    pub(super) credential: Secret,
}

impl Credentials {
    /// Makes new ones.
    pub(super) fn make() -> Result<Self, Trouble> {
        Ok(Self {
            identity: random(IDENTITY)?,
            credential: random(CREDENTIAL)?,
        })
    }

    /// Returns such that everybody knows, to try whether something builds.
    pub(super) fn tried() -> Self {
        Self {
            identity: Secret::new(TRIED),
            credential: Secret::new(TRIED),
        }
    }

    /// Returns both, when both are there and not empty.
    pub(super) fn of(values: [Option<Secret>; 2]) -> Option<Self> {
        let [identity, credential] = values;
        let is_given = |secret: &Secret| !secret.expose().is_empty();
        Some(Self {
            identity: identity.filter(is_given)?,
            credential: credential.filter(is_given)?,
        })
    }

    pub(super) fn values(&self) -> [&str; 2] {
        [self.identity.expose(), self.credential.expose()]
    }
}

fn random(length: usize) -> Result<Secret, Trouble> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Trouble::Io {
            what: "made".into(),
            why: "this machine gives no random numbers".into(),
        })?;
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(Secret::new(digits.map(digit).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_have_the_documented_length_and_are_others_each_time() {
        let (one, other) = (Credentials::make().unwrap(), Credentials::make().unwrap());
        let [identity, credential] = one.values();
        assert_eq!((identity.len(), credential.len()), (32, 64));
        let is_hex = |text: &str| text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        assert!(is_hex(identity) && is_hex(credential));
        assert!(one != other);
    }

    #[test]
    fn half_a_pair_is_none() {
        let secret = |text: &str| Some(Secret::new(text));
        assert!(Credentials::of([secret("a"), None]).is_none());
        assert!(Credentials::of([secret("a"), secret("")]).is_none());
        assert!(Credentials::of([secret("a"), secret("b")]).is_some());
    }
}

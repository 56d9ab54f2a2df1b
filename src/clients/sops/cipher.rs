//! One value: AES-256-GCM under the file's data key, bound to its path.
//!
//! SOPS uses nonces of 32 bytes, and keeps data, nonce, tag and type side by side in one text.

use std::fmt;

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::error::Trouble;
use super::scalar::{Clear, Kind};

/// How every encrypted value begins.
const BEGIN: &str = "ENC[AES256_GCM,";

/// The length of a data key, and of a nonce.
const LENGTH: usize = 32;
/// The length of a tag.
const TAG: usize = 16;

/// Whether a text is an encrypted value.
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with(BEGIN)
}

/// The key of a file's values.
pub(super) struct DataKey(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DataKey(..)")
    }
}

impl DataKey {
    /// Makes a new one.
    pub(super) fn make() -> Result<Self, Trouble> {
        let mut key = Zeroizing::new([0; LENGTH]);
        fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Takes the bytes that were encrypted for a recipient.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let key = <[u8; LENGTH]>::try_from(bytes);
        let key = key.map_err(|_| format!("it has {} bytes, expected {LENGTH}", bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Returns the bytes, to be encrypted for a recipient.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Encrypts a value; `bound` has to be told again to decrypt it. An empty text stays empty.
    pub(super) fn encrypt(&self, clear: &Clear, bound: &str) -> Result<String, Trouble> {
        if clear.text.is_empty() {
            return Ok(String::new());
        }
        let mut nonce = [0; LENGTH];
        fill(&mut nonce)?;
        let payload = Payload {
            msg: clear.text.as_bytes(),
            aad: bound.as_bytes(),
        };
        let mut data = AesGcm::<Aes256, U32>::new(self.bytes().into())
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| Trouble::unsupported("a value of many gigabytes"))?;
        let tag = data.split_off(data.len() - TAG);
        Ok(format!(
            "{BEGIN}data:{},iv:{},tag:{},type:{}]",
            BASE64_STANDARD.encode(data),
            BASE64_STANDARD.encode(nonce),
            BASE64_STANDARD.encode(tag),
            clear.kind.name()
        ))
    }

    /// Decrypts a value; says in words what is wrong with it.
    pub(super) fn decrypt(&self, text: &str, bound: &str) -> Result<Clear, String> {
        if text.is_empty() {
            return Ok(Clear::new(Kind::Text, ""));
        }
        let parts = Parts::read(text).ok_or("it is no whole `ENC[AES256_GCM,…]`")?;
        let kind = Kind::of(parts.kind).ok_or("its type is unknown")?;
        let payload = Payload {
            msg: &[parts.data, parts.tag].concat(),
            aad: bound.as_bytes(),
        };
        let clear = AesGcm::<Aes256, U32>::new(self.bytes().into())
            .decrypt(Nonce::from_slice(&parts.nonce), payload)
            .map_err(|_| "it was changed, or stands under another name")?;
        let clear = String::from_utf8(clear).map_err(|_| "it is no text")?;
        Clear::read(kind, Zeroizing::new(clear))
    }
}

/// An encrypted value, taken apart.
struct Parts<'a> {
    data: Vec<u8>,
    nonce: Vec<u8>,
    tag: Vec<u8>,
    kind: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let inside = text.strip_prefix(BEGIN)?.strip_suffix(']')?;
        let mut fields = inside.split(',');
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix(':');
        let bytes = |text: &str| BASE64_STANDARD.decode(text).ok();
        let parts = Self {
            data: bytes(field("data")?)?,
            nonce: bytes(field("iv")?)?,
            tag: bytes(field("tag")?)?,
            kind: field("type")?,
        };
        let is_whole = parts.nonce.len() == LENGTH && parts.tag.len() == TAG;
        (is_whole && fields.next().is_none()).then_some(parts)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Trouble> {
    SystemRandom::new().fill(bytes).map_err(|_| Trouble::Io {
        what: "encrypted".into(),
        why: "this machine gives no random numbers".into(),
    })
}

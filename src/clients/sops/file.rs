//! Whole files: opened, encrypted anew, and encrypted again with as few changes as there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha512};

use super::cipher::{DataKey, is_encrypted};
use super::error::{SopsError, Trouble};
use super::keys::{AgeKeys, wrap};
use super::metadata::{Metadata, Wrapped};
use super::parts::{Leaf, Parts, bound};
use super::recipients::Recipient;
use super::rule::Rule;
use super::scalar::{Clear, Kind};
use super::{dotenv, yaml};
use crate::clients::secret::Secret;

/// What a MAC over encrypted values only begins with, so that it is never the other one: the SHA-256
/// of `sops`.
const NARROW: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// `NAME=value` lines.
    Dotenv,
}

impl Format {
    /// Returns the format that a file has by its name.
    pub fn of(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending {
            "yaml" | "yml" => Some(Self::Yaml),
            "env" => Some(Self::Dotenv),
            _ => None,
        }
    }

    pub(super) fn parse(self, text: &str) -> Result<Parts, Trouble> {
        match self {
            Self::Yaml => yaml::parse(text),
            Self::Dotenv => dotenv::parse(text),
        }
    }
}

/// A file in clear.
#[derive(Debug)]
pub struct Opened {
    /// Its text, without the metadata.
    pub text: Secret,
    /// For whom it is encrypted, of age's recipients.
    pub recipients: Vec<String>,
}

/// Opens an encrypted file; `name` is what the operator knows it by.
///
/// # Errors
///
/// When it is not encrypted, not for us, or not what was encrypted.
pub fn open(format: Format, name: &str, text: &str, keys: &AgeKeys) -> Result<Opened, SopsError> {
    let sealed = Sealed::read(format, text).map_err(|trouble| trouble.of(name))?;
    let open = || {
        let (_, values) = sealed.opened(keys)?;
        let written = sealed.parts.leaves.iter().zip(&values);
        let written: Vec<_> = written
            .map(|(leaf, clear)| Some(leaf.written(clear.as_ref()?)))
            .collect();
        Ok(Opened {
            text: Secret::new(sealed.parts.with(text, &written)),
            recipients: sealed
                .metadata
                .wrapped()?
                .into_iter()
                .map(|key| key.recipient)
                .collect(),
        })
    };
    open().map_err(|trouble: Trouble| trouble.of(name))
}

/// Encrypts a file with a data key of its own.
///
/// # Errors
///
/// When it cannot be read, or holds what SOPS would not take.
pub fn seal(
    format: Format,
    name: &str,
    clear: &str,
    recipients: &[Recipient],
    rule: &Rule,
    now: jiff::Timestamp,
) -> Result<String, SopsError> {
    let seal = || {
        let key = DataKey::make()?;
        let mut metadata = Metadata::new(rule);
        metadata.set_wrapped(
            recipients
                .iter()
                .map(|recipient| wrap(&key, recipient))
                .collect::<Result<_, _>>()?,
        );
        sealed(format, clear, &key, metadata, &Known::new(), now)
    };
    seal().map_err(|trouble| trouble.of(name))
}

/// Encrypts a file that was encrypted before, and is `clear` now. The data key stays and so does the text of what
/// did not change; when nothing did, the file is the same. Whoever could read it still can, and so can
/// `recipients`.
///
/// # Errors
///
/// When the file cannot be opened, or encrypted.
pub fn reseal(
    format: Format,
    name: &str,
    text: &str,
    keys: &AgeKeys,
    clear: &str,
    recipients: &[Recipient],
    now: jiff::Timestamp,
) -> Result<String, SopsError> {
    let before = Sealed::read(format, text).map_err(|trouble| trouble.of(name))?;
    let reseal = || {
        let (key, values) = before.opened(keys)?;
        let mut wrapped = before.metadata.wrapped()?;
        let mut is_same = true;
        for recipient in recipients {
            if !wrapped
                .iter()
                .any(|key| key.recipient == recipient.as_str())
            {
                wrapped.push(wrap(&key, recipient)?);
                is_same = false;
            }
        }
        let mut known = Known::new();
        let mut written = Vec::new();
        for (leaf, value) in before.parts.leaves.iter().zip(values) {
            written.push(value.as_ref().map(|clear| leaf.written(clear)));
            let is_secret = is_encrypted(&leaf.clear.text);
            if let (Some(value), true) = (value, is_secret) {
                let texts = known.entry((leaf.path.clone(), value)).or_default();
                texts.push(leaf.clear.text.to_string());
            }
        }
        let was = before.parts.with(text, &written);
        if is_same && with_line_end(&was) == with_line_end(clear) {
            return Ok(text.to_owned());
        }
        let mut metadata = before.metadata.clone();
        metadata.set_wrapped(wrapped);
        if with_line_end(&was) == with_line_end(clear) {
            // Only who may read it changes.
            let place = before
                .parts
                .cut
                .first()
                .map_or(text.len(), |place| place.start);
            let body = before.parts.with(text, &[]);
            let at = place.min(body.len());
            return Ok(format!(
                "{}{}{}",
                &body[..at],
                metadata.written(format),
                &body[at..]
            ));
        }
        sealed(format, clear, &key, metadata, &known, now)
    };
    reseal().map_err(|trouble: Trouble| trouble.of(name))
}

/// Encrypts a file that was encrypted before, and is `clear` now, with a new data key, for nobody but
/// `recipients`. Its rules stay.
///
/// # Errors
///
/// When the file cannot be opened, or is encrypted for keys that are not age's.
pub fn renew(
    format: Format,
    name: &str,
    text: &str,
    keys: &AgeKeys,
    clear: &str,
    recipients: &[Recipient],
    now: jiff::Timestamp,
) -> Result<String, SopsError> {
    let renew = || {
        let before = Sealed::read(format, text)?;
        before.opened(keys)?;
        if let Some(other) = before.metadata.others().first() {
            return Err(Trouble::unsupported(format!(
                "a new data key for keys of `{other}` beside those of age"
            )));
        }
        let key = DataKey::make()?;
        let wrapped = recipients.iter().map(|recipient| wrap(&key, recipient));
        let mut metadata = before.metadata;
        metadata.set_wrapped(wrapped.collect::<Result<_, _>>()?);
        sealed(format, clear, &key, metadata, &Known::new(), now)
    };
    renew().map_err(|trouble: Trouble| trouble.of(name))
}

/// Encrypted texts of values that are known, by path and value.
type Known = BTreeMap<(Vec<String>, Clear), Vec<String>>;

fn with_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}

fn sealed(
    format: Format,
    clear: &str,
    key: &DataKey,
    mut metadata: Metadata,
    known: &Known,
    now: jiff::Timestamp,
) -> Result<String, Trouble> {
    let clear = with_line_end(clear);
    let parts = format.parse(&clear)?;
    if parts.metadata.is_some() || !parts.cut.is_empty() {
        return Err(Trouble::unsupported(
            "a value named as SOPS names its own metadata",
        ));
    }
    let mut known = known.clone();
    let mut mac = Mac::new(metadata.is_mac_narrow);
    let mut values = Vec::new();
    for leaf in &parts.leaves {
        let is_secret = metadata.rule.encrypts(&leaf.path);
        mac.add(&leaf.clear, is_secret);
        if is_encrypted(leaf.clear.text.trim_start()) {
            return Err(Trouble::unsupported(format!(
                "a value that looks encrypted already (`{}`)",
                leaf.name()
            )));
        }
        if !is_secret {
            values.push(None);
            continue;
        }
        let before = known.get_mut(&(leaf.path.clone(), leaf.clear.clone()));
        let text = match before.and_then(Vec::pop) {
            Some(text) => text,
            None => key.encrypt(&leaf.clear, &leaf.bound())?,
        };
        let kind = if leaf.is_comment() {
            Kind::Comment
        } else {
            Kind::Text
        };
        values.push(Some(leaf.written(&Clear::new(kind, text))));
    }
    let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mac = key.encrypt(&Clear::new(Kind::Text, mac.told()), &at)?;
    metadata.set_mac(&at, mac);
    let text = parts.with(&clear, &values) + &metadata.written(format);
    if format.parse(&text)?.metadata.is_none() {
        return Err(Trouble::unsupported("a file of several documents"));
    }
    Ok(text)
}

/// An encrypted file, taken apart.
struct Sealed {
    parts: Parts,
    metadata: Metadata,
}

impl Sealed {
    fn read(format: Format, text: &str) -> Result<Self, Trouble> {
        let mut parts = format.parse(text)?;
        let metadata = parts.metadata.take().ok_or(Trouble::NotEncrypted)?;
        Ok(Self {
            metadata: Metadata::read(metadata)?,
            parts,
        })
    }

    /// Returns the data key, and each value; `None` for what is in clear.
    fn opened(&self, keys: &AgeKeys) -> Result<(DataKey, Vec<Option<Clear>>), Trouble> {
        let wrapped: Vec<Wrapped> = self.metadata.wrapped()?;
        let key = keys.unwrap(&wrapped)?;
        let mut mac = Mac::new(self.metadata.is_mac_narrow);
        let mut values = Vec::with_capacity(self.parts.leaves.len());
        for (index, leaf) in self.parts.leaves.iter().enumerate() {
            let is_secret = self.metadata.rule.encrypts(&leaf.path);
            let value = if leaf.is_comment() {
                self.comment(index, &key)
            } else if is_secret {
                Some(Self::value(leaf, &key)?)
            } else {
                None
            };
            mac.add(value.as_ref().unwrap_or(&leaf.clear), is_secret);
            values.push(value);
        }
        let bound = self.metadata.last_modified()?;
        let expected = key.decrypt(&self.metadata.mac()?, &bound);
        let is_it = expected.is_ok_and(|expected| expected.text.as_str() == mac.told());
        if !is_it {
            return Err(Trouble::Mac);
        }
        Ok((key, values))
    }

    fn value(leaf: &Leaf, key: &DataKey) -> Result<Clear, Trouble> {
        let path = leaf.name();
        let is_cipher = leaf.clear.text.is_empty() || is_encrypted(&leaf.clear.text);
        if leaf.clear.kind != Kind::Text || !is_cipher {
            return Err(Trouble::InClear { path });
        }
        key.decrypt(&leaf.clear.text, &leaf.bound())
            .map_err(|why| Trouble::Value { path, why })
    }

    /// Returns a comment that is encrypted. What it stands in is not always clear, so every path of its
    /// neighbours is tried; one of them fits, or it was never encrypted.
    fn comment(&self, index: usize, key: &DataKey) -> Option<Clear> {
        let leaf = &self.parts.leaves[index];
        if !is_encrypted(&leaf.clear.text) {
            return None;
        }
        let leaves = &self.parts.leaves;
        let before = leaves[..index].iter().rev().find(|leaf| !leaf.is_comment());
        let after = leaves[index..].iter().find(|leaf| !leaf.is_comment());
        let neighbours = [Some(leaf), after, before].into_iter().flatten();
        let paths =
            neighbours.flat_map(|leaf| (0..=leaf.path.len()).rev().map(|end| &leaf.path[..end]));
        let mut clears = paths.filter_map(|path| key.decrypt(&leaf.clear.text, &bound(path)).ok());
        let clear = clears.next()?;
        (clear.kind == Kind::Comment && !clear.text.contains('\n')).then_some(clear)
    }
}

/// The MAC over values, in their order.
struct Mac {
    hash: Sha512,
    is_narrow: bool,
}

impl Mac {
    fn new(is_narrow: bool) -> Self {
        let mut hash = Sha512::new();
        if is_narrow {
            hash.update(NARROW);
        }
        Self { hash, is_narrow }
    }

    fn add(&mut self, clear: &Clear, is_secret: bool) {
        if clear.kind != Kind::Comment && (is_secret || !self.is_narrow) {
            self.hash.update(clear.text.as_bytes());
        }
    }

    fn told(&self) -> String {
        let digest = self.hash.clone().finalize();
        let mut told = String::with_capacity(digest.len() * 2);
        for byte in digest {
            write!(told, "{byte:02X}").expect("a string takes everything");
        }
        told
    }
}

//! Files that are encrypted: the values in them are random, and so is the way they are written down.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use rok_deploy::clients::sops::{AgeKeys, Format, Keyring, open};

/// From how many hexadecimal digits on a value is random.
const RANDOM: usize = 32;

/// Reads the sealed files of one world.
pub(super) struct Sealed {
    keys: Option<AgeKeys>,
    /// The random values that were seen, in that order.
    seen: RefCell<Vec<String>>,
    /// What was opened, by its text: a file stays as it is through many commits.
    opened: RefCell<HashMap<String, String>>,
}

impl Sealed {
    /// Those of a home.
    pub(super) fn of(home: &Path) -> Self {
        let file = home.join("state/sandbox/age.key");
        let keys = file.is_file().then(|| {
            let keys = Keyring::at(file).open_or_make(jiff::Timestamp::UNIX_EPOCH);
            keys.expect("it is a key")
        });
        Self {
            keys,
            seen: RefCell::default(),
            opened: RefCell::default(),
        }
    }

    /// What a file says in clear, with a number in the place of each random value: the same for the
    /// same value, in whichever file. Nothing of a file that is not sealed.
    pub(super) fn meaning(&self, path: &str, content: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(content).ok()?;
        let (keys, format) = (self.keys.as_ref()?, Format::of(path)?);
        if !text.contains("ENC[AES256_GCM,") {
            return None;
        }
        if let Some(clear) = self.opened.borrow().get(text) {
            return Some(clear.clone());
        }
        let opened = open(format, path, text, keys).expect("it opens with the key of this home");
        let words = opened.text.expose().split_inclusive(is_no_word);
        let words = words.map(|word| {
            let value = word.trim_end_matches(is_no_word);
            let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
            if value.len() >= RANDOM && is_hex {
                format!("<{}>{}", self.number(value), &word[value.len()..])
            } else {
                word.to_owned()
            }
        });
        let clear: String = words.collect();
        let mut known = self.opened.borrow_mut();
        known.insert(text.to_owned(), clear.clone());
        Some(clear)
    }

    fn number(&self, value: &str) -> usize {
        let mut seen = self.seen.borrow_mut();
        let known = seen.iter().position(|other| other == value);
        known.unwrap_or_else(|| {
            seen.push(value.to_owned());
            seen.len() - 1
        })
    }
}

fn is_no_word(letter: char) -> bool {
    !letter.is_ascii_alphanumeric()
}

//! Finds marked secrets in whatever was left behind, as they are and as they may be written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::support::practice::snapshot;

/// Secrets by what they are.
#[derive(Default, Clone)]
pub struct Marks(pub BTreeMap<String, String>);

/// What was left behind, by place: files, output, objects of a repository.
#[derive(Default)]
pub struct Places(pub BTreeMap<String, Vec<u8>>);

impl Marks {
    pub fn add(&mut self, what: &str, secret: &str) {
        // A short one would be found by chance.
        assert!(secret.len() >= 12, "{what}");
        self.0.insert(what.to_owned(), secret.to_owned());
    }
}

impl Places {
    pub fn add(&mut self, place: &str, content: impl Into<Vec<u8>>) {
        self.0.insert(place.to_owned(), content.into());
    }

    /// Adds every file below a folder.
    pub fn add_folder(&mut self, name: &str, folder: &Path) {
        for (path, content) in snapshot(folder) {
            let below = path.strip_prefix(folder).expect("it is below");
            self.add(&format!("{name}/{}", below.display()), content);
        }
    }

    /// Takes a place out, because it has to hold what it holds.
    pub fn take(&mut self, place: &str) -> Vec<u8> {
        let known = self.0.keys().cloned().collect::<Vec<_>>();
        let taken = self.0.remove(place);
        taken.unwrap_or_else(|| panic!("no {place} among {known:#?}"))
    }

    /// Where each of the secrets stands: `git password in stderr of run`.
    pub fn find(&self, marks: &Marks) -> Vec<String> {
        let mut found = Vec::new();
        for (what, secret) in &marks.0 {
            let forms = forms(secret.as_bytes());
            for (place, content) in &self.0 {
                if forms.iter().any(|form| holds(content, form)) {
                    found.push(format!("{what} in {place}"));
                }
            }
        }
        for (place, content) in &self.0 {
            if has_signed_token(content) {
                found.push(format!("a token with its signature in {place}"));
            }
        }
        found
    }

    /// Asserts that a word that is no secret was found in a place of that name: the search reads it.
    pub fn assert_read(&self, place: &str, word: &str) {
        let found = self.find(&Marks(BTreeMap::from([("it".to_owned(), word.to_owned())])));
        let begin = format!("it in {place}");
        assert!(
            found.iter().any(|found| found.starts_with(&begin)),
            "{word} does not reach {place}, only {found:#?}"
        );
    }
}

/// A secret as it is, in base64 of both alphabets wherever it begins in it, percent-encoded, and as
/// hexadecimal digits.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut percent = String::new();
    let mut hex = String::new();
    for byte in secret {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            percent.push(char::from(*byte));
        } else {
            write!(percent, "%{byte:02X}").expect("a string takes everything");
        }
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    let lower = percent.to_ascii_lowercase();
    let mut forms = vec![secret.to_vec(), percent.into_bytes(), hex.into_bytes()];
    if lower.contains('%') && lower.len() == forms[1].len() {
        let again = forms[1].clone();
        // Some write the digits small.
        forms.push(small_escapes(&again));
    }
    for before in 0..3 {
        let padded = [vec![0; before], secret.to_vec()].concat();
        // Letters that no byte of a neighbour has a part in.
        let from = (before * 8).div_ceil(6);
        let to = padded.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            forms.push(text.as_bytes()[from..to].to_vec());
        }
    }
    forms
}

fn small_escapes(text: &[u8]) -> Vec<u8> {
    let mut small = text.to_vec();
    for at in 0..small.len() {
        if small[at] == b'%' {
            let end = (at + 3).min(small.len());
            small[at..end].make_ascii_lowercase();
        }
    }
    small
}

fn holds(content: &[u8], form: &[u8]) -> bool {
    content.windows(form.len()).any(|window| window == form)
}

/// Whether there is a JSON web token whose third part is long enough to be a signature.
fn has_signed_token(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    text.match_indices("eyJ").any(|(start, _)| {
        let mut parts = text[start..].splitn(3, '.');
        let (Some(head), Some(claims), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let signature = rest.chars().take_while(|letter| is_part(*letter)).count();
        head.chars().all(is_part) && claims.chars().all(is_part) && signature >= 20
    })
}

#[test]
fn a_secret_is_found_however_it_is_written() {
    let secret = "canary/Secret+Key1";
    let mut marks = Marks::default();
    marks.add("key", secret);
    for text in [
        secret.to_owned(),
        format!("{{\"a\":\"{secret}\"}}"),
        "https://u:canary%2FSecret%2BKey1@h/x".to_owned(),
        "https://u:canary%2fSecret%2bKey1@h/x".to_owned(),
        STANDARD_NO_PAD.encode(secret),
        STANDARD_NO_PAD.encode(format!("u:{secret}")),
        URL_SAFE_NO_PAD.encode(format!("user:{secret}, and more")),
        "63616e6172792f5365637265742b4b657931".to_owned(),
    ] {
        let mut places = Places::default();
        places.add("file", text.clone());
        assert_eq!(places.find(&marks), ["key in file"], "{text}");
        places.assert_read("file", secret);
    }
    let mut places = Places::default();
    places.add("a", "canary");
    places.add("b", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyb2sifQ.redacted");
    assert_eq!(places.find(&marks), [""; 0]);
    places.add(
        "c",
        "x=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyb2sifQ.c2lnbmF0dXJlc2lnbmF0dXJl",
    );
    assert_eq!(places.find(&marks), ["a token with its signature in c"]);
}

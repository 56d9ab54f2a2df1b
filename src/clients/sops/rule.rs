//! Which values of a file are encrypted, by the names that lead to them.

use regex::Regex;

use super::error::Trouble;

/// The suffix of names whose values stay in clear where a file says nothing else.
const CLEAR_SUFFIX: &str = "_unencrypted";

/// Which values are encrypted.
#[derive(Debug, Clone)]
pub enum Rule {
    /// All, but those under a name with this ending.
    ButSuffix(String),
    /// Those under a name with this ending.
    Suffix(String),
    /// All, but those under a name that matches.
    ButRegex(Regex),
    /// Those under a name that matches.
    Regex(Regex),
}

impl Default for Rule {
    fn default() -> Self {
        Self::ButSuffix(CLEAR_SUFFIX.into())
    }
}

/// What the fields of the metadata are called.
pub(super) const FIELDS: [&str; 4] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
];

impl Rule {
    /// Encrypts what is under a name that matches.
    ///
    /// # Panics
    ///
    /// When it is no regular expression.
    pub fn matching(regex: &str) -> Self {
        Self::Regex(Regex::new(regex).expect("a regular expression of ours"))
    }

    /// Reads a field of the metadata.
    pub(super) fn read(field: &str, text: &str) -> Result<Self, Trouble> {
        let regex = || {
            Regex::new(text).map_err(|_| Trouble::Metadata {
                field: field.into(),
                found: format!("`{text}`"),
                expected: "a regular expression".into(),
            })
        };
        Ok(match field {
            "unencrypted_suffix" => Self::ButSuffix(text.into()),
            "encrypted_suffix" => Self::Suffix(text.into()),
            "unencrypted_regex" => Self::ButRegex(regex()?),
            _ => Self::Regex(regex()?),
        })
    }

    /// Returns the field of the metadata, and its text.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match self {
            Self::ButSuffix(text) => (FIELDS[0], text),
            Self::Suffix(text) => (FIELDS[1], text),
            Self::ButRegex(regex) => (FIELDS[2], regex.as_str()),
            Self::Regex(regex) => (FIELDS[3], regex.as_str()),
        }
    }

    /// Whether what these names lead to is encrypted.
    pub(super) fn encrypts(&self, path: &[String]) -> bool {
        match self {
            Self::ButSuffix(suffix) => !path.iter().any(|name| name.ends_with(suffix)),
            Self::Suffix(suffix) => path.iter().any(|name| name.ends_with(suffix)),
            Self::ButRegex(regex) => !path.iter().any(|name| regex.is_match(name)),
            Self::Regex(regex) => path.iter().any(|name| regex.is_match(name)),
        }
    }
}

//! What is wrong with an encrypted file, a key or a list of recipients: where, what was found, what was
//! expected, and what to do. No text quotes a value.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is wrong with which file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("`{file}`: {trouble}")]
pub struct SopsError {
    /// The file, as the operator knows it.
    pub file: String,
    /// What is wrong.
    pub trouble: Trouble,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Trouble {
    /// The text is none of its format.
    #[error("line {line}: {what}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What stands there, in words.
        what: String,
    },
    /// The file is not encrypted.
    #[error("found no SOPS metadata, expected an encrypted file")]
    NotEncrypted,
    /// Part of the metadata is missing or has another shape.
    #[error("its SOPS metadata has {found} for `{field}`, expected {expected}")]
    Metadata {
        /// The field.
        field: String,
        /// What was found, in words.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A version that nobody has written about.
    #[error("written by version {found} of SOPS, expected version 3")]
    Version {
        /// The version.
        found: String,
    },
    /// The private key is not there.
    #[error("is encrypted, and the private key {} does not exist", key.display())]
    KeyMissing {
        /// Where it was looked for.
        key: PathBuf,
    },
    /// None of our keys is among those it is encrypted for.
    #[error("is encrypted for {}, and {} holds the key of {}", listed(recipients), key.display(), listed(ours))]
    NoKey {
        /// Whom it is encrypted for.
        recipients: Vec<String>,
        /// Whose keys we have.
        ours: Vec<String>,
        /// Where they are.
        key: PathBuf,
    },
    /// The data key that is in the file for us cannot be had, or is none.
    #[error("its data key for {recipient} is damaged: {why}")]
    DataKey {
        /// The recipient.
        recipient: String,
        /// What is wrong.
        why: String,
    },
    /// The data key is split among several groups of keys.
    #[error("its data key is split among {groups} groups of keys, expected one group")]
    Groups {
        /// How many.
        groups: usize,
    },
    /// A value that the rules want encrypted is in clear.
    #[error(
        "the value of `{path}` is in clear, expected `ENC[AES256_GCM,…]`: it was put in without SOPS"
    )]
    InClear {
        /// The names that lead to it.
        path: String,
    },
    /// A value cannot be decrypted: it was changed, or moved from under another name.
    #[error("the value of `{path}` cannot be decrypted: {why}")]
    Value {
        /// The names that lead to it.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The values are not those that were encrypted together.
    #[error(
        "its MAC does not match its values: some were added, removed, changed or moved without SOPS"
    )]
    Mac,
    /// Something that is not done here.
    #[error("{what}, which is not supported here")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A recipient is none.
    #[error("found {found}, expected an age recipient (`age1…`)")]
    Recipient {
        /// What was found, in words.
        found: String,
    },
    /// A file of keys is readable for others.
    #[error("can be read by others (mode {mode:04o}), expected 0600")]
    Mode {
        /// Its mode.
        mode: u32,
    },
    /// A file of keys holds something else.
    #[error("line {line}: found {found}, expected an age key (`AGE-SECRET-KEY-1…`)")]
    Key {
        /// The line, counted from 1.
        line: usize,
        /// What was found, in words.
        found: String,
    },
    /// A file of keys holds none.
    #[error("holds no key, expected a line `AGE-SECRET-KEY-1…`")]
    NoKeys,
    /// A file cannot be read or written.
    #[error("cannot be {what}: {why}")]
    Io {
        /// Read, written.
        what: String,
        /// Why not.
        why: String,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no age recipient".into();
    }
    names.join(", ")
}

impl Trouble {
    /// Says which file it is about.
    pub fn of(self, file: impl Into<String>) -> SopsError {
        SopsError {
            file: file.into(),
            trouble: self,
        }
    }

    pub(crate) fn io(what: &str, error: &std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            why: error.to_string(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}

impl SopsError {
    /// Says what to do, one suggestion each.
    pub fn advice(&self) -> Vec<String> {
        let file = &self.file;
        match &self.trouble {
            Trouble::KeyMissing { key } => vec![
                format!(
                    "copy the key from the machine that made it to {} (mode 0600), or set SOPS_AGE_KEY_FILE",
                    key.display()
                ),
                format!(
                    "or let somebody who can read `{file}` add your recipient to `deploy/age-recipients.txt` and run `rok-deploy` once"
                ),
            ],
            Trouble::NoKey { ours, .. } => vec![
                format!(
                    "let somebody who can read it add {} to `deploy/age-recipients.txt` and run `rok-deploy` once",
                    listed(ours)
                ),
                "or set SOPS_AGE_KEY_FILE to the file with the right key".into(),
            ],
            Trouble::InClear { .. } | Trouble::Mac => vec![
                format!("`git log -p -- {file}` shows who changed it"),
                format!("edit it with `sops {file}`; `git checkout` brings back what was whole"),
            ],
            Trouble::Value { .. } | Trouble::DataKey { .. } | Trouble::Metadata { .. } => vec![
                format!("`git log -p -- {file}` shows what it was when it was whole"),
                "`rok-deploy rotate` makes new credentials once the file is whole or gone".into(),
            ],
            Trouble::Version { .. } => {
                vec!["`sops updatekeys` of a current SOPS writes it anew".into()]
            }
            Trouble::Groups { .. } => vec![format!(
                "`sops rotate` with one group writes `{file}` for it"
            )],
            Trouble::Mode { .. } => vec![format!(
                "`chmod 600 {file}`; if others may have read it, `rok-deploy rotate`"
            )],
            Trouble::Key { .. } | Trouble::NoKeys => vec![format!(
                "put a key of `age-keygen` there, or move {file} away: without encrypted files a new key is made"
            )],
            Trouble::Recipient { .. } => {
                vec!["`age-keygen -y KEYFILE` prints the recipient of a key".into()]
            }
            Trouble::Syntax { .. } => vec![format!("correct `{file}` in the clone")],
            Trouble::NotEncrypted | Trouble::Unsupported { .. } | Trouble::Io { .. } => Vec::new(),
        }
    }
}

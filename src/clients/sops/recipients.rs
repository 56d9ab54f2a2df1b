//! Who may read the secrets of a repository: age recipients, one a line, in a file that people edit.

use std::fmt;

use age::x25519::Recipient as Public;

use super::error::Trouble;

/// What a new file begins with.
const HEAD: &str = "\
# Who can read the encrypted files of this repository: age recipients, one a line.
# `rok-deploy` encrypts for all of them. Your own: `age-keygen -y KEYFILE`.
";

/// Somebody for whom files are encrypted: the public part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient(String);

impl Recipient {
    pub(super) fn of(public: &Public) -> Self {
        Self(public.to_string())
    }

    /// Returns the recipient that a text names; says in words what it is instead.
    fn read(text: &str) -> Result<Self, &'static str> {
        match text.parse::<Public>() {
            Ok(public) => Ok(Self::of(&public)),
            Err(_) if text.starts_with("AGE-SECRET-KEY-") => {
                Err("a private key, which belongs nowhere in Git")
            }
            Err(_) if text.starts_with("ssh-") => Err("an SSH key"),
            Err(_) if text.starts_with("age1") && text.matches('1').count() > 1 => {
                Err("a recipient of a plugin, or a damaged one")
            }
            Err(_) if text.starts_with("age1") => Err("a damaged recipient"),
            Err(_) => Err("something else"),
        }
    }

    pub(super) fn public(&self) -> Public {
        self.0.parse().expect("it was parsed when it was made")
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The file of recipients. Comments, order and blank lines are its editors'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    text: String,
    list: Vec<Recipient>,
}

impl Recipients {
    /// Returns that of a file; none, or an empty one, when there is none yet.
    ///
    /// # Errors
    ///
    /// When a line is no recipient.
    pub fn read(text: Option<&str>) -> Result<Self, Trouble> {
        let text = text.unwrap_or(HEAD).to_owned();
        let mut list: Vec<Recipient> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let recipient = Recipient::read(line).map_err(|found| Trouble::Recipient {
                found: format!("{found} in line {}", index + 1),
            })?;
            if !list.contains(&recipient) {
                list.push(recipient);
            }
        }
        Ok(Self { text, list })
    }

    /// Returns the recipients, in order, each once.
    pub fn list(&self) -> &[Recipient] {
        &self.list
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a recipient at the end, unless it is there.
    pub fn add(&mut self, recipient: Recipient) {
        if self.list.contains(&recipient) {
            return;
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(recipient.as_str());
        self.text.push('\n');
        self.list.push(recipient);
    }
}

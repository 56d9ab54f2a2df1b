//! A user and password that came inside a clone address.
//!
//! Git would show them in the argument list of its children and keep them in a configuration that
//! everybody may read. We clone from the plain address, and keep them in a file of mode 0600 that
//! Git's own `store` helper reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::error::GitError;
use super::program::authority;
use crate::clients::secret::Secret;

/// Where the credentials are kept, inside `.git`.
const FILE: &str = "rok-deploy-credentials";

/// Passwords that came inside of addresses. Whoever reads answers takes them out first, so that no
/// answer, event or file of a run ever holds one. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Passwords(Arc<Mutex<BTreeMap<String, Secret>>>);

impl Passwords {
    /// Returns the text as it was, or, when it is an address with a password, the address without
    /// user and password, which are kept.
    pub fn take(&self, text: &str) -> String {
        let Some((plain, line)) = split(text) else {
            return text.to_owned();
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(plain.clone(), Secret::new(line));
        plain
    }

    /// As [`split`], with what was kept for the address.
    pub(super) fn split(&self, url: &str) -> Option<(String, String)> {
        split(url).or_else(|| {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let line = kept.get(url)?.expose().to_owned();
            Some((url.to_owned(), line))
        })
    }
}

/// The credentials of one address, in a file that is gone when this is dropped.
pub(super) struct Credentials {
    /// Scheme and host.
    scope: String,
    file: NamedTempFile,
}

/// Returns the address without user and password, and the line of Git's credential store that has
/// them, when there is a password.
pub(super) fn split(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let end = authority(rest);
    let (user, host) = rest[..end].rsplit_once('@')?;
    user.contains(':').then(|| {
        // The line ends its host at a `/`, too.
        let user = user.replace('/', "%2F");
        (
            format!("{scheme}://{host}{}", &rest[end..]),
            format!("{scheme}://{user}@{host}"),
        )
    })
}

impl Credentials {
    /// Puts the line into a file in `directory`.
    pub(super) fn new(line: &str, directory: &Path) -> Result<Self, GitError> {
        let written = NamedTempFile::new_in(directory).and_then(|mut file| {
            writeln!(file, "{line}")?;
            Ok(file)
        });
        let scope = line
            .split_once("://")
            .map_or(line.into(), |(scheme, rest)| {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("{scheme}://{host}")
            });
        Ok(Self {
            scope,
            file: written.map_err(|source| GitError::io(directory, source))?,
        })
    }

    /// Returns the setting by which Git finds the file now.
    pub(super) fn setting(&self) -> String {
        format!(
            "credential.{}.helper={}",
            self.scope,
            helper(self.file.path())
        )
    }

    /// Moves the file into the repository at `draft`, which will be at `target` in the end. Returns
    /// name and value of the setting by which Git finds it there.
    pub(super) fn keep(self, draft: &Path, target: &Path) -> Result<(String, String), GitError> {
        let kept = draft.join(".git").join(FILE);
        self.file
            .persist(&kept)
            .map_err(|error| GitError::io(&kept, error.error))?;
        let name = format!("credential.{}.helper", self.scope);
        Ok((name, helper(&target.join(".git").join(FILE))))
    }
}

/// Git hands the helper to a shell, so the path is in quotes.
fn helper(file: &Path) -> String {
    format!(
        "store --file='{}'",
        file.display().to_string().replace('\'', r"'\''")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_with_a_password_are_split() {
        let (plain, line) = split("https://rok:p@ss@git.example:8443/ops.git").unwrap();
        assert_eq!(plain, "https://git.example:8443/ops.git");
        assert_eq!(line, "https://rok:p@ss@git.example:8443");
        let (plain, line) = split("https://rok:p/ss@git.example/ops.git").unwrap();
        assert_eq!(plain, "https://git.example/ops.git");
        assert_eq!(line, "https://rok:p%2Fss@git.example");
        for url in [
            "https://git.example/a:b@c",
            "https://rok@git.example/x",
            "ssh://git:x@h/x",
            "git@h:x",
        ] {
            assert!(split(url).is_none(), "{url}");
        }
    }

    #[test]
    fn a_password_is_kept_for_its_address_and_shown_to_nobody() {
        let (passwords, url) = (
            Passwords::default(),
            "https://rok:s3cret@git.example/ops.git",
        );
        assert_eq!(passwords.take("rok-us-west-2"), "rok-us-west-2");
        let plain = passwords.take(url);
        assert_eq!(plain, "https://git.example/ops.git");
        assert_eq!(passwords.clone().split(&plain), split(url));
        assert_eq!(passwords.split("https://git.example/other.git"), None);
        assert!(!format!("{passwords:?}").contains("s3cret"));
    }
}

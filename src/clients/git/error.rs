//! What can go wrong with a repository or its remote.
//!
//! The program's own words are kept in `text`: they come from `LC_ALL=C`, and a refusal by somebody's
//! hook or server is best explained by whoever wrote it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::program::redact;

/// Why a Git operation failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The directory is no repository.
    #[error("open `{}`: found no Git repository", path.display())]
    NotARepository {
        /// The directory.
        path: PathBuf,
    },
    /// A repository of a kind we cannot work in.
    #[error("open `{}`: found {what}, expected a repository with a working tree", path.display())]
    Unsupported {
        /// The directory.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// HEAD points at a commit and not at a branch.
    #[error("commit or push: HEAD is detached, expected a branch")]
    Detached,
    /// Somebody is in the middle of something.
    #[error("change the repository: {what}")]
    Busy {
        /// What is going on, and which file says so.
        what: String,
    },
    /// Git does not know who the operator is.
    #[error("commit: the operator's Git identity is not configured")]
    Identity,
    /// The directory belongs to another user.
    #[error("open `{}`: the directory belongs to another user", path.display())]
    DubiousOwnership {
        /// The directory.
        path: PathBuf,
    },
    /// A path that leaves the repository.
    #[error("use path `{path}`: it leads outside of the repository")]
    PathEscapes {
        /// The path as it was given.
        path: String,
    },
    /// The place for a new repository is taken.
    #[error("create repository `{}`: the directory exists and is not empty", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// The remote wants other credentials, or these have too few rights.
    #[error("reach `{remote}`: authentication failed: {text}")]
    Authentication {
        /// The remote's address.
        remote: String,
        /// What the program said.
        text: String,
    },
    /// The remote's ssh host key is unknown or has changed.
    #[error("reach `{remote}`: its ssh host key is not trusted: {text}")]
    HostKey {
        /// The remote's address.
        remote: String,
        /// What the program said.
        text: String,
    },
    /// No answer, or no trusted connection.
    #[error("reach `{remote}`: {text}")]
    Unreachable {
        /// The remote's address.
        remote: String,
        /// What the program said.
        text: String,
    },
    /// The remote has no such repository, or hides it from this user.
    #[error("reach `{remote}`: repository not found: {text}")]
    RepositoryNotFound {
        /// The remote's address.
        remote: String,
        /// What the program said.
        text: String,
    },
    /// The remote has no such branch.
    #[error("clone `{remote}`: branch `{branch}` not found")]
    BranchNotFound {
        /// The remote's address.
        remote: String,
        /// The branch.
        branch: String,
    },
    /// There is nowhere to push to.
    #[error("push: the repository has no remote")]
    NoRemote,
    /// The remote's rules do not let the push in, on any branch.
    #[error("push to `{remote}`: rejected: {text}")]
    Rejected {
        /// The remote's address.
        remote: String,
        /// What the remote said.
        text: String,
    },
    /// A hook or the signing program said no.
    #[error("{what}: refused: {text}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the hook or program said.
        text: String,
    },
    /// Both sides changed the same thing.
    #[error("push to branch `{branch}`: {text}{}", listed(paths))]
    Diverged {
        /// The remote's branch.
        branch: String,
        /// The paths that both sides changed, when that is the reason.
        paths: Vec<String>,
        /// What stands in the way.
        text: String,
    },
    /// The tag is there and points elsewhere.
    #[error("create tag `{name}`: it exists and points at commit {commit}")]
    TagExists {
        /// The tag's name.
        name: String,
        /// Where it points.
        commit: String,
    },
    /// A file could not be read or written: disk full, read-only, no right.
    #[error("access `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The `git` program is not there.
    #[error("run `{program}`: program not found")]
    ProgramMissing {
        /// Its name.
        program: String,
    },
    /// Anything else, in the words of who found it.
    #[error("{what}: {text}")]
    Other {
        /// What was tried.
        what: String,
        /// What was said.
        text: String,
    },
}

impl GitError {
    /// Returns the sort of error as one word, which stays the same whatever the text says.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotARepository { .. } => "NotARepository",
            Self::Unsupported { .. } => "Unsupported",
            Self::Detached => "Detached",
            Self::Busy { .. } => "Busy",
            Self::Identity => "Identity",
            Self::DubiousOwnership { .. } => "DubiousOwnership",
            Self::PathEscapes { .. } => "PathEscapes",
            Self::Exists { .. } => "Exists",
            Self::Authentication { .. } => "Authentication",
            Self::HostKey { .. } => "HostKey",
            Self::Unreachable { .. } => "Unreachable",
            Self::RepositoryNotFound { .. } => "RepositoryNotFound",
            Self::BranchNotFound { .. } => "BranchNotFound",
            Self::NoRemote => "NoRemote",
            Self::Rejected { .. } => "Rejected",
            Self::Refused { .. } => "Refused",
            Self::Diverged { .. } => "Diverged",
            Self::TagExists { .. } => "TagExists",
            Self::Io { .. } => "Io",
            Self::ProgramMissing { .. } => "ProgramMissing",
            Self::Other { .. } => "Other",
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    pub(super) fn other(what: &str, text: impl Into<String>) -> Self {
        Self::Other {
            what: what.into(),
            text: text.into(),
        }
    }

    /// Turns libgit2's error in the repository at `path` into ours.
    pub(super) fn from_git2(what: &str, path: &Path, error: &git2::Error) -> Self {
        match error.code() {
            git2::ErrorCode::Owner => return Self::DubiousOwnership { path: path.into() },
            git2::ErrorCode::Locked => {
                return Self::Busy {
                    what: redact(error.message()),
                };
            }
            _ => {}
        }
        local(path, error.message()).unwrap_or_else(|| Self::other(what, redact(error.message())))
    }
}

/// Recognises what the local file system, or somebody else's Git, did to us.
pub(super) fn local(path: &Path, text: &str) -> Option<GitError> {
    let is_out_of_space = ["No space left on device", "Out of diskspace"]
        .iter()
        .any(|words| text.contains(words));
    let kind = if is_out_of_space || (is_unwritten(text) && is_full(path)) {
        ErrorKind::StorageFull
    } else if text.contains("Disk quota exceeded") {
        ErrorKind::QuotaExceeded
    } else if text.contains("Read-only file system") {
        ErrorKind::ReadOnlyFilesystem
    } else if is_denied(text) {
        ErrorKind::PermissionDenied
    } else if text.contains("detected dubious ownership") {
        return Some(GitError::DubiousOwnership { path: path.into() });
    } else if text.contains(".lock': File exists") {
        let line = text
            .lines()
            .find(|line| line.contains(".lock'"))
            .unwrap_or(text);
        return Some(GitError::Busy {
            what: redact(
                line.trim_start_matches("fatal: ")
                    .trim_start_matches("error: "),
            ),
        });
    } else {
        return None;
    };
    let mut text = redact(&spoken(text));
    if kind == ErrorKind::StorageFull && !is_out_of_space {
        // Git gave no reason.
        text.push_str(": No space left on device");
    }
    Some(GitError::io(path, io::Error::new(kind, text)))
}

/// Whether something was not written, for which Git gives no reason.
fn is_unwritten(text: &str) -> bool {
    // An object that libgit2 could not write shows only when it is looked for.
    ["couldn't write '", "with nonexistent object"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Whether the file system has no room for another few small files.
fn is_full(path: &Path) -> bool {
    const LITTLE: u64 = 64 * 1024;
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_bavail * found.f_frsize < LITTLE)
}

/// Whether a file was denied. An ssh server that wants another key says it in the same words, and
/// names in brackets what it would have taken.
fn is_denied(text: &str) -> bool {
    let denied = |line: &str| line.contains(": Permission denied") && !line.contains("denied (");
    text.lines().any(denied) || text.contains("insufficient permission for")
}

/// Sorts what the program said about a remote.
pub(super) fn network(remote: &str, text: &str) -> GitError {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let (remote, text) = (remote.to_owned(), spoken(text));
    if has(&[
        "Host key verification failed",
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
    ]) {
        return GitError::HostKey { remote, text };
    }
    if has(&[
        "could not read Username",
        "could not read Password",
        "Authentication failed for",
        "Permission denied (",
        "returned error: 401",
        "returned error: 403",
        "Access denied",
        "access denied",
        "Too many authentication failures",
    ]) {
        return GitError::Authentication { remote, text };
    }
    if has(&[
        "Could not resolve host",
        "Connection refused",
        "Connection reset",
        "Connection timed out",
        "Operation timed out",
        "Network is unreachable",
        "No route to host",
        "unable to connect",
        "Failed to connect",
        "Couldn't connect",
        "certificate",
        "returned error: 5",
    ]) {
        return GitError::Unreachable { remote, text };
    }
    if has(&[
        "not found",
        "does not appear to be a git repository",
        "no such repository",
        "does not exist",
        "correct access rights",
    ]) {
        return GitError::RepositoryNotFound { remote, text };
    }
    GitError::Unreachable { remote, text }
}

/// What Git adds to every failure to talk to a remote, whatever its cause was.
const BOILERPLATE: [&str; 3] = [
    "Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
];

/// Returns the lines that say something, without the program's prefixes.
pub(super) fn spoken(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            let line = line.trim();
            ["remote: ", "fatal: ", "error: "]
                .iter()
                .fold(line, |line, prefix| {
                    line.strip_prefix(prefix).unwrap_or(line)
                })
                .trim()
        })
        .filter(|line| !line.is_empty() && *line != "remote:" && !line.starts_with("hint:"))
        .filter(|line| !BOILERPLATE.contains(line))
        .collect();
    lines.join("\n")
}

fn listed(paths: &[String]) -> String {
    if paths.is_empty() {
        String::new()
    } else {
        format!(": `{}`", paths.join("`, `"))
    }
}

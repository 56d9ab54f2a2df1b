//! An operator's Git repository: what steps read from it, write to it, commit and push.
//!
//! libgit2 does the local work. The `git` program does what depends on the operator's own setup:
//! the network (ssh configuration, credential helpers), filters, and commits that are signed or pass
//! hooks. Everything here blocks, so callers use `spawn_blocking`; every operation opens the
//! repository anew and may be killed after any of its writes: doing it again repairs what was left.

mod clone;
mod commit;
mod create;
mod credentials;
mod error;
mod held;
mod history;
mod merge;
mod paths;
mod peek;
mod program;
mod push;
mod rebase;
mod remote;
mod renders;
mod tags;
mod tree;

#[cfg(test)]
mod tests;

pub use clone::{Clone, Head};
pub use commit::CommitRequest;
pub use credentials::Passwords;
pub use error::GitError;
pub use history::{CommitInfo, FileWork};
pub use merge::{LeftOut, Merged, merge_file};
pub use program::{Git, GitSettings, redact};
pub use push::{PushOutcome, PushRight};
pub use remote::{PushState, Remote};
pub use tags::TagInfo;
pub use tree::blob_id;

/// Whether a branch may be called so: `git check-ref-format --branch`, without its shorthands.
pub fn is_branch_name(name: &str) -> bool {
    git2::Branch::name_is_valid(name).unwrap_or(false)
}

/// The trailer that says which run made a commit.
pub const RUN_TRAILER: &str = "Rok-Deploy-Run";

/// The trailer that says which step made a commit; a commit may have several.
pub const STEP_TRAILER: &str = "Rok-Deploy-Step";

/// The trailer with the blob id of a file that the commit holds just as it was rendered.
pub const RENDER_TRAILER: &str = "Rok-Deploy-Render";

//! Commits exactly the named paths, and nothing else that lies around in the clone.
//!
//! The new tree is HEAD's tree with these paths replaced, so other people's staged and dirty files
//! stay as they are. The real index goes first and the branch follows: a run killed in between
//! leaves the paths staged and commits them the next time. The other way round it would leave an
//! index that undoes the commit, and nothing to commit. A hook may refuse, so with hooks or a
//! signature the index does follow the branch.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use git2::{Oid, Repository, Signature, Tree};

use super::clone::Clone;
use super::error::{self, GitError};
use super::paths::Place;
use super::program::{Git, checked};

/// The hooks that a commit passes; each one that is active makes the program do the commit.
const HOOKS: [&str; 4] = [
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
];

/// The id that stands for no object.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What to commit.
#[derive(Debug, Clone, Copy)]
pub struct CommitRequest<'a> {
    /// The message, without trailers.
    pub message: &'a str,
    /// Trailers for the message, in their order.
    pub trailers: &'a [(String, String)],
    /// The paths, as they are in the working tree; one that is absent there is deleted.
    pub paths: &'a [String],
}

impl Git {
    /// Returns the operator's name and address, as Git knows them in `directory`.
    ///
    /// # Errors
    ///
    /// [`GitError::Identity`] when it knows none.
    pub fn identity(&self, directory: &Path) -> Result<String, GitError> {
        let committer = self.committer(directory)?;
        Ok(committer.to_string())
    }

    fn committer(&self, directory: &Path) -> Result<Signature<'static>, GitError> {
        // A name made up from the login and the host would look like somebody and be nobody.
        let arguments = [
            "-c",
            "user.useConfigOnly=true",
            "var",
            "GIT_COMMITTER_IDENT",
        ];
        let output = self.run(directory, &arguments)?;
        if !output.success() {
            return Err(error::local(directory, &output.stderr).unwrap_or(GitError::Identity));
        }
        parse_identity(output.stdout.trim()).ok_or(GitError::Identity)
    }
}

impl Clone {
    /// Commits the paths of `request`. Returns the commit, or `None` when HEAD has them already.
    pub fn commit(&self, request: &CommitRequest<'_>) -> Result<Option<String>, GitError> {
        let places = request
            .paths
            .iter()
            .map(|path| self.place(path))
            .collect::<Result<Vec<_>, _>>()?;
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("commit", &error);
        let base = self.head_tree(&repository)?;
        let changes = self.changes(&repository, base.as_ref(), &places)?;
        if changes.is_empty() {
            self.refresh_index(&repository, base.as_ref(), &places)?;
            return Ok(None);
        }
        if let Some(what) = self.operation_in_progress() {
            return Err(GitError::Busy { what });
        }
        let head = self.head()?;
        let branch = head.branch.ok_or(GitError::Detached)?;
        let (committer, takes_program) = self.prepare_commit()?;
        let tree = self.tree_with(&repository, base.as_ref(), &changes)?;
        let message = with_trailers(request.message, request.trailers);
        if takes_program {
            self.commit_with_program(&repository, &tree, &message)?;
        } else {
            self.refresh_index(&repository, Some(&tree), &places)?;
            let author = self.author(&committer)?;
            let parent = match &head.commit {
                Some(id) => {
                    let id = Oid::from_str(id).map_err(failed)?;
                    Some(repository.find_commit(id).map_err(failed)?)
                }
                None => None,
            };
            let parents: Vec<_> = parent.iter().collect();
            let write = || {
                let (author, parents) = (&author, &parents);
                repository
                    .commit(None, author, &committer, &message, &tree, parents)
                    .map_err(failed)
            };
            let operation = || format!("commit {}", request.message);
            let id = self.git.locally(&self.directory, operation, write)?;
            let expected = head.commit.as_deref().unwrap_or(NOTHING);
            let subject = request.message.lines().next().unwrap_or_default();
            self.update_references(
                &format!("commit: {subject}"),
                &format!("update refs/heads/{branch} {id} {expected}\n"),
            )?;
        }
        // A hook may have changed what was committed, so the index follows HEAD and not our tree.
        let head = self.head_tree(&repository)?;
        self.refresh_index(&repository, head.as_ref(), &places)?;
        Ok(self.head()?.commit)
    }

    /// Moves, makes and removes references, all of them or none; `reason` is for their logs.
    ///
    /// The program does it: on a full disk libgit2 has been seen to say that a branch moved which
    /// did not.
    pub(super) fn update_references(
        &self,
        reason: &str,
        transaction: &str,
    ) -> Result<(), GitError> {
        let arguments = ["update-ref", "-m", reason, "--stdin"];
        let input = Some(transaction.as_bytes());
        let output = self.git.run_with(&self.directory, &arguments, &[], input)?;
        checked(output, &self.directory, "move a branch or tag").map(drop)
    }

    /// Returns the committer, and whether hooks or a signature ask for the `git` program. Starting
    /// it takes longer than its answers, so the questions are asked at the same time.
    fn prepare_commit(&self) -> Result<(Signature<'static>, bool), GitError> {
        thread::scope(|scope| {
            let is_signed = scope.spawn(|| self.is_signed());
            let has_hooks = scope.spawn(|| self.has_hooks());
            let committer = self.committer();
            let is_signed = is_signed.join().expect("reading a setting does not panic");
            let has_hooks = has_hooks.join().expect("looking for hooks does not panic");
            Ok((committer?, is_signed? || has_hooks?))
        })
    }

    /// Returns who commits: the operator, as Git is configured or told by the environment.
    pub(super) fn committer(&self) -> Result<Signature<'static>, GitError> {
        self.git.committer(&self.directory)
    }

    fn author(&self, committer: &Signature<'_>) -> Result<Signature<'static>, GitError> {
        let (name, email) = &self.git.settings.author;
        Signature::new(name, email, &committer.when())
            .map_err(|error| self.failed("name the author", &error))
    }

    /// Returns whether the operator signs commits.
    pub(super) fn is_signed(&self) -> Result<bool, GitError> {
        self.is_set("commit.gpgSign")
    }

    /// Returns whether a setting of the operator says yes.
    pub(super) fn is_set(&self, name: &str) -> Result<bool, GitError> {
        let arguments = ["config", "--type=bool", "--default=false", "--get", name];
        Ok(self.expect("read the configuration", &arguments)?.trim() == "true")
    }

    fn has_hooks(&self) -> Result<bool, GitError> {
        self.git
            .asks(&self.directory, "hooks", || self.finds_hooks())
    }

    fn finds_hooks(&self) -> Result<bool, GitError> {
        let directory = self.expect("find the hooks", &["rev-parse", "--git-path", "hooks"])?;
        let directory = self.directory.join(directory.trim_end_matches('\n'));
        Ok(HOOKS.iter().any(|hook| {
            fs::metadata(directory.join(hook))
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        }))
    }

    /// Lets `git commit` sign and run the hooks, on a private index that holds `tree`.
    fn commit_with_program(
        &self,
        repository: &Repository,
        tree: &Tree<'_>,
        message: &str,
    ) -> Result<(), GitError> {
        let index = PrivateIndex::new(repository);
        let path = index
            .path
            .to_str()
            .ok_or_else(|| GitError::other("commit", "the path of the clone is not UTF-8"))?;
        let environment = [("GIT_INDEX_FILE", path)];
        let id = tree.id().to_string();
        let output = self
            .git
            .run_with(&self.directory, &["read-tree", &id], &environment, None)?;
        checked(output, &self.directory, "prepare the commit")?;
        let (name, email) = &self.git.settings.author;
        let author = format!("--author={name} <{email}>");
        let arguments = [
            "commit",
            "--quiet",
            &author,
            "--cleanup=whitespace",
            "--file=-",
        ];
        let output = self.git.run_with(
            &self.directory,
            &arguments,
            &environment,
            Some(message.as_bytes()),
        )?;
        if output.success() {
            return Ok(());
        }
        Err(
            error::local(&self.directory, &output.stderr).unwrap_or_else(|| GitError::Refused {
                what: "commit".into(),
                text: output.text(),
            }),
        )
    }

    /// Gives the real index the entries of `tree` for just these paths, where it has others.
    fn refresh_index(
        &self,
        repository: &Repository,
        tree: Option<&Tree<'_>>,
        places: &[Place],
    ) -> Result<(), GitError> {
        let read = |error: git2::Error| self.failed("read the index", &error);
        let mut index = repository.index().map_err(read)?;
        // The program may have written it since it was read last.
        index.read(false).map_err(read)?;
        let is_stale = |place: &&Place| {
            let staged = index
                .get_path(place.relative.as_ref(), 0)
                .map(|entry| entry.id);
            let committed = tree
                .and_then(|tree| tree.get_path(place.relative.as_ref()).ok())
                .map(|entry| entry.id());
            staged != committed
        };
        let stale: Vec<_> = places
            .iter()
            .filter(is_stale)
            .map(|place| place.relative.as_str())
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        if let Some(what) = self.operation_in_progress() {
            return Err(GitError::Busy { what });
        }
        // The program holds the index lock from reading to writing; libgit2 would only for writing.
        let tree = tree.map(|tree| tree.id().to_string());
        let mut arguments = vec!["reset", "--quiet"];
        arguments.extend(tree.as_deref());
        arguments.push("--");
        arguments.extend(stale);
        self.expect("update the index", &arguments)?;
        Ok(())
    }
}

/// An index file of our own, gone when this is dropped.
struct PrivateIndex {
    path: PathBuf,
}

impl PrivateIndex {
    fn new(repository: &Repository) -> Self {
        let index = Self {
            path: repository.path().join("rok-deploy-index"),
        };
        index.remove();
        index
    }

    /// Removes the file, also one that a killed run left.
    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("lock"));
    }
}

impl Drop for PrivateIndex {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Returns the message with its trailers as a block of their own at the end.
fn with_trailers(message: &str, trailers: &[(String, String)]) -> String {
    let mut text = message.trim_end().to_owned();
    text.push('\n');
    if !trailers.is_empty() {
        text.push('\n');
    }
    for (key, value) in trailers {
        text.push_str(key);
        text.push_str(": ");
        text.push_str(value.trim());
        text.push('\n');
    }
    text
}

/// Reads `Name <address> 1700000000 +0100`.
fn parse_identity(text: &str) -> Option<Signature<'static>> {
    let (name, rest) = text.split_once(" <")?;
    let (email, time) = rest.split_once("> ")?;
    let (seconds, zone) = time.split_once(' ')?;
    let zone: i32 = zone.parse().ok()?;
    let minutes = zone / 100 * 60 + zone % 100;
    let time = git2::Time::new(seconds.parse().ok()?, minutes);
    Signature::new(name, email, &time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_keeps_its_time_and_zone() {
        let identity = parse_identity("Ann Op <ann@example.com> 1700000000 -0330").unwrap();
        assert_eq!(identity.name(), Ok("Ann Op"));
        assert_eq!(identity.when().seconds(), 1_700_000_000);
        assert_eq!(identity.when().offset_minutes(), -210);
        assert!(parse_identity("nobody").is_none());
    }

    #[test]
    fn trailers_form_a_block() {
        let trailers = [("Rok-Deploy-Step".to_owned(), "aws.stack".to_owned())];
        assert_eq!(
            with_trailers("Subject\n\nBody\n", &trailers),
            "Subject\n\nBody\n\nRok-Deploy-Step: aws.stack\n"
        );
        assert_eq!(with_trailers("Subject", &[]), "Subject\n");
    }
}

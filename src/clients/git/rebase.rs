//! Moves our unpushed commits on top of what others pushed, when both touched different paths.
//!
//! Only commits with our trailers move; an operator's own unpushed commits are theirs to rebase. The
//! order survives a kill: a reference remembers where we are going, then index and working tree
//! move, then one transaction moves the branch and drops the reference and the tags on what was
//! moved. The tags are made anew at the end, by the one who signs them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{Commit, Delta, Diff, FileMode, Oid, Repository, Tree};

use super::clone::Clone;
use super::error::GitError;
use super::history::{has_trailer, subject};
use super::program::checked;
use super::remote::Target;
use super::tags;
use super::{RUN_TRAILER, STEP_TRAILER};

/// Where a rebase under way is going.
const PENDING: &str = "refs/rok-deploy/rebase";

/// What the logs of references say of it.
const REASON: &str = "rok-deploy: rebase";

impl Clone {
    /// Fetches, puts our commits on top of what came, and gives our tags names that the remote has
    /// not given to others; `tags` becomes those that it lacks. Returns whether the branch still has
    /// something to push.
    pub(super) fn catch_up(
        &self,
        target: &Target,
        tags: &mut Vec<String>,
        attempt: u32,
    ) -> Result<bool, GitError> {
        if !self.fetch(target, attempt)? {
            self.make_way(target, tags)?;
            return Ok(true);
        }
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("rebase our commits", &error);
        let head = repository.refname_to_id("HEAD").map_err(failed)?;
        let upstream = repository
            .refname_to_id(&target.tracking())
            .map_err(failed)?;
        let diverged = |paths: Vec<String>, text: String| GitError::Diverged {
            branch: target.branch.clone(),
            paths,
            text,
        };
        let base = repository
            .merge_base(head, upstream)
            .map_err(|_| diverged(Vec::new(), "found no commit in common".into()))?;
        if base == head || base == upstream {
            self.make_way(target, tags)?;
            return Ok(base != head);
        }
        if let Some(what) = self.operation_in_progress() {
            return Err(GitError::Busy { what });
        }
        let ours = self.unpushed_commits(&repository, head, base)?;
        if let Some(foreign) = ours.iter().find(|commit| !is_ours(commit)) {
            let text = format!(
                "the remote has other commits, and `{}` ({:.8}) was not made by rok-deploy",
                subject(foreign),
                foreign.id().to_string()
            );
            return Err(diverged(Vec::new(), text));
        }
        let tree_of = |id: Oid| {
            repository
                .find_commit(id)
                .and_then(|commit| commit.tree())
                .map_err(failed)
        };
        let (base_tree, head_tree, upstream_tree) =
            (tree_of(base)?, tree_of(head)?, tree_of(upstream)?);
        let our_changes = self.changed_paths(&repository, &base_tree, &head_tree)?;
        let their_changes = self.changed_paths(&repository, &base_tree, &upstream_tree)?;
        let is_same = |path: &str| entry(&head_tree, path) == entry(&upstream_tree, path);
        let both: Vec<_> = overlap(&our_changes, &their_changes)
            .into_iter()
            .filter(|path| !is_same(path))
            .collect();
        if !both.is_empty() {
            return Err(diverged(both, "both sides changed the same paths".into()));
        }
        let moved = if our_changes.iter().all(|path| is_same(path)) {
            // All of it is there already, as after a squashed pull request.
            ours.iter().map(|commit| (commit.id(), upstream)).collect()
        } else {
            self.replay(&repository, &ours, upstream)?
        };
        let tip = moved.get(&head).copied().unwrap_or(upstream);
        let renewed = self.renewed_tags(target, tags, &moved)?;
        self.move_to(&repository, head, tip, &renewed)?;
        self.renew_tags(tags, renewed)?;
        Ok(tip != upstream)
    }

    /// Takes index and working tree back from a rebase that was killed before the branch moved.
    pub(super) fn undo_half_rebase(&self) -> Result<(), GitError> {
        let repository = self.repository()?;
        let Ok(pending) = repository.refname_to_id(PENDING) else {
            return Ok(());
        };
        let head = repository
            .refname_to_id("HEAD")
            .map_err(|error| self.failed("undo a half rebase", &error))?;
        self.switch(pending, head)?;
        self.update_references(REASON, &format!("delete {PENDING}\n"))
    }

    fn unpushed_commits<'a>(
        &self,
        repository: &'a Repository,
        head: Oid,
        base: Oid,
    ) -> Result<Vec<Commit<'a>>, GitError> {
        let failed = |error: git2::Error| self.failed("read our commits", &error);
        let mut commits = Vec::new();
        let mut next = repository.find_commit(head).map_err(failed)?;
        while next.id() != base {
            if next.parent_count() != 1 {
                let text = format!("cannot rebase the merge `{}`", subject(&next));
                return Err(GitError::other("push", text));
            }
            let parent = next.parent(0).map_err(failed)?;
            commits.push(next);
            next = parent;
        }
        commits.reverse();
        Ok(commits)
    }

    /// Makes each commit anew on top of `onto`. Returns old and new ids; one that changes nothing any
    /// more becomes its parent.
    fn replay(
        &self,
        repository: &Repository,
        commits: &[Commit<'_>],
        onto: Oid,
    ) -> Result<BTreeMap<Oid, Oid>, GitError> {
        let failed = |error: git2::Error| self.failed("rebase our commits", &error);
        let is_signed = self.is_signed()?;
        // Asked before anything is made, so that its absence is an error with a remedy.
        self.committer()?;
        let mut moved = BTreeMap::new();
        let mut tip = onto;
        for commit in commits {
            let old = commit
                .parent(0)
                .and_then(|parent| parent.tree())
                .map_err(failed)?;
            let new = commit.tree().map_err(failed)?;
            let diff = repository
                .diff_tree_to_tree(Some(&old), Some(&new), None)
                .map_err(failed)?;
            let below = repository
                .find_commit(tip)
                .and_then(|tip| tip.tree())
                .map_err(failed)?;
            let tree = apply(repository, &diff, &below).map_err(failed)?;
            if tree != below.id() {
                tip = self.commit_tree(commit, tree, tip, is_signed)?;
            }
            moved.insert(commit.id(), tip);
        }
        Ok(moved)
    }

    /// Makes a commit with the author and message of `like`.
    fn commit_tree(
        &self,
        like: &Commit<'_>,
        tree: Oid,
        parent: Oid,
        is_signed: bool,
    ) -> Result<Oid, GitError> {
        let author = like.author();
        let when = author.when();
        let minutes = when.offset_minutes();
        let date = format!(
            "@{} {}{:02}{:02}",
            when.seconds(),
            if minutes < 0 { '-' } else { '+' },
            minutes.abs() / 60,
            minutes.abs() % 60
        );
        let environment = [
            (
                "GIT_AUTHOR_NAME",
                String::from_utf8_lossy(author.name_bytes()).into_owned(),
            ),
            (
                "GIT_AUTHOR_EMAIL",
                String::from_utf8_lossy(author.email_bytes()).into_owned(),
            ),
            ("GIT_AUTHOR_DATE", date),
        ];
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let (tree, parent) = (tree.to_string(), parent.to_string());
        let mut arguments = vec!["commit-tree", &tree, "-p", &parent, "-F", "-"];
        if is_signed {
            arguments.push("-S");
        }
        let message = like.message_bytes();
        let output = self
            .git
            .run_with(&self.directory, &arguments, &environment, Some(message))?;
        if is_signed && !output.success() {
            return Err(GitError::Refused {
                what: "sign a rebased commit".into(),
                text: output.text(),
            });
        }
        let id = checked(output, &self.directory, "rebase our commits")?;
        Oid::from_str(id.trim()).map_err(|error| self.failed("rebase our commits", &error))
    }

    /// Gives our tags other names where the remote has given theirs to others. What is left in `tags`
    /// is what the remote lacks.
    pub(super) fn make_way(&self, target: &Target, tags: &mut Vec<String>) -> Result<(), GitError> {
        let renewed = self.renewed_tags(target, tags, &BTreeMap::new())?;
        if renewed.is_empty() {
            return Ok(());
        }
        self.update_references(REASON, &deletions(&renewed))?;
        self.renew_tags(tags, renewed)
    }

    /// Returns the tags that have to be made anew, on moved commits or under another name. What the
    /// remote has stays, and is taken out of `tags`: a tag of the same name on the same commit may be
    /// another object, which would be refused for ever.
    fn renewed_tags(
        &self,
        target: &Target,
        tags: &mut Vec<String>,
        moved: &BTreeMap<Oid, Oid>,
    ) -> Result<Vec<Renewed>, GitError> {
        let mut renewed = Vec::new();
        if tags.is_empty() {
            return Ok(renewed);
        }
        let remote = self.ls_remote(target)?;
        let names = remote
            .keys()
            .filter_map(|name| name.strip_prefix("refs/tags/"));
        let published: BTreeSet<String> = names.map(str::to_owned).collect();
        let mut taken = self.tag_names()?;
        taken.extend(published.iter().cloned());
        let mut lacking = Vec::new();
        for name in std::mem::take(tags) {
            let Some(commit) = self.tag_target(&name)? else {
                return Err(GitError::other("push", format!("found no tag `{name}`")));
            };
            if !self.has_tag(&remote, &name, &commit)? {
                tags.push(name);
                lacking.push(commit);
            }
        }
        for (index, (name, commit)) in tags.iter().zip(lacking).enumerate() {
            let id = Oid::from_str(&commit).map_err(|error| self.failed("move a tag", &error))?;
            let moved = moved.get(&id).filter(|new| **new != id);
            let name = if published.contains(name) {
                tags::free(name, &taken)
            } else if moved.is_some() {
                name.clone()
            } else {
                continue;
            };
            taken.insert(name.clone());
            renewed.push(Renewed {
                index,
                message: self.tag_message(&tags[index])?,
                old: tags[index].clone(),
                name,
                commit: moved.map_or(commit, Oid::to_string),
            });
        }
        Ok(renewed)
    }

    /// Makes the tags, whose old ones are gone. A run killed in between finds no tag on its newest
    /// commit, and makes one.
    fn renew_tags(&self, tags: &mut [String], renewed: Vec<Renewed>) -> Result<(), GitError> {
        for tag in renewed {
            self.tag(&tag.name, &tag.commit, &tag.message)?;
            tags[tag.index] = tag.name;
        }
        Ok(())
    }

    fn move_to(
        &self,
        repository: &Repository,
        head: Oid,
        tip: Oid,
        renewed: &[Renewed],
    ) -> Result<(), GitError> {
        let branch = repository
            .find_reference("HEAD")
            .ok()
            .and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned))
            .ok_or(GitError::Detached)?;
        self.update_references(REASON, &format!("update {PENDING} {tip}\n"))?;
        if let Err(error) = self.switch(head, tip) {
            self.update_references(REASON, &format!("delete {PENDING}\n"))?;
            return Err(error);
        }
        self.update_references(
            REASON,
            &format!(
                "update {branch} {tip} {head}\ndelete {PENDING}\n{}",
                deletions(renewed)
            ),
        )
    }

    /// Moves index and working tree from one commit to another; foreign changes stay, or it refuses.
    fn switch(&self, from: Oid, to: Oid) -> Result<(), GitError> {
        let (from, to) = (from.to_string(), to.to_string());
        // Without fresh timestamps a file that was only touched would count as changed.
        self.git
            .run(&self.directory, &["update-index", "-q", "--refresh"])?;
        let arguments = ["read-tree", "-m", "-u", &from, &to];
        let output = self.git.run(&self.directory, &arguments)?;
        let text = output.text();
        checked(output, &self.directory, "switch")
            .map(drop)
            .map_err(|error| match error {
                GitError::Other { .. } => GitError::Diverged {
                    branch: self
                        .head()
                        .ok()
                        .and_then(|head| head.branch)
                        .unwrap_or_default(),
                    paths: Vec::new(),
                    text: format!("changes in the working tree are in the way: {text}"),
                },
                error => error,
            })
    }

    fn changed_paths(
        &self,
        repository: &Repository,
        from: &Tree<'_>,
        to: &Tree<'_>,
    ) -> Result<BTreeSet<String>, GitError> {
        let diff = repository
            .diff_tree_to_tree(Some(from), Some(to), None)
            .map_err(|error| self.failed("compare with the remote", &error))?;
        Ok(diff
            .deltas()
            .filter_map(|delta| delta.new_file().path_bytes())
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect())
    }
}

/// A tag to make anew.
struct Renewed {
    /// Where it stands among the tags of the push.
    index: usize,
    /// The name it had.
    old: String,
    /// The name it gets.
    name: String,
    commit: String,
    message: String,
}

/// Returns the part of a transaction that removes the old tags.
fn deletions(renewed: &[Renewed]) -> String {
    let lines = renewed
        .iter()
        .map(|tag| format!("delete refs/tags/{}\n", tag.old));
    lines.collect()
}

fn is_ours(commit: &Commit<'_>) -> bool {
    has_trailer(commit, RUN_TRAILER, None) || has_trailer(commit, STEP_TRAILER, None)
}

/// Returns what both sides changed; a file on one side and a directory of its name on the other count.
fn overlap(here: &BTreeSet<String>, there: &BTreeSet<String>) -> Vec<String> {
    let is_below = |path: &str, top: &str| {
        path.strip_prefix(top)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    here.iter()
        .filter(|ours| {
            there.contains(*ours)
                || there
                    .iter()
                    .any(|theirs| is_below(theirs, ours) || is_below(ours, theirs))
        })
        .cloned()
        .collect()
}

fn entry(tree: &Tree<'_>, path: &str) -> Option<(Oid, i32)> {
    tree.get_path(path.as_ref())
        .ok()
        .map(|entry| (entry.id(), entry.filemode()))
}

/// Puts the changes of `diff` into `tree`, path by path.
fn apply(repository: &Repository, diff: &Diff<'_>, tree: &Tree<'_>) -> Result<Oid, git2::Error> {
    let mut update = TreeUpdateBuilder::new();
    for delta in diff.deltas() {
        let file = delta.new_file();
        let path = file.path_bytes().unwrap_or_default();
        if delta.status() == Delta::Deleted {
            if tree.get_path(Path::new(OsStr::from_bytes(path))).is_ok() {
                update.remove(path);
            }
        } else {
            let mode = match file.mode() {
                FileMode::BlobGroupWritable => FileMode::Blob,
                mode => mode,
            };
            update.upsert(path, file.id(), mode);
        }
    }
    update.create_updated(repository, tree)
}

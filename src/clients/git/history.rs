//! Reads commits: the log, their trailers, and the last thing that a step rendered.

use git2::{Commit, ErrorCode, Repository, Sort};

use super::clone::Clone;
use super::error::GitError;

/// A commit, as far as people and steps want to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit's id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Name and address of the author.
    pub author: String,
    /// The trailers of its message, in their order.
    pub trailers: Vec<(String, String)>,
}

/// A commit and what it did to files, against its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWork {
    /// The commit.
    pub commit: CommitInfo,
    /// Its first parent's id.
    pub parent: Option<String>,
    /// The paths that it added, changed or removed.
    pub files: Vec<String>,
}

impl Clone {
    /// Returns the newest commits of HEAD, at most `count`.
    pub fn log(&self, count: usize) -> Result<Vec<CommitInfo>, GitError> {
        let mut found = Vec::new();
        if count == 0 {
            return Ok(found);
        }
        self.walk(|_, commit| {
            found.push(info(commit));
            found.len() < count
        })?;
        Ok(found)
    }

    /// Returns the newest commits of HEAD whose message has the trailer `key: value`, at most
    /// `count`.
    pub fn commits_with_trailer(
        &self,
        key: &str,
        value: &str,
        count: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let mut found = Vec::new();
        self.walk(|_, commit| {
            if found.len() < count && has_trailer(commit, key, Some(value)) {
                found.push(info(commit));
            }
            found.len() < count
        })?;
        Ok(found)
    }

    /// Returns the commits of HEAD, newest first, down to the oldest that has a trailer of this key;
    /// none when none has.
    pub fn work_since_first(&self, key: &str) -> Result<Vec<FileWork>, GitError> {
        let (mut count, mut wanted) = (0, 0);
        self.walk(|_, commit| {
            count += 1;
            if has_trailer(commit, key, None) {
                wanted = count;
            }
            true
        })?;
        let mut works = Vec::new();
        if wanted == 0 {
            return Ok(works);
        }
        let mut refused = None;
        self.walk(|repository, commit| {
            match work(repository, commit) {
                Ok(work) => works.push(work),
                Err(error) => refused = Some(self.failed("compare commits", &error)),
            }
            refused.is_none() && works.len() < wanted
        })?;
        refused.map_or(Ok(works), Err)
    }

    /// Returns which of these commits is the newest on HEAD; nothing when none of them is on it.
    pub fn newest_of(&self, commits: &[String]) -> Result<Option<String>, GitError> {
        let mut found = None;
        self.walk(|_, commit| {
            let id = commit.id().to_string();
            found = commits.contains(&id).then_some(id);
            found.is_none()
        })?;
        Ok(found)
    }

    /// Returns the content of a file as a commit has it.
    pub fn read_at(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let place = self.place(path)?;
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("read a file from the history", &error);
        let id = git2::Oid::from_str(commit).map_err(failed)?;
        let tree = repository
            .find_commit(id)
            .and_then(|commit| commit.tree())
            .map_err(failed)?;
        self.blob(&repository, &tree, &place.relative)
    }

    /// Returns the content of a file as it came into HEAD's history.
    pub fn oldest(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let place = self.place(path)?;
        let mut found = None;
        self.walk(|_, commit| {
            found = blob_id(commit, &place.relative).or(found);
            true
        })?;
        let Some(id) = found else { return Ok(None) };
        let repository = self.repository()?;
        let blob = repository
            .find_blob(id)
            .map_err(|error| self.failed("read a file from the history", &error))?;
        Ok(Some(blob.content().to_vec()))
    }

    /// Shows the commits of HEAD to `visit`, newest first, until it returns false.
    fn walk(
        &self,
        mut visit: impl FnMut(&Repository, &Commit<'_>) -> bool,
    ) -> Result<(), GitError> {
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("read the history", &error);
        let mut walk = repository.revwalk().map_err(failed)?;
        // By time alone, commits of one second come in any order, and a run makes four in one.
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)
            .map_err(failed)?;
        match walk.push_head() {
            Ok(()) => {}
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        }
        for id in walk {
            let commit = repository
                .find_commit(id.map_err(failed)?)
                .map_err(failed)?;
            if !visit(&repository, &commit) {
                break;
            }
        }
        Ok(())
    }
}

/// Returns whether the commit has the trailer, with any value when `value` is `None`.
pub(super) fn has_trailer(commit: &Commit<'_>, key: &str, value: Option<&str>) -> bool {
    // Most commits have no such word at all, and parsing is the dear part.
    commit.message().is_ok_and(|message| message.contains(key))
        && trailers(commit)
            .iter()
            .any(|(name, found)| name == key && value.is_none_or(|value| found == value))
}

pub(super) fn subject(commit: &Commit<'_>) -> String {
    commit
        .summary()
        .ok()
        .flatten()
        .unwrap_or_default()
        .to_owned()
}

fn info(commit: &Commit<'_>) -> CommitInfo {
    let author = commit.author();
    CommitInfo {
        id: commit.id().to_string(),
        subject: subject(commit),
        author: format!(
            "{} <{}>",
            String::from_utf8_lossy(author.name_bytes()),
            String::from_utf8_lossy(author.email_bytes())
        ),
        trailers: trailers(commit),
    }
}

fn work(repository: &Repository, commit: &Commit<'_>) -> Result<FileWork, git2::Error> {
    let parent = commit.parents().next();
    let before = parent.as_ref().map(Commit::tree).transpose()?;
    let tree = commit.tree()?;
    let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&tree), None)?;
    let path = |delta: git2::DiffDelta<'_>| {
        let path = delta.new_file().path().or(delta.old_file().path());
        path.and_then(|path| path.to_str()).map(str::to_owned)
    };
    Ok(FileWork {
        commit: info(commit),
        parent: parent.map(|parent| parent.id().to_string()),
        files: diff.deltas().filter_map(path).collect(),
    })
}

fn trailers(commit: &Commit<'_>) -> Vec<(String, String)> {
    let Ok(message) = commit.message() else {
        return Vec::new();
    };
    git2::message_trailers_strs(message)
        .map(|trailers| {
            trailers
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        })
        .unwrap_or_default()
}

fn blob_id(commit: &Commit<'_>, path: &str) -> Option<git2::Oid> {
    let entry = commit.tree().ok()?.get_path(path.as_ref()).ok()?;
    (entry.kind() == Some(git2::ObjectType::Blob)).then(|| entry.id())
}

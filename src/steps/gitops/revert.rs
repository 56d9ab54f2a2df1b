//! Takes back what our commits brought into the repository, by one more commit.
//!
//! A file goes back to what it was before our first commit to it. One that somebody has edited since
//! stays whole, whoever wrote most of it, and so does one that we have merged with edits. History is not rewritten, and tags stay.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::clone::{BRANCH, adopt};
use super::repository::{Repository, failed};
use crate::clients::git::{
    Clone as GitClone, CommitRequest, FileWork, RENDER_TRAILER, RUN_TRAILER, STEP_TRAILER, blob_id,
};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta, Verb, lines,
};

/// Whether there is nothing left to take back.
pub const REVERTED: FactKey<bool> = FactKey::new("gitops.revert.done");

/// The id of the step, which its commits carry.
pub(super) const REVERT: &str = "gitops.revert";

const MESSAGE: &str = "Revert what rok-deploy committed";

/// Reverts our commits.
pub struct Revert {
    /// The clone.
    pub repository: Repository,
    /// The address that it has to be a clone of, where one was answered.
    pub url: Option<String>,
    /// The branch that has to be checked out, where one was answered.
    pub branch: Option<String>,
    /// The steps that remove what the files tell of. Whoever looks into the repository sees what is
    /// still there.
    pub after: &'static [&'static str],
}

#[async_trait]
impl Step for Revert {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![BRANCH.name(), REVERTED.name()],
            after: self.after.to_vec(),
            ..StepMeta::new(REVERT, "Our commits are reverted", Phase::Generate)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (url, branch) = (self.url.clone(), self.branch.clone());
        let directory = self.repository.directory.display().to_string();
        self.repository
            .with(move |clone| {
                let Some(clone) = clone else {
                    let branch = branch.unwrap_or_else(|| "main".into());
                    return Ok(Observation::satisfied("there is no clone")
                        .notice(format!("no clone in {directory}, so nothing is reverted"))
                        .with(&BRANCH, &branch)
                        .with(&REVERTED, &true));
                };
                let facts = adopt(clone, url.as_deref(), branch.as_deref())?.facts;
                let back = Back::of(clone)?;
                let changes = back.changes();
                if !changes.is_empty() {
                    let paths = back.files.iter().map(|file| file.path.as_str());
                    clone.expect_writable(paths).map_err(failed)?;
                }
                let done = changes.is_empty();
                let mut seen =
                    Observation::of_changes(changes, "nothing of ours is left to revert")
                        .with(&REVERTED, &done);
                seen.facts.merge(&facts);
                for path in back.kept {
                    let text = format!("file `{path}` stays: others have edited it too");
                    seen = seen.notice(text.clone()).next(text);
                }
                Ok(seen.next("progress tags `deploy/*` and the history stay"))
            })
            .await
    }

    async fn apply(&self, _facts: &Facts, context: &Context) -> Result<(), StepError> {
        let run = context.run.clone();
        self.repository
            .with_clone(move |clone| {
                let back = Back::of(clone)?;
                for file in &back.files {
                    match &file.before {
                        Some(before) => clone.write(&file.path, before),
                        None => clone.remove(&file.path),
                    }
                    .map_err(failed)?;
                }
                let paths: Vec<_> = back.files.into_iter().map(|file| file.path).collect();
                let request = CommitRequest {
                    message: MESSAGE,
                    trailers: &[
                        (RUN_TRAILER.to_owned(), run),
                        (STEP_TRAILER.to_owned(), REVERT.to_owned()),
                    ],
                    paths: &paths,
                };
                clone.commit(&request).map_err(failed).map(|_| ())
            })
            .await
    }
}

/// What goes back, and what is kept.
struct Back {
    files: Vec<File>,
    kept: Vec<String>,
}

/// A file that goes back to what it was.
struct File {
    path: String,
    /// Its content before our first commit to it.
    before: Option<Vec<u8>>,
    /// Its content by now.
    now: Option<Vec<u8>>,
}

impl Back {
    /// Finds out what our commits since the last revert have brought.
    fn of(clone: &GitClone) -> Result<Self, StepError> {
        let history = clone.work_since_first(STEP_TRAILER).map_err(failed)?;
        let mut parts = history.split(is_revert);
        let ours = Self::of_part(clone, parts.next().unwrap_or_default())?;
        if !(ours.files.is_empty() && ours.kept.is_empty()) {
            return Ok(ours);
        }
        // All is reverted; what was kept then still is worth a word.
        let Some(revert) = history.iter().find(|work| is_revert(work)) else {
            return Ok(ours);
        };
        let former = parts.next().unwrap_or_default().iter();
        let former = former
            .filter(|work| is_ours(work))
            .flat_map(|work| &work.files);
        let mut kept: BTreeSet<_> = former.collect();
        for path in &revert.files {
            kept.remove(path);
        }
        let mut still = Vec::new();
        for path in kept {
            if clone.read_head(path).map_err(failed)?.is_some() {
                still.push(path.clone());
            }
        }
        Ok(Self {
            files: Vec::new(),
            kept: still,
        })
    }

    /// Does so for commits between two reverts, the newest first.
    fn of_part(clone: &GitClone, part: &[FileWork]) -> Result<Self, StepError> {
        let ours = part.iter().filter(|work| is_ours(work));
        let paths: BTreeSet<&String> = ours.flat_map(|work| &work.files).collect();
        let (mut files, mut kept) = (Vec::new(), Vec::new());
        for path in paths {
            let touches = |work: &FileWork| is_ours(work) && work.files.contains(path);
            let first = part.iter().rposition(touches).expect("a commit brought it");
            let before = match &part[first].parent {
                Some(parent) => clone.read_at(parent, path).map_err(failed)?,
                None => None,
            };
            let mut is_edited = false;
            for work in &part[..=first] {
                if work.files.contains(path) {
                    is_edited |= !is_ours(work) || is_merged(clone, work, path)?;
                }
            }
            let head = clone.read_head(path).map_err(failed)?;
            let now = clone.read(path).map_err(failed)?;
            if head == before && now == before {
                continue;
            }
            // A run that was killed may have written a file and not have committed it.
            let is_dirty = now != head && now != before;
            if is_edited || is_dirty {
                kept.push(path.clone());
            } else {
                files.push(File {
                    path: path.clone(),
                    before,
                    now: head,
                });
            }
        }
        Ok(Self { files, kept })
    }

    fn changes(&self) -> Vec<Change> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut changes: Vec<_> = self
            .files
            .iter()
            .map(|file| {
                let now = text(file.now.as_deref().unwrap_or_default());
                match &file.before {
                    None => Change::new(Verb::Delete, "file", &file.path).before(now),
                    Some(before) => Change::new(Verb::Update, "file", &file.path)
                        .before(now)
                        .after(text(before)),
                }
            })
            .collect();
        if !changes.is_empty() {
            let paths = lines(self.files.iter().map(|file| &file.path));
            changes.push(Change::new(Verb::Commit, "files", MESSAGE).after(paths));
        }
        changes
    }
}

fn is_ours(work: &FileWork) -> bool {
    work.commit
        .trailers
        .iter()
        .any(|(key, _)| key == STEP_TRAILER)
}

/// Whether our commit of the file holds edits of the operator beside ours, which may not have been
/// committed before.
fn is_merged(clone: &GitClone, work: &FileWork, path: &str) -> Result<bool, StepError> {
    let held = clone.read_at(&work.commit.id, path).map_err(failed)?;
    Ok(held.is_some_and(|held| {
        let render = (RENDER_TRAILER.to_owned(), blob_id(&held));
        !work.commit.trailers.contains(&render)
    }))
}

pub(super) fn is_revert(work: &FileWork) -> bool {
    let trailers = &work.commit.trailers;
    trailers
        .iter()
        .any(|(key, step)| key == STEP_TRAILER && step == REVERT)
}

//! A file of the operator's that is edited in place: only what is meant changes.
//!
//! Unlike what is rendered, such a file has no template; its text is the operator's, comments and
//! order too.

use std::sync::Arc;

use async_trait::async_trait;

use super::draft::{Drafts, Telling};
use super::rendered::Written;
use super::repository::{Repository, failed};
use crate::clients::git::{Clone as GitClone, blob_id};
use crate::clients::yaml_edit::YamlEditError;
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Step, StepError, StepMeta, Verb,
};

/// Returns the text as it is to be.
pub type Edit = Arc<dyn Fn(&str) -> Result<String, YamlEditError> + Send + Sync>;

/// Edits a file; another step commits it.
pub struct Edited {
    /// What the engine needs to know.
    pub meta: StepMeta,
    /// The clone.
    pub repository: Repository,
    /// Where what is edited may stand: the first file that is there is taken.
    pub files: &'static [&'static str],
    /// The edit.
    pub edit: Edit,
    /// The fact that tells what was written.
    pub gives: &'static FactKey<Written>,
}

/// What becomes of the file.
struct Outcome {
    path: &'static str,
    before: String,
    after: String,
}

#[async_trait]
impl Step for Edited {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let work = self.work();
        let outcome = self
            .repository
            .with(move |clone| {
                let outcome = work.outcome(clone)?;
                if let (Some(clone), true) = (clone, outcome.differs()) {
                    // Better now than after the cloud was changed.
                    clone.expect_writable([outcome.path]).map_err(failed)?;
                }
                Ok(outcome)
            })
            .await?;
        let written: Written = [(outcome.path.to_owned(), blob_id(outcome.after.as_bytes()))]
            .into_iter()
            .collect();
        let changes = if outcome.differs() {
            let change = Change::new(Verb::Update, "file", outcome.path);
            vec![change.before(outcome.before).after(outcome.after)]
        } else {
            Vec::new()
        };
        let note = format!("`{}` is as it should be", outcome.path);
        Ok(Observation::of_changes(changes, note).with(self.gives, &written))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let work = self.work();
        self.repository
            .with_clone(move |clone| {
                let outcome = work.outcome(Some(clone))?;
                let after = outcome.after.as_bytes();
                clone.write(outcome.path, after).map_err(failed)
            })
            .await
    }
}

impl Drafts for Edited {
    fn drafted(&self, _facts: &Facts) -> Result<Telling, StepError> {
        let work = self.work();
        Ok(Box::new(move |clone| {
            let outcome = work.outcome(clone)?;
            Ok(vec![(outcome.path.to_owned(), outcome.after.into_bytes())])
        }))
    }
}

impl Edited {
    fn work(&self) -> Work {
        Work {
            repository: self.repository.clone(),
            files: self.files,
            edit: Arc::clone(&self.edit),
        }
    }
}

/// What a check or an act needs, away from the async threads.
struct Work {
    repository: Repository,
    files: &'static [&'static str],
    edit: Edit,
}

impl Work {
    fn outcome(&self, clone: Option<&GitClone>) -> Result<Outcome, StepError> {
        for path in self.files {
            let found = match clone {
                Some(clone) => clone.read(path).map_err(failed)?,
                // Before there is a clone the skeleton is the best guess.
                None => self.repository.skeleton_file(path).map(<[u8]>::to_vec),
            };
            let Some(found) = found else { continue };
            let before = String::from_utf8(found)
                .map_err(|_| StepError::answers(format!("`{path}` is not UTF-8 text")))?;
            let after = (self.edit)(&before).map_err(|error| {
                StepError::answers(format!("`{path}` {error}"))
                    .hint("correct it in the clone, or make the edit by hand as documented")
            })?;
            return Ok(Outcome {
                path,
                before,
                after,
            });
        }
        let files: Vec<_> = self.files.iter().map(|path| format!("`{path}`")).collect();
        Err(
            StepError::answers(format!("the clone has no {}", files.join(" and no ")))
                .hint("take it over from a newer version of the deployments repository"),
        )
    }
}

impl Outcome {
    fn differs(&self) -> bool {
        self.before != self.after
    }
}

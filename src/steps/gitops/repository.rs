//! The operator's clone, as steps use it: off the async threads, and there or not there yet.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use crate::clients::git::{Clone as GitClone, Git, GitError};
use crate::engine::{ErrorKind, StepError, at_work, working};
use crate::steps::atlas::{Symptom, advice};

/// Where the clone is or will be.
#[derive(Clone)]
pub struct Repository {
    /// The Git client.
    pub git: Git,
    /// The directory of the clone.
    pub directory: PathBuf,
    /// Our skeleton of the repository, path and content: what a new repository starts from, and
    /// the templates of a clone that has none.
    pub skeleton: &'static [(&'static str, &'static [u8])],
}

impl Repository {
    /// Runs `work` on the clone, where blocking is fine; `None` when there is no clone yet.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(Option<&GitClone>) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, StepError> {
        let this = self.clone();
        let work = move || {
            let clone = this.open()?;
            work(clone.as_ref())
        };
        blocking(work).await
    }

    /// Checks that Git knows who commits, before anything is changed.
    ///
    /// # Errors
    ///
    /// When it does not, with the commands that tell it.
    pub async fn check_identity(&self) -> Result<(), StepError> {
        let this = self.clone();
        blocking(move || {
            // A clone may have an identity of its own; without one, any place tells.
            let place = this.directory.ancestors().find(|place| place.is_dir());
            let place = place.unwrap_or(Path::new("/"));
            this.git.identity(place).map(|_| ()).map_err(failed)
        })
        .await
    }

    /// Runs `work` on the clone, which must be there.
    pub async fn with_clone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&GitClone) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, StepError> {
        let directory = self.directory.clone();
        self.with(move |clone| match clone {
            Some(clone) => work(clone),
            None => Err(StepError::failed(format!(
                "no clone in {}",
                directory.display()
            ))),
        })
        .await
    }

    /// Returns the skeleton's file.
    pub fn skeleton_file(&self, path: &str) -> Option<&'static [u8]> {
        self.skeleton
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, content)| *content)
    }

    /// Returns the text of a template: the clone's wins over ours.
    ///
    /// # Errors
    ///
    /// When neither has it, or the clone cannot be read.
    pub async fn template(&self, path: &'static str) -> Result<String, StepError> {
        let found = self
            .with(move |clone| match clone {
                Some(clone) => clone.read(path).map_err(failed),
                None => Ok(None),
            })
            .await?;
        text_of(path, found.or_else(|| self.built_in(path)))
    }

    /// Returns the text of our own template, whatever the clone has.
    ///
    /// # Errors
    ///
    /// When we have none.
    pub fn our_template(&self, path: &str) -> Result<String, StepError> {
        text_of(path, self.built_in(path))
    }

    fn built_in(&self, path: &str) -> Option<Vec<u8>> {
        self.skeleton_file(path).map(<[u8]>::to_vec)
    }

    /// Whether nothing is there that a clone could overwrite.
    pub(super) fn is_vacant(&self) -> bool {
        match std::fs::read_dir(&self.directory) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    fn open(&self) -> Result<Option<GitClone>, StepError> {
        if self.is_vacant() {
            Ok(None)
        } else {
            self.git.open(&self.directory).map(Some).map_err(failed)
        }
    }
}

/// Returns the text of a template that was looked for.
pub(super) fn text_of(path: &str, found: Option<Vec<u8>>) -> Result<String, StepError> {
    let bytes = found.ok_or_else(|| {
        StepError::answers(format!(
            "template `{path}` is neither in the clone nor in rok-deploy"
        ))
    })?;
    String::from_utf8(bytes)
        .map_err(|_| StepError::answers(format!("template `{path}` is not UTF-8 text")))
}

/// Runs blocking work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let step = at_work();
    tokio::task::spawn_blocking(move || working(step, work))
        .await
        .unwrap_or_else(|error| Err(StepError::failed(format!("Git work broke off: {error}"))))
}

/// Turns a refusal of Git into a step's error.
pub(in crate::steps) fn failed(error: GitError) -> StepError {
    let kind = match &error {
        GitError::NotARepository { .. }
        | GitError::Detached
        | GitError::Busy { .. }
        | GitError::Identity
        | GitError::DubiousOwnership { .. }
        | GitError::RepositoryNotFound { .. }
        | GitError::BranchNotFound { .. } => ErrorKind::Answers,
        GitError::Authentication { .. } => ErrorKind::Credentials,
        _ => ErrorKind::Failed,
    };
    let text = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let mut failed = StepError::new(kind, text);
    failed.hints = advice(&Symptom::from(&error));
    failed
}

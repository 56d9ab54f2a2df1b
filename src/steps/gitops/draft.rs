//! Builds the overlay as the next commit would have it, before anything is written or changed.
//!
//! What is built is HEAD with our files in it, in a folder aside: what others have staged or left
//! dirty is not part of the commit, and nothing has to be taken back when the build fails.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use super::rendered::Rendered;
use super::repository::{Repository, failed};
use crate::clients::git::Clone as GitClone;
use crate::clients::kustomize::{Kustomize, KustomizeError};
use crate::engine::{Context, Facts, Observation, Step, StepError, StepMeta};
use crate::steps::secrets;

/// Builds what is about to be committed.
pub struct Draft {
    /// What the engine needs to know.
    pub meta: StepMeta,
    /// The clone.
    pub repository: Repository,
    /// Whether a repository that is not there yet starts from our skeleton.
    pub from_skeleton: bool,
    /// What builds.
    pub kustomize: Kustomize,
    /// The overlay, in the clone.
    pub overlay: &'static str,
    /// Later steps that write into the overlay, in the order in which they do.
    pub files: Vec<Arc<dyn Drafts>>,
}

/// A step that writes files, and can tell them before it does.
pub trait Drafts: Send + Sync {
    /// Returns what tells them once the facts are in hand.
    ///
    /// # Errors
    ///
    /// When a fact is missing.
    fn drafted(&self, facts: &Facts) -> Result<Telling, StepError>;
}

/// Tells paths and contents, where blocking is fine; a file told later replaces one of its path.
pub type Telling =
    Box<dyn FnOnce(Option<&GitClone>) -> Result<Vec<(String, Vec<u8>)>, StepError> + Send>;

impl Drafts for Rendered {
    fn drafted(&self, facts: &Facts) -> Result<Telling, StepError> {
        let work = self.work(facts)?;
        Ok(Box::new(move |clone| work.outputs(clone)))
    }
}

/// What there is to build.
enum Drafted {
    /// The repository, as it would be.
    Folder(TempDir),
    /// HEAD has everything already.
    Nothing,
    /// The clone is still to be made.
    NotYet,
    /// A template does not render.
    NotRendered,
}

#[async_trait]
impl Step for Draft {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let works = self
            .files
            .iter()
            .map(|step| step.drafted(facts))
            .collect::<Result<Vec<_>, _>>()?;
        let (repository, from_skeleton) = (self.repository.clone(), self.from_skeleton);
        let drafted = self
            .repository
            .with(move |clone| {
                let mut files = Vec::new();
                for work in works {
                    match work(clone) {
                        Ok(outputs) => files.extend(outputs),
                        // The step that renders them tells why.
                        Err(_) => return Ok(Drafted::NotRendered),
                    }
                }
                draft(&repository, clone, from_skeleton, &files)
            })
            .await?;
        let folder = match drafted {
            Drafted::Folder(folder) => folder,
            Drafted::Nothing => return Ok(Observation::satisfied("nothing to commit")),
            Drafted::NotRendered => {
                return Ok(Observation::pending("builds once every template renders"));
            }
            Drafted::NotYet => {
                return Ok(Observation::satisfied("built as soon as there is a clone"));
            }
        };
        match self
            .kustomize
            .build_as(
                &folder.path().join(self.overlay),
                &self.repository.directory.join(self.overlay),
            )
            .await
        {
            Ok(objects) => Ok(Observation::satisfied(format!(
                "`{}` builds with what is to be committed: {}",
                self.overlay,
                counted(objects.len())
            ))),
            Err(error) => Err(self.not_built(&error, folder.path())),
        }
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Draft {
    fn not_built(&self, error: &KustomizeError, folder: &Path) -> StepError {
        if let KustomizeError::NoProgram | KustomizeError::NotRun { .. } = error {
            return StepError::answers(error.to_string()).hint("install kustomize or kubectl");
        }
        if let KustomizeError::Encrypted(error) = error {
            return secrets::refused(error);
        }
        // The operator knows the clone, not our folder.
        let text = error.to_string().replace(
            &folder.display().to_string(),
            &self.repository.directory.display().to_string(),
        );
        StepError::answers(format!("HEAD with our files in it does not build: {text}")).hint(
            format!(
                "correct `{}` and what it names in the clone, and commit that: what is not committed \
                 does not count",
                self.overlay
            ),
        )
    }
}

fn counted(objects: usize) -> String {
    match objects {
        1 => "1 object".into(),
        objects => format!("{objects} objects"),
    }
}

fn draft(
    repository: &Repository,
    clone: Option<&GitClone>,
    from_skeleton: bool,
    files: &[(String, Vec<u8>)],
) -> Result<Drafted, StepError> {
    let aside = |error: std::io::Error| StepError::failed(format!("make a draft: {error}"));
    let folder = tempfile::tempdir().map_err(aside)?;
    let write = |path: &str, content: &[u8]| {
        let path = folder.path().join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)
    };
    match clone {
        Some(clone) => {
            let mut is_there = true;
            for (path, content) in files {
                let head = clone.read_head(path).map_err(failed)?;
                is_there &= head.as_ref() == Some(content);
            }
            if is_there {
                return Ok(Drafted::Nothing);
            }
            clone.export(folder.path()).map_err(failed)?;
        }
        None if from_skeleton => {
            for (path, content) in repository.skeleton {
                write(path, content).map_err(aside)?;
            }
        }
        None => return Ok(Drafted::NotYet),
    }
    for (path, content) in files {
        write(path, content).map_err(aside)?;
    }
    Ok(Drafted::Folder(folder))
}

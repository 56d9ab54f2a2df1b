//! Builds the manifests of a directory, once a process: what was approved is what is applied, even
//! when somebody edits the files meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::object;
use crate::clients::kustomize::{Kustomize, KustomizeError};
use crate::engine::{
    Context, ErrorKind, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta,
};
use crate::steps::secrets;

/// Kind and name of each object of the build. The objects themselves are no fact: facts are written
/// down, and a Secret may be among them.
pub const BUILT: FactKey<Vec<String>> = FactKey::new("manifests.built");

/// The manifests of a directory. Clones share one build.
#[derive(Clone)]
pub struct Manifests {
    kustomize: Kustomize,
    directory: PathBuf,
    built: Arc<OnceCell<Vec<Value>>>,
}

impl Manifests {
    /// Returns the manifests of a directory, which are built when the first step asks for them.
    pub fn new(kustomize: Kustomize, directory: PathBuf) -> Self {
        Self {
            kustomize,
            directory,
            built: Arc::default(),
        }
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) async fn objects(&self) -> Result<&[Value], StepError> {
        let build = || self.kustomize.build(&self.directory);
        let objects = self.built.get_or_try_init(build).await.map_err(refused)?;
        Ok(objects)
    }
}

fn refused(error: KustomizeError) -> StepError {
    let text = match &error {
        KustomizeError::NotRun { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    match error {
        KustomizeError::NoDirectory { .. } | KustomizeError::NoKustomization { .. } => {
            StepError::new(ErrorKind::Answers, text)
        }
        KustomizeError::Encrypted(error) => secrets::refused(&error),
        KustomizeError::NoProgram => {
            StepError::failed(text).hint("install one of them, or put it on the PATH")
        }
        _ => StepError::failed(text),
    }
}

/// Builds the manifests.
pub struct BuildManifests {
    /// The manifests.
    pub manifests: Manifests,
}

#[async_trait]
impl Step for BuildManifests {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![BUILT.name()],
            ..StepMeta::new("manifests.build", "Build of the manifests", Phase::Observe)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let objects = self.manifests.objects().await?;
        if let Some(nameless) = objects.iter().find(|it| object::name(it).is_empty()) {
            return Err(StepError::failed(format!(
                "an object of kind {} has no name; what is applied needs `metadata.name`",
                object::kind(nameless)
            )));
        }
        let titles: Vec<_> = objects.iter().map(object::title).collect();
        let directory = self.manifests.directory().display();
        let observation = if titles.is_empty() {
            let nothing =
                format!("the build of {directory} has no objects; there is nothing to apply");
            Observation::satisfied(format!("{directory}: no objects")).notice(nothing)
        } else {
            let objects = if titles.len() == 1 {
                "object"
            } else {
                "objects"
            };
            Observation::satisfied(format!("{directory}: {} {objects}", titles.len()))
        };
        Ok(observation.with(&BUILT, &titles))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

//! `rok-deploy apply DIR`: the manifests of one directory, as a run of their own recipe.
//!
//! Plan, approval, journal, resume and exit codes are those of every run.

use std::path::{Path, absolute};

use crate::cli::{Command, Options};
use crate::clients::kustomize::kustomization;
use crate::failure::Failure;
use crate::recipes::apply::{DIRECTORY, SPEC};

/// Returns the options of the command line, with the directory to apply as an answer.
pub(super) fn options(command: Option<&Command>, options: &Options) -> Result<Options, Failure> {
    let directory = match (command, &options.apply) {
        (Some(Command::Apply { directory }), None)
        | (None | Some(Command::Plan | Command::Run), Some(directory)) => directory,
        (_, None) => return Ok(options.clone()),
        (_, Some(_)) => {
            return Err(Failure::usage(
                "`--apply DIR` stands alone, or goes with `plan` or `run`",
            ));
        }
    };
    if let Some(recipe) = options.recipe.as_deref().filter(|name| *name != SPEC.name) {
        return Err(Failure::usage(format!(
            "manifests are applied without a recipe; found `--recipe {recipe}`"
        )));
    }
    let mut options = options.clone();
    options.recipe = Some(SPEC.name.into());
    let directory = found(directory)?;
    options.set.push(format!("{DIRECTORY}={directory}"));
    Ok(options)
}

/// Returns the absolute path of a directory that holds a kustomization.
fn found(directory: &Path) -> Result<String, Failure> {
    let directory = absolute(directory)?;
    kustomization(&directory).map_err(|error| Failure::usage(error.to_string()))?;
    directory.into_os_string().into_string().map_err(|path| {
        let path = path.display();
        Failure::usage(format!("{path} is no UTF-8; expected a path that is"))
    })
}

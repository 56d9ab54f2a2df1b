//! `rok-deploy rotate`: new credentials of S3Proxy, everywhere in the deployments repository.
//!
//! Plan, approval, journal, resume and exit codes are those of every run.

use crate::cli::{Command, Options};
use crate::failure::Failure;
use crate::recipes::{rok_aks, rotate};

/// Returns the options of the command line, with the recipe that `rotate` stands for.
pub(super) fn options(command: Option<&Command>, options: Options) -> Result<Options, Failure> {
    if !matches!(command, Some(Command::Rotate)) {
        return Ok(options);
    }
    if options.only.is_some() || options.run_from.is_some() {
        return Err(Failure::usage(
            "`rotate` is one step; `--only` and `--run-from` have no say in it",
        ));
    }
    let installed = rok_aks::SPEC.name;
    let named = options.recipe.as_deref();
    if let Some(recipe) = named.filter(|name| ![installed, rotate::NAME].contains(name)) {
        return Err(Failure::usage(format!(
            "recipe `{recipe}` has no credentials to rotate; expected `{installed}`"
        )));
    }
    Ok(Options {
        recipe: Some(rotate::NAME.into()),
        ..options
    })
}

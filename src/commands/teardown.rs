//! `rok-deploy teardown`: shows what would be removed, then removes it.
//!
//! Plan, approval, journal, resume and exit codes are those of every run.

use crate::cli::{Command, Options};
use crate::failure::Failure;
use crate::recipes::{rok_eks, teardown};

/// Returns the options of the command line, with the recipe that `teardown` stands for.
pub(super) fn options(command: Option<&Command>, options: Options) -> Result<Options, Failure> {
    if !matches!(command, Some(Command::Teardown)) {
        return Ok(options);
    }
    if options.only.is_some() || options.run_from.is_some() {
        return Err(Failure::usage(
            "`teardown` takes everything back; `--only` and `--run-from` have no say in it",
        ));
    }
    let installed = rok_eks::SPEC.name;
    let named = options.recipe.as_deref();
    if let Some(recipe) = named.filter(|name| ![installed, teardown::NAME].contains(name)) {
        return Err(Failure::usage(format!(
            "there is no teardown of recipe `{recipe}`; expected `{installed}`"
        )));
    }
    Ok(Options {
        recipe: Some(teardown::NAME.into()),
        ..options
    })
}

//! `rok-deploy teardown`: shows what would be removed, then removes it.
//!
//! Plan, approval, journal, resume and exit codes are those of every run. What is taken back is the
//! recipe that the command line, the answers, the clone or the kube context tell of, in this order.

use std::path::PathBuf;

use super::launch::{state_directory, told_by_context};
use super::process::Process;
use crate::cli::{Command, Options};
use crate::failure::Failure;
use crate::recipes::{RECIPES, RecipeSpec, teardown};
use crate::settings::{Sources, expand};

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
    let recipe = chosen(&options)?;
    Ok(Options {
        recipe: Some(recipe.name.into()),
        ..options
    })
}

/// Returns what is run.
fn chosen(options: &Options) -> Result<&'static RecipeSpec, Failure> {
    let environment = Process::this().environment;
    let sources = Sources::read(&options.set, options.answers.as_deref(), environment)?;
    if let Some(name) = options.recipe.as_deref().or_else(|| sources.recipe()) {
        return of(name);
    }
    let clone = clone(options, &sources)?;
    let told = teardown::ALL.iter();
    let told: Vec<_> = told
        .filter(|one| clone.join(one.told_by).is_file())
        .collect();
    match told[..] {
        [] => of(told_by_context(options).unwrap_or(RECIPES[0]).name),
        [only] => Ok(only.teardown),
        _ => Err(Failure::usage(format!(
            "{} holds the choices of {}; which one is to be taken back?",
            clone.display(),
            installed(" and ")
        ))
        .hint("`--recipe NAME` says it")),
    }
}

fn of(name: &str) -> Result<&'static RecipeSpec, Failure> {
    teardown::of(name).ok_or_else(|| {
        Failure::usage(format!(
            "there is no teardown of recipe `{name}`; expected {}",
            installed(" or ")
        ))
    })
}

/// The recipes that can be taken back.
fn installed(between: &str) -> String {
    let names = teardown::ALL.iter().map(|one| one.installed.name);
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(between)
}

/// Returns the clone that the answers would name.
fn clone(options: &Options, sources: &Sources) -> Result<PathBuf, Failure> {
    const KEY: &str = "gitops_dir";
    let file = sources.file.as_ref();
    let file = file.and_then(|(_, answers)| answers.get(KEY));
    let named = options
        .repo
        .as_ref()
        .or_else(|| sources.set.get(KEY))
        .or(file);
    Ok(match named {
        Some(directory) => expand(directory, &sources.environment),
        // Nothing of the operator's own environment has a say in practice.
        None if options.sandbox => state_directory(options)?
            .join("sandbox")
            .join("deployments"),
        None => {
            let ambient = sources.environment.get("GITOPS_DIR");
            let directory = ambient.map_or("~/ops/deployments", String::as_str);
            expand(directory, &sources.environment)
        }
    })
}

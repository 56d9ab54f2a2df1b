//! What the command line says about a run before its questions are asked.

use std::env;
use std::path::PathBuf;

use crate::cli::{ApprovalChoice, Options};
use crate::engine::Approval;
use crate::engine::recipe::Only;
use crate::failure::Failure;
use crate::journal::Launch;
use crate::recipes::{self, RECIPES, RecipeSpec};
use crate::settings::Sources;

/// Returns how a command line launches a run.
pub fn launch_of(options: &Options) -> Launch {
    Launch {
        practice: options.sandbox,
        only: options.only.map_or(Only::Everything, Only::from),
        run_from: options.run_from.clone(),
        within: None,
        no_cluster: options.no_cluster,
        no_pod: options.no_pod,
        attended: options.attended,
        wait_seconds: options.wait.map(|wait| wait.as_secs()),
    }
}

/// Returns how much is approved at a time.
pub(super) fn approval_of(options: &Options) -> Approval {
    match options.approve {
        _ if options.yes => Approval::Given,
        ApprovalChoice::Plan => Approval::Plan,
        ApprovalChoice::Task => Approval::Task,
        ApprovalChoice::Step => Approval::Step,
    }
}

/// Returns the directory of runs and of the practice cloud.
pub(super) fn state_directory(options: &Options) -> Result<PathBuf, Failure> {
    if let Some(directory) = &options.state_dir {
        return Ok(directory.clone());
    }
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("rok-deploy"))
        .ok_or_else(|| {
            Failure::usage("neither XDG_STATE_HOME nor HOME is set, so there is no place for runs")
                .hint("`--state-dir DIR` names one")
        })
}

/// Returns the recipe of the command line or of the answers; the only one when there is one.
pub(super) fn recipe(options: &Options, sources: &Sources) -> Result<&'static RecipeSpec, Failure> {
    let name = options.recipe.as_deref().or_else(|| sources.recipe());
    let known = || {
        RECIPES
            .iter()
            .map(|spec| format!("`{}`", spec.name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (name, RECIPES) {
        (Some(name), _) => recipes::find(name).ok_or_else(|| {
            Failure::usage(format!("unknown recipe `{name}`; expected {}", known()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage(format!(
            "no recipe was chosen; there are {}",
            known()
        ))),
    }
}

pub(super) fn check_task(spec: &RecipeSpec, name: &str) -> Result<(), Failure> {
    if spec.tasks.iter().any(|task| task.name == name) {
        return Ok(());
    }
    let known: Vec<_> = spec
        .tasks
        .iter()
        .map(|task| format!("`{}`", task.name))
        .collect();
    Err(Failure::usage(format!(
        "unknown task `{name}` of recipe `{}`; expected {}",
        spec.name,
        known.join(", ")
    ))
    .hint("`rok-deploy --list-tasks` describes them"))
}

pub(super) fn keys(spec: &RecipeSpec) -> String {
    spec.questions
        .iter()
        .map(|question| question.key)
        .collect::<Vec<_>>()
        .join(", ")
}

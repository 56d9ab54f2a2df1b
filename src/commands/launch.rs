//! What the command line says about a run before its questions are asked.

use std::env;
use std::path::PathBuf;

use crate::cli::{ApprovalChoice, Options};
use crate::clients::cluster::{ContextInfo, contexts};
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

/// Returns the recipe of the command line or of the answers, else the one that the kube context tells
/// of, else the first.
pub(super) fn recipe(options: &Options, sources: &Sources) -> Result<&'static RecipeSpec, Failure> {
    Ok(match named(options, sources)? {
        Some(spec) => spec,
        None => told_by_context(options).unwrap_or(RECIPES[0]),
    })
}

/// Returns the recipe that the command line or the answers name, if they do.
pub(super) fn named(
    options: &Options,
    sources: &Sources,
) -> Result<Option<&'static RecipeSpec>, Failure> {
    let Some(name) = options.recipe.as_deref().or_else(|| sources.recipe()) else {
        return Ok(None);
    };
    let known: Vec<_> = RECIPES
        .iter()
        .map(|spec| format!("`{}`", spec.name))
        .collect();
    let found = recipes::find(name).ok_or_else(|| {
        let known = known.join(", ");
        Failure::usage(format!("unknown recipe `{name}`; expected {known}"))
    })?;
    Ok(Some(found))
}

/// Returns the recipe of the platform that the current kube context is of, where it tells. The practice
/// cloud's is an EKS cluster.
pub(super) fn told_by_context(options: &Options) -> Option<&'static RecipeSpec> {
    if options.sandbox {
        return Some(&recipes::rok_eks::SPEC);
    }
    let contexts = contexts(None).ok()?;
    let current = contexts.current?;
    let context = contexts.contexts.iter().find(|one| one.name == current)?;
    platform(context)
}

/// What the server, the names and the program of a context say of its platform.
fn platform(context: &ContextInfo) -> Option<&'static RecipeSpec> {
    let host = context.server.split("://").last().unwrap_or_default();
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let program = context.program.as_deref().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let amazon = host.ends_with(".eks.amazonaws.com")
        || host.ends_with(".eks.amazonaws.com.cn")
        || context.cluster.starts_with("arn:aws")
        || ["aws", "aws-iam-authenticator"].contains(&program);
    let microsoft = [".azmk8s.io", ".azmk8s.us", ".azk8s.cn"]
        .iter()
        .any(|end| host.ends_with(end))
        || program == "kubelogin";
    match (amazon, microsoft) {
        (true, false) => Some(&recipes::rok_eks::SPEC),
        (false, true) => Some(&recipes::rok_aks::SPEC),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_tells_its_platform_by_server_name_or_program() {
        let of = |server: &str, cluster: &str, program: Option<&str>| {
            let context = ContextInfo {
                name: "c".into(),
                cluster: cluster.into(),
                server: server.into(),
                user: "u".into(),
                program: program.map(str::to_owned),
                namespace: None,
            };
            platform(&context).map(|spec| spec.name)
        };
        for (server, cluster, program, expected) in [
            (
                "https://A.gr7.us-west-2.eks.amazonaws.com",
                "c",
                None,
                Some("rok-eks"),
            ),
            (
                "https://c-dns-1.hcp.eastus.azmk8s.io:443",
                "c",
                None,
                Some("rok-aks"),
            ),
            (
                "https://10.0.0.1",
                "arn:aws:eks:us-west-2:1:cluster/c",
                None,
                Some("rok-eks"),
            ),
            (
                "https://10.0.0.1",
                "c",
                Some("/usr/bin/kubelogin"),
                Some("rok-aks"),
            ),
            ("https://10.0.0.1", "c", Some("aws"), Some("rok-eks")),
            ("https://10.0.0.1", "c", None, None),
            ("https://c.azmk8s.io", "c", Some("aws"), None),
        ] {
            assert_eq!(of(server, cluster, program), expected, "{server}");
        }
    }
}

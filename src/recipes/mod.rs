//! Recipes: whole journeys, as questions and as tasks of steps.

pub mod apply;
pub mod authorize;
pub mod rok_aks;
pub mod rok_eks;
pub mod rotate;
mod site;
pub mod teardown;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::engine::{Answers, Context, Question, Recipe, Step, StepError, Task, TaskMode};
use crate::steps::aws::Connector;
use crate::steps::azure;
use crate::steps::cluster::{Clusters, Operator};
use crate::steps::gitops::Repository;
use crate::steps::handoff::Handoff;
use crate::steps::manifests::Manifests;
use crate::steps::proof::Kustomize;
use crate::steps::secrets::Vault;

/// A recipe before its questions are answered.
pub struct RecipeSpec {
    /// The name, for `--recipe` and the answer `recipe`.
    pub name: &'static str,
    /// What it gives, for a list.
    pub title: &'static str,
    /// Its tasks: symbolic name, title and description.
    pub tasks: &'static [TaskSpec],
    /// Its questions, in order.
    pub questions: &'static [Question],
    /// Questions of a longer recipe whose answers are given too, and are not needed.
    pub also_knows: &'static [Question],
    /// Builds it from complete answers.
    pub build: fn(&Answers, &Tools) -> Build,
    /// What of it somebody else can make, who has the rights that the caller lacks.
    pub handoff: Option<HandOver>,
}

/// A task, for `--list-tasks`.
#[derive(Debug, Clone, Copy)]
pub struct TaskSpec {
    /// The symbolic name, for `--run-from`.
    pub name: &'static str,
    /// For a list.
    pub title: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
}

/// What is built: clients may have to be connected first.
pub type Build = BoxFuture<'static, Result<Recipe, StepError>>;

/// How a recipe hands over what the caller may not make.
#[derive(Clone, Copy)]
pub struct HandOver {
    /// The ids of the steps that make it.
    pub parts: &'static [&'static str],
    /// Looks what of it is missing, and builds what an administrator needs to make it.
    pub look: fn(&Answers, &Tools, Context) -> Looking,
}

/// What an administrator needs, once somebody has looked.
pub type Looking = BoxFuture<'static, Result<Box<dyn Handoff>, StepError>>;

/// All recipes that can be chosen.
pub const RECIPES: &[&RecipeSpec] = &[&rok_eks::SPEC, &rok_aks::SPEC];

/// Returns the recipe of that name, and those of `rok-deploy apply`, `rotate`, `teardown` and
/// `rok-s3-authorize`, which are not there to choose.
pub fn find(name: &str) -> Option<&'static RecipeSpec> {
    let all = RECIPES
        .iter()
        .copied()
        .chain([&apply::SPEC, &authorize::SPEC, &rotate::SPEC])
        .chain(teardown::ALL.iter().map(|one| one.teardown));
    all.into_iter().find(|spec| spec.name == name)
}

/// Returns the clone in a directory, as an answer names it.
pub type Repositories = Arc<dyn Fn(&str) -> Repository + Send + Sync>;

/// Returns the manifests of a directory, as an answer names it.
pub type Kustomizations = Arc<dyn Fn(&str) -> Manifests + Send + Sync>;

/// What recipes build their steps with.
#[derive(Clone)]
pub struct Tools {
    /// AWS clients.
    pub aws: Connector,
    /// Azure clients.
    pub azure: azure::Connector,
    /// The way to a cluster of a kube context.
    pub cluster: Clusters,
    /// The clone in a directory.
    pub repository: Repositories,
    /// What builds manifests.
    pub kustomize: Kustomize,
    /// The manifests of a directory.
    pub manifests: Kustomizations,
    /// The keys of this machine.
    pub vault: Vault,
    /// Who this process is to other runs.
    pub operator: Operator,
    /// How tasks take part.
    pub modes: Modes,
}

/// Why a step is left out of a run without the cluster.
const NEEDS_CLUSTER: &str = "needs the cluster, which is left out (`--no-cluster`)";

/// How tasks take part in a run.
#[derive(Debug, Clone, Default)]
pub struct Modes {
    /// Tasks that are fast-forwarded.
    pub fast_forward: BTreeSet<String>,
    /// Whether cluster steps are left out.
    pub no_cluster: bool,
    /// Whether proofs do without a Pod.
    pub no_pod: bool,
    /// Whether this is the practice cloud.
    pub practice: bool,
    /// Whether the run may change things; one that only verifies may not.
    pub changes: bool,
}

impl Modes {
    /// Returns a task of these steps.
    fn task(&self, spec: TaskSpec, steps: Vec<Arc<dyn Step>>) -> Task {
        Task {
            name: spec.name,
            title: spec.title,
            mode: self.of(spec.name),
            proves: None,
            steps,
        }
    }

    /// Returns how a task takes part.
    pub fn of(&self, task: &str) -> TaskMode {
        if self.fast_forward.contains(task) {
            TaskMode::FastForward
        } else {
            TaskMode::Run
        }
    }
}

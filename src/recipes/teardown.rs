//! `teardown`: takes back what a recipe made, in the opposite order. What `rok-deploy teardown` runs;
//! nobody is offered it. Each recipe has its own.
//!
//! Its questions are those of the recipe, so that the same answers name the same things. Those that
//! have no say here are known and not asked: an answers file of the installation fits as it is.

pub mod aks;
pub mod eks;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::site::Site;
use super::{NEEDS_CLUSTER, RecipeSpec, TaskSpec, Tools, rok_aks, rok_eks};
use crate::engine::question::Kind;
use crate::engine::{Answers, Question, Recipe, Step};
use crate::steps::gitops::{BRANCH, Push, REVERTED, Refusal, Revert};

/// A recipe, what takes it back, and the file of a clone that tells of it.
pub struct TakenBack {
    /// The recipe.
    pub installed: &'static RecipeSpec,
    /// What takes it back.
    pub teardown: &'static RecipeSpec,
    /// The file that only this recipe writes.
    pub told_by: &'static str,
}

/// What can be taken back.
pub const ALL: &[TakenBack] = &[
    TakenBack {
        installed: &rok_eks::SPEC,
        teardown: &eks::SPEC,
        told_by: "deploy/env.eks-cluster",
    },
    TakenBack {
        installed: &rok_aks::SPEC,
        teardown: &aks::SPEC,
        told_by: "deploy/env.aks-cluster",
    },
];

/// Returns what takes back the recipe of that name, or is called so itself.
pub fn of(name: &str) -> Option<&'static RecipeSpec> {
    let mut all = ALL.iter();
    let found = all.find(|one| [one.installed.name, one.teardown.name].contains(&name));
    found.map(|one| one.teardown)
}

const ENVIRONMENT: TaskSpec = TaskSpec {
    name: "environment",
    title: "Look at the environment",
    description: "Finds account, cluster and kube context. Changes nothing.",
};
const GITOPS: TaskSpec = TaskSpec {
    name: "gitops",
    title: "Revert the deployments repository",
    description: "On request, takes back by one more commit what our commits brought in. Files \
                  edited since stay.",
};

/// The key of the answer that reverts our commits.
const TEARDOWN_GIT: &str = "teardown_git";

const REVERTS: Question = Question {
    kind: Kind::YesNo,
    stored: false,
    default: |_| Some("no".into()),
    ..Question::new(
        TEARDOWN_GIT,
        GITOPS.name,
        "Revert commits",
        "`yes` takes back, by a revert commit, what rok-deploy committed to the deployments repository.",
    )
};

/// Returns the questions of a recipe, of which only some are asked, and whether commits are reverted.
const fn taken_back<const N: usize>(installed: &[Question], asked: &[&str]) -> [Question; N] {
    let mut questions = [REVERTS; N];
    let mut index = 0;
    while index < installed.len() {
        let question = installed[index];
        questions[index] = if is_among(question.key, asked) {
            question
        } else {
            Question {
                relevant: |_| false,
                ..question
            }
        };
        index += 1;
    }
    questions
}

const fn is_among(key: &str, asked: &[&str]) -> bool {
    let mut index = 0;
    while index < asked.len() {
        if is_same(asked[index].as_bytes(), key.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// Returns the recipe of these tasks; `cluster` are the steps that need the cluster.
fn recipe(
    name: &'static str,
    answers: &Answers,
    tools: &Tools,
    cluster: &[&'static str],
    tasks: Vec<(TaskSpec, Vec<Arc<dyn Step>>)>,
) -> Recipe {
    let mut left_out = BTreeMap::new();
    let mut next = Vec::new();
    if tools.modes.no_cluster {
        for id in cluster {
            left_out.insert(*id, NEEDS_CLUSTER.to_owned());
        }
        next.push(
            "the cluster was left out; a service account or a Pod of a proof may still be there"
                .into(),
        );
    }
    next.push("`rok-deploy run` makes it anew".into());
    if !answers.is_yes(TEARDOWN_GIT) {
        let reason = "not asked for; `--set teardown_git=yes` reverts our commits";
        for id in ["gitops.revert", "gitops.push"] {
            left_out.insert(id, reason.to_owned());
        }
        next.insert(0, "the deployments repository stays as it is".into());
    }
    let tasks = tasks.into_iter();
    let tasks = tasks.map(|(spec, steps)| tools.modes.task(spec, steps));
    Recipe {
        name,
        tasks: tasks.collect(),
        left_out,
        closing: "What is ours, and used by nobody else, is gone",
        next,
    }
}

fn gitops(site: &Site, after: &'static [&'static str]) -> Vec<Arc<dyn Step>> {
    let clone = site.clone_step();
    vec![
        Arc::new(Revert {
            repository: clone.repository.clone(),
            url: clone.url,
            branch: clone.branch,
            after,
        }),
        Arc::new(Push {
            repository: clone.repository,
            wanted: site.pushes(),
            tags: &[],
            commits: &[&REVERTED],
            refusal: Refusal::default(),
            meta: Push::describe(vec![BRANCH.name(), REVERTED.name()], vec!["gitops.revert"]),
        }),
    ]
}

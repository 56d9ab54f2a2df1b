//! `apply`: the manifests of one directory. What `rok-deploy apply DIR` runs; nobody is offered it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NEEDS_CLUSTER, RecipeSpec, TaskSpec, Tools};
use crate::engine::question::Kind;
use crate::engine::{Answers, Question, Recipe, Step};
use crate::steps::cluster::HoldCluster;
use crate::steps::manifests::{
    ApplyManifests, BuildManifests, ManifestsReady, Part, SERVER, TargetCluster,
};

/// The key of the directory.
pub const DIRECTORY: &str = "manifests_dir";

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "apply",
    title: "The manifests of one directory, applied and ready",
    tasks: &[MANIFESTS],
    questions: QUESTIONS,
    build: |answers, tools| {
        let recipe = build(answers, tools);
        Box::pin(async move { Ok(recipe) })
    },
    also_knows: &[],
    handoff: None,
};

const MANIFESTS: TaskSpec = TaskSpec {
    name: "manifests",
    title: "Apply the manifests",
    description: "Builds the kustomization of the directory, applies its objects on the server's \
                  side, and waits until they are ready. Removes nothing.",
};

const QUESTIONS: &[Question] = &[
    Question {
        kind: Kind::Path,
        stored: false,
        ..Question::new(
            DIRECTORY,
            MANIFESTS.name,
            "Directory of the manifests",
            "A directory with a `kustomization.yaml`: a base or an overlay.",
        )
    },
    Question {
        optional: true,
        discovered: true,
        stored: false,
        ..Question::new(
            "kube_context",
            MANIFESTS.name,
            "Kube context",
            "The context of your kubeconfig that reaches the cluster to apply to.",
        )
    },
];

fn build(answers: &Answers, tools: &Tools) -> Recipe {
    let directory = answers.text(DIRECTORY);
    let manifests = (tools.manifests)(&directory);
    let access = tools.cluster.access(answers.get("kube_context"));
    let part = |part| -> Arc<dyn Step> {
        Arc::new(ApplyManifests {
            access: access.clone(),
            manifests: manifests.clone(),
            part,
        })
    };
    let steps: Vec<Arc<dyn Step>> = vec![
        Arc::new(TargetCluster {
            access: access.clone(),
        }),
        Arc::new(HoldCluster::new(
            access.clone(),
            tools.operator.clone(),
            SERVER.name(),
        )),
        Arc::new(BuildManifests {
            manifests: manifests.clone(),
        }),
        part(Part::Definitions),
        part(Part::Objects),
        Arc::new(ManifestsReady { access, manifests }),
    ];
    let mut left_out = BTreeMap::new();
    if tools.modes.no_cluster {
        for step in &steps {
            left_out.insert(step.meta().id, NEEDS_CLUSTER.to_owned());
        }
        left_out.remove("manifests.build");
    }
    Recipe {
        name: SPEC.name,
        tasks: vec![tools.modes.task(MANIFESTS, steps)],
        left_out,
        closing: "Everything is in place",
        next: vec![format!(
            "`rok-deploy plan --apply {directory}` tells whether the cluster still is as the manifests say"
        )],
    }
}

//! `rotate`: new credentials of S3Proxy in every file that holds them. What `rok-deploy rotate` runs;
//! nobody is offered it.
//!
//! It needs the clone and nothing else. What is in the cluster changes when the manifests are applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rok_eks::question;
use super::site::Site;
use super::{RecipeSpec, TaskSpec, Tools, rok_aks};
use crate::engine::{Answers, FactKey, Phase, Question, Recipe, Step, StepMeta};
use crate::steps::gitops::{BRANCH, Push, Refusal, Tag, TagState};
use crate::steps::secrets::{ROTATED, RotateCredentials};

/// Its name.
pub const NAME: &str = "rotate";

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: NAME,
    title: "New credentials of S3Proxy",
    tasks: &[ROTATE],
    questions: QUESTIONS,
    build: |answers, tools| {
        let recipe = build(answers, tools);
        Box::pin(async move { Ok(recipe) })
    },
    also_knows: rok_aks::SPEC.questions,
    handoff: None,
};

const ROTATE: TaskSpec = TaskSpec {
    name: "rotate",
    title: "Rotate the credentials",
    description: "Makes new random credentials of S3Proxy in every file of the clone that holds them, \
                  commits, tags and pushes. Applies nothing.",
};

const QUESTIONS: &[Question] = &[
    asked("gitops_dir"),
    asked("gitops_url"),
    asked("gitops_branch"),
    asked("gitops_push"),
    asked("rok_release"),
];

const fn asked(key: &str) -> Question {
    Question {
        task: ROTATE.name,
        ..question(key)
    }
}

/// The overlays that the credentials are built into.
const APPLIED: [&str; 2] = [
    "rok/rok-external-services/s3proxy/overlays/deploy",
    "rok/rok-cluster/overlays/deploy",
];

static TAGGED: FactKey<TagState> = FactKey::new("gitops.tag-rotate.tag");
static COMMITS: [&FactKey<String>; 1] = [&ROTATED];
static TAGS: [&FactKey<TagState>; 1] = [&TAGGED];

fn build(answers: &Answers, tools: &Tools) -> Recipe {
    let site = Site::of(answers, tools);
    let repository = site.repository();
    let steps: Vec<Arc<dyn Step>> = vec![
        Arc::new(site.clone_step()),
        Arc::new(RotateCredentials {
            repository: repository.clone(),
            vault: tools.vault.clone(),
            is_cloned: !site.begins_with_skeleton(),
        }),
        Arc::new(Tag {
            meta: StepMeta {
                needs: vec![ROTATED.name()],
                gives: vec![TAGGED.name()],
                after: vec!["rok.rotate-credentials"],
                ..StepMeta::new("gitops.tag-rotate", "Progress tag", Phase::Generate)
            },
            repository: repository.clone(),
            release: answers.text("rok_release"),
            task: ROTATE.name,
            message: "Rotate the credentials of S3Proxy",
            commits: &COMMITS,
            gives: &TAGGED,
        }),
        Arc::new(Push {
            repository,
            wanted: site.pushes(),
            tags: &TAGS,
            commits: &[],
            refusal: Refusal::default(),
            meta: Push::describe(
                vec![BRANCH.name(), TAGGED.name()],
                vec!["gitops.tag-rotate"],
            ),
        }),
    ];
    let directory = answers.text("gitops_dir");
    let apply = |overlay: &str| format!("`rok-deploy apply {directory}/{overlay}`");
    Recipe {
        name: NAME,
        tasks: vec![tools.modes.task(ROTATE, steps)],
        left_out: BTreeMap::new(),
        closing: "The new credentials are in Git",
        next: vec![
            format!(
                "S3Proxy and Rok still use the old ones; apply both, one right after the other: {}",
                APPLIED.map(apply).join(" and ")
            ),
            "where Flux or Argo CD applies the repository, it does so by itself".into(),
        ],
    }
}

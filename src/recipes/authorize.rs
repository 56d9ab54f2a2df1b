//! `authorize`: the AWS identity alone, without clone and cluster. What `rok-s3-authorize` runs; nobody
//! is offered it. Questions and steps are those of `rok-eks`, and so is what comes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rok_eks::{self, CLOUDIDENTITY, ENVIRONMENT, Parts, question};
use super::{RecipeSpec, Tools};
use crate::engine::{Answers, Context, Question, Recipe, Step, StepError};
use crate::steps::aws::handoff::Handoff;
use crate::steps::environment::Preflight;

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "authorize",
    title: "The IAM role and policy of Rok on EKS, without the rest",
    tasks: &[ENVIRONMENT, CLOUDIDENTITY],
    questions: QUESTIONS,
    also_knows: rok_eks::SPEC.questions,
    build: |answers, tools| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move { build(&answers, &tools).await })
    },
    handoff: Some(rok_eks::HAND_OVER),
};

const QUESTIONS: &[Question] = &[
    // A clone is not needed; one that is named gives its choices and its template.
    Question {
        task: ENVIRONMENT.name,
        optional: true,
        default: |_| None,
        ..question("gitops_dir")
    },
    question("aws_profile"),
    question("aws_default_region"),
    question("aws_account_id"),
    question("eks_cluster"),
    question("eks_cluster_oidc"),
    question("kube_context_accept"),
    question("rok_cluster_name"),
    question("rok_cluster_namespace"),
    question("aws_s3_role"),
    question("aws_s3_bucket_prefix"),
    question("aws_cf_s3_resources"),
    question("aws_iam_path"),
    question("aws_permissions_boundary"),
];

/// Looks what of the identity is missing, and builds what makes it.
///
/// # Errors
///
/// What is in the way, or cannot be looked at.
pub async fn handoff(
    answers: &Answers,
    tools: &Tools,
    context: &Context,
) -> Result<Handoff, StepError> {
    rok_eks::handoff(answers, tools, context).await
}

async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let preflight: Vec<Arc<dyn Step>> = vec![Arc::new(Preflight {
        rights: Arc::new(parts.callers_rights()),
        clone: None,
        kustomize: None,
    })];
    let modes = &tools.modes;
    Ok(Recipe {
        name: SPEC.name,
        tasks: vec![
            modes.task(ENVIRONMENT, [parts.place(), preflight].concat()),
            modes.task(
                CLOUDIDENTITY,
                [parts.iam(), parts.identity_proof()].concat(),
            ),
        ],
        left_out: BTreeMap::new(),
        closing: "Everything is in place",
        next: vec!["`rok-deploy` does the rest, and finds the identity as it should be".into()],
    })
}

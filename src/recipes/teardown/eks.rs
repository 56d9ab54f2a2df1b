//! `teardown`: takes back what `rok-eks` made, in the opposite order.

use std::sync::Arc;

use super::{ENVIRONMENT, GITOPS, recipe, taken_back};
use crate::engine::{Answers, Question, Recipe, Step, StepError};
use crate::recipes::rok_eks::{Parts, QUESTIONS as INSTALLED};
use crate::recipes::{RecipeSpec, TaskSpec, Tools};
use crate::steps::aws::remove::{
    FormerCluster, KeptBuckets, Removal, RemoveAttachment, RemovePolicy, RemoveProvider,
    RemoveRole, RemoveStack,
};
use crate::steps::cluster::CLUSTER_UID;
use crate::steps::proof::RemoveProof;

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "teardown",
    title: "What rok-deploy made for Rok on EKS, taken back",
    tasks: &[ENVIRONMENT, OBJECTSTORAGE, CLOUDIDENTITY, GITOPS],
    questions: QUESTIONS,
    build: |answers, tools| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move { build(&answers, &tools).await })
    },
    also_knows: &[],
    handoff: None,
};

const OBJECTSTORAGE: TaskSpec = TaskSpec {
    name: "objectstorage",
    title: "Leave the object storage",
    description: "Removes what proofs left in the cluster, and names the buckets and namespaces, \
                  which stay.",
};
/// The steps that remove what the repository tells of.
const REMOVED: &[&str] = &[
    "aws.remove-role",
    "aws.remove-policy",
    "aws.remove-provider",
];

const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Remove the cloud identity",
    description: "Deletes role, policy and OIDC provider where they carry our tags and this \
                  cluster's name, and nobody else uses them.",
};
/// The questions of `rok-eks` that matter here.
const ASKED: &[&str] = &[
    "gitops_dir",
    "gitops_url",
    "gitops_branch",
    "gitops_push",
    "aws_profile",
    "aws_default_region",
    "aws_account_id",
    "eks_cluster",
    "eks_cluster_oidc",
    "kube_context",
    "kube_context_accept",
    "rok_cluster_name",
    "rok_cluster_namespace",
    "aws_s3_role",
    "aws_s3_bucket_prefix",
    "aws_cf_s3_resources",
    "aws_iam_path",
];

const QUESTIONS: &[Question] = &taken_back::<{ INSTALLED.len() + 1 }>(INSTALLED, ASKED);

/// Steps that need the cluster.
const CLUSTER: [&str; 3] = ["cluster.context", "cluster.lease", "rok.remove-proof"];

async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let tasks = vec![
        (ENVIRONMENT, environment(&parts)),
        (OBJECTSTORAGE, objectstorage(&parts)),
        (CLOUDIDENTITY, cloudidentity(&parts)),
        (GITOPS, super::gitops(&parts.site, REMOVED)),
    ];
    Ok(recipe(SPEC.name, answers, tools, &CLUSTER, tasks))
}

fn environment(parts: &Parts) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(parts.caller()),
        Arc::new(FormerCluster {
            cluster: parts.cluster(),
            is_left_out: parts.site.tools.modes.no_cluster,
        }),
        Arc::new(parts.cluster_context()),
        Arc::new(parts.site.hold_cluster(CLUSTER_UID.name())),
    ]
}

fn objectstorage(parts: &Parts) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(RemoveProof::new(parts.workload(), parts.site.namespaces())),
        Arc::new(KeptBuckets {
            aws: parts.aws.clone(),
            prefix: parts.prefix.clone(),
        }),
    ]
}

fn cloudidentity(parts: &Parts) -> Vec<Arc<dyn Step>> {
    let removal = Removal {
        aws: parts.aws.clone(),
        identity: parts.identity(),
    };
    vec![
        Arc::new(RemoveStack {
            removal: removal.clone(),
        }),
        Arc::new(RemoveAttachment {
            removal: removal.clone(),
        }),
        Arc::new(RemovePolicy {
            removal: removal.clone(),
        }),
        Arc::new(RemoveRole {
            removal: removal.clone(),
        }),
        Arc::new(RemoveProvider { removal }),
    ]
}

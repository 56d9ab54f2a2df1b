//! `rok-eks`: Rok on EKS, with an IAM role for its service account.

mod build;
mod files;
mod handoff;
mod proof;
mod questions;

pub(super) use build::Parts;
pub(super) use handoff::{HAND_OVER, handoff};
pub(super) use questions::{QUESTIONS, VERIFY_IMAGE, question};

use super::{RecipeSpec, TaskSpec};

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "rok-eks",
    title: "Rok on EKS: an IAM role for its service account, proven",
    tasks: TASKS,
    questions: QUESTIONS,
    build: |answers, tools| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move { build::build(&answers, &tools).await })
    },
    also_knows: &[],
    handoff: Some(HAND_OVER),
};

pub(super) const ENVIRONMENT: TaskSpec = TaskSpec {
    name: "environment",
    title: "Look at the environment",
    description: "Finds account, cluster, issuer and kube context, and looks for what would stop \
                  the run: rights, remote, clock, programs. Changes nothing.",
};
const GITOPS: TaskSpec = TaskSpec {
    name: "gitops",
    title: "Prepare the deployments repository",
    description: "Clones the GitOps repository, uses the clone that is there, or starts one from \
                  the skeleton.",
};
pub(super) const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Create the cloud identity",
    description: "Registers the cluster's OIDC provider, creates the IAM policy for the bucket \
                  prefix and the role that only Rok's service account may assume, and saves the \
                  choices in deploy/env.*.",
};
const OBJECTSTORAGE: TaskSpec = TaskSpec {
    name: "objectstorage",
    title: "Authorize access to object storage",
    description: "Renders Rok's storage and configuration patches, commits, tags and pushes them, \
                  creates the namespaces, and proves that the service account reaches its buckets.",
};

const TASKS: &[TaskSpec] = &[ENVIRONMENT, GITOPS, CLOUDIDENTITY, OBJECTSTORAGE];

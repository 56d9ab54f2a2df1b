//! `rok-aks`: Rok on AKS, with a managed identity for its S3Proxy.

mod build;
mod files;
mod handoff;
mod proof;
mod questions;

pub(super) use build::Parts;
pub(super) use questions::QUESTIONS;

use super::{RecipeSpec, TaskSpec};

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "rok-aks",
    title: "Rok on AKS: a managed identity for its S3Proxy, proven",
    tasks: TASKS,
    questions: QUESTIONS,
    build: |answers, tools| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move { build::build(&answers, &tools).await })
    },
    also_knows: &[],
    handoff: Some(handoff::HAND_OVER),
};

const ENVIRONMENT: TaskSpec = TaskSpec {
    name: "environment",
    title: "Look at the environment",
    description: "Finds subscription, cluster, issuer and kube context, and looks for what would \
                  stop the run: rights, remote, clock, programs. Changes nothing.",
};
const GITOPS: TaskSpec = TaskSpec {
    name: "gitops",
    title: "Prepare the deployments repository",
    description: "Clones the GitOps repository, uses the clone that is there, or starts one from \
                  the skeleton.",
};
const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Create the cloud identity",
    description: "Finds the storage account, creates the managed identity, gives it the data role \
                  on that account alone, and saves the choices in deploy/env.*.",
};
const OBJECTSTORAGE: TaskSpec = TaskSpec {
    name: "objectstorage",
    title: "Authorize access to object storage",
    description: "Lets Rok's Pods be the identity, configures S3Proxy and Rok, commits, tags and \
                  pushes that, and proves that the Pods reach their containers.",
};

const TASKS: &[TaskSpec] = &[ENVIRONMENT, GITOPS, CLOUDIDENTITY, OBJECTSTORAGE];

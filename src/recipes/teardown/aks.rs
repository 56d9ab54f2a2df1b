//! `teardown-aks`: takes back what `rok-aks` made, in the opposite order.

use std::sync::Arc;

use super::{ENVIRONMENT, GITOPS, recipe, taken_back};
use crate::engine::{Answers, Question, Recipe, Step, StepError};
use crate::recipes::rok_aks::{Parts, QUESTIONS as INSTALLED};
use crate::recipes::{RecipeSpec, TaskSpec, Tools};
use crate::steps::azure::remove::{
    FormerCluster, KeptContainers, Removal, RemoveAccount, RemoveAssignment, RemoveCredential,
    RemoveIdentity, RemovePodIdentity,
};
use crate::steps::cluster::CLUSTER_UID;
use crate::steps::proof::RemoveProof;

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "teardown-aks",
    title: "What rok-deploy made for Rok on AKS, taken back",
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
    description: "Takes the Pod identity and the service account away from the cluster, and names \
                  storage account and containers, which stay.",
};
/// The steps that remove what the repository tells of.
const REMOVED: &[&str] = &["azure.remove-credential", "azure.remove-identity"];

const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Remove the cloud identity",
    description: "Deletes federated credential, role assignments and managed identity where they \
                  carry our tags and this cluster's name, and nobody else uses them.",
};

/// The questions of `rok-aks` that matter here.
const ASKED: &[&str] = &[
    "gitops_dir",
    "gitops_url",
    "gitops_branch",
    "gitops_push",
    "az_tenant",
    "az_subscription",
    "az_resource_group",
    "aks_cluster",
    "az_location",
    "kube_context",
    "kube_context_accept",
    "rok_cluster_name",
    "rok_cluster_namespace",
    "az_identity_method",
    "az_managed_identity",
    "storage_account_name",
    "s3_bucket_prefix",
    "pod_identity_name",
];

const QUESTIONS: &[Question] = &taken_back::<{ INSTALLED.len() + 1 }>(INSTALLED, ASKED);

/// Steps that need the cluster.
const CLUSTER: [&str; 4] = [
    "cluster.context",
    "cluster.lease",
    "rok.remove-proof",
    "cluster.remove-service-account",
];

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
        Arc::new(parts.account()),
        Arc::new(FormerCluster {
            cluster: parts.cluster(),
            is_left_out: parts.site.tools.modes.no_cluster,
        }),
        Arc::new(parts.cluster_context()),
        Arc::new(parts.site.hold_cluster(CLUSTER_UID.name())),
    ]
}

fn removal(parts: &Parts) -> Removal {
    Removal {
        azure: parts.azure.clone(),
        identity: parts.identity.clone(),
    }
}

fn objectstorage(parts: &Parts) -> Vec<Arc<dyn Step>> {
    let removal = removal(parts);
    vec![
        Arc::new(RemoveProof::new(parts.workload(), parts.site.namespaces())),
        Arc::new(RemoveAccount {
            access: parts.site.access(),
            identity: parts.identity.clone(),
        }),
        // The cluster lets go of the identity before that goes.
        Arc::new(RemovePodIdentity {
            removal: removal.clone(),
        }),
        Arc::new(KeptContainers { removal }),
    ]
}

fn cloudidentity(parts: &Parts) -> Vec<Arc<dyn Step>> {
    let removal = removal(parts);
    vec![
        Arc::new(RemoveCredential {
            removal: removal.clone(),
        }),
        Arc::new(RemoveAssignment::of_data(removal.clone())),
        Arc::new(RemoveAssignment::of_operator(removal.clone())),
        Arc::new(RemoveIdentity { removal }),
    ]
}

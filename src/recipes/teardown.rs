//! `teardown`: takes back what `rok-eks` made, in the opposite order. What `rok-deploy teardown`
//! runs; nobody is offered it.
//!
//! Its questions are those of `rok-eks`, so that the same answers name the same things. Those that
//! have no say here are known and not asked: an answers file of the installation fits as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rok_eks::{Parts, QUESTIONS as INSTALLED};
use super::{RecipeSpec, TaskSpec, Tools};
use crate::engine::question::Kind;
use crate::engine::{Answers, Question, Recipe, Step, StepError, Task};
use crate::steps::aws::remove::{
    FormerCluster, KeptBuckets, Removal, RemoveAttachment, RemovePolicy, RemoveProvider,
    RemoveRole, RemoveStack,
};
use crate::steps::cluster::CLUSTER_UID;
use crate::steps::gitops::{BRANCH, Push, REVERTED, Refusal, Revert};
use crate::steps::proof::RemoveProof;

/// Its name.
pub const NAME: &str = "teardown";

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: NAME,
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

const ENVIRONMENT: TaskSpec = TaskSpec {
    name: "environment",
    title: "Look at the environment",
    description: "Finds account, cluster and kube context. Changes nothing.",
};
const OBJECTSTORAGE: TaskSpec = TaskSpec {
    name: "objectstorage",
    title: "Leave the object storage",
    description: "Removes what proofs left in the cluster, and names the buckets and namespaces, \
                  which stay.",
};
const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Remove the cloud identity",
    description: "Deletes role, policy and OIDC provider where they carry our tags and this \
                  cluster's name, and nobody else uses them.",
};
const GITOPS: TaskSpec = TaskSpec {
    name: "gitops",
    title: "Revert the deployments repository",
    description: "On request, takes back by one more commit what our commits brought in. Files \
                  edited since stay.",
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

const REVERTS: Question = Question {
    kind: Kind::YesNo,
    stored: false,
    default: |_| Some("no".into()),
    ..Question::new(
        "teardown_git",
        GITOPS.name,
        "Revert commits",
        "`yes` takes back, by a revert commit, what rok-deploy committed to the deployments repository.",
    )
};

const QUESTIONS: &[Question] = &questions();

const fn questions() -> [Question; INSTALLED.len() + 1] {
    let mut questions = [REVERTS; INSTALLED.len() + 1];
    let mut index = 0;
    while index < INSTALLED.len() {
        let question = INSTALLED[index];
        questions[index] = if is_asked(question.key) {
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

const fn is_asked(key: &str) -> bool {
    let mut index = 0;
    while index < ASKED.len() {
        if is_same(ASKED[index].as_bytes(), key.as_bytes()) {
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

/// Steps that need the cluster.
const CLUSTER: [&str; 3] = ["cluster.context", "cluster.lease", "rok.remove-proof"];

async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let mut left_out = BTreeMap::new();
    let mut next = Vec::new();
    if tools.modes.no_cluster {
        for id in CLUSTER {
            left_out.insert(
                id,
                "needs the cluster, which is left out (`--no-cluster`)".to_owned(),
            );
        }
        next.push(
            "the cluster was left out; a service account or a Pod of a proof may still be there"
                .into(),
        );
    }
    next.push("`rok-deploy run` makes it anew".into());
    if !answers.is_yes("teardown_git") {
        let reason = "not asked for; `--set teardown_git=yes` reverts our commits";
        for id in ["gitops.revert", "gitops.push"] {
            left_out.insert(id, reason.to_owned());
        }
        next.insert(0, "the deployments repository stays as it is".into());
    }
    let task = |spec: TaskSpec, steps: Vec<Arc<dyn Step>>| Task {
        name: spec.name,
        title: spec.title,
        mode: tools.modes.of(spec.name),
        proves: None,
        steps,
    };
    Ok(Recipe {
        name: NAME,
        tasks: vec![
            task(ENVIRONMENT, environment(&parts)),
            task(OBJECTSTORAGE, objectstorage(&parts)),
            task(CLOUDIDENTITY, cloudidentity(&parts)),
            task(GITOPS, gitops(&parts)),
        ],
        left_out,
        closing: "What is ours, and used by nobody else, is gone",
        next,
    })
}

fn environment(parts: &Parts) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(parts.caller()),
        Arc::new(FormerCluster {
            cluster: parts.cluster(),
            is_left_out: parts.tools.modes.no_cluster,
        }),
        Arc::new(parts.cluster_context()),
        Arc::new(parts.hold_cluster(CLUSTER_UID.name())),
    ]
}

fn objectstorage(parts: &Parts) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(RemoveProof::new(parts.workload(), parts.namespaces())),
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

fn gitops(parts: &Parts) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(Revert {
            repository: parts.repository(),
            url: parts.answers.get("gitops_url").map(str::to_owned),
            branch: parts.answers.get("gitops_branch").map(str::to_owned),
        }),
        Arc::new(Push {
            repository: parts.repository(),
            wanted: parts.pushes(),
            tags: &[],
            commits: &[&REVERTED],
            refusal: Refusal::default(),
            meta: Push::describe(vec![BRANCH.name(), REVERTED.name()], vec!["gitops.revert"]),
        }),
    ]
}

//! The clone and the cluster of an installation, which are the same on every cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NEEDS_CLUSTER, Tools};
use crate::engine::Answers;
use crate::steps::cluster::{ChosenCluster, ClusterAccess, ClusterContext, HoldCluster};
use crate::steps::environment::{CallersRights, CloneRights, Preflight};
use crate::steps::gitops::{CloneStep, Repository};

/// Answers and tools, and what follows from them on every cloud.
pub(super) struct Site {
    pub(super) answers: Answers,
    pub(super) tools: Tools,
}

impl Site {
    pub(super) fn of(answers: &Answers, tools: &Tools) -> Self {
        Self {
            answers: answers.clone(),
            tools: tools.clone(),
        }
    }

    /// The clone of the deployments repository.
    pub(super) fn repository(&self) -> Repository {
        (self.tools.repository)(&self.answers.text("gitops_dir"))
    }

    /// Whether commits are pushed, when that is decided.
    pub(super) fn pushes(&self) -> Option<bool> {
        self.answers
            .get("gitops_push")
            .map(|answer| answer == "yes")
    }

    /// The way to the cluster.
    pub(super) fn access(&self) -> ClusterAccess {
        self.tools.cluster.access(self.answers.get("kube_context"))
    }

    /// The namespaces that hold Rok.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let mut names = vec![
            self.answers.text("rok_cluster_namespace"),
            "rok-system".to_owned(),
        ];
        names.dedup();
        names
    }

    /// The step that holds the kube context against the chosen cluster.
    pub(super) fn context_of(&self, chosen: ChosenCluster) -> ClusterContext {
        ClusterContext {
            access: self.access(),
            chosen,
            accepts_other_server: self.answers.is_yes("kube_context_accept"),
        }
    }

    /// The step that holds the cluster for this run, once the fact `needs` is known.
    pub(super) fn hold_cluster(&self, needs: &'static str) -> HoldCluster {
        HoldCluster::new(self.access(), self.tools.operator.clone(), needs)
    }

    /// The step that looks whether cloud, clone and machine let the plan happen.
    pub(super) fn preflight(&self, rights: Arc<dyn CallersRights>) -> Preflight {
        Preflight {
            rights,
            clone: Some(CloneRights {
                repository: self.repository(),
                pushes: self.pushes() != Some(false),
            }),
            kustomize: Some(self.tools.kustomize.clone()),
        }
    }

    /// The step that clones, or finds the clone.
    pub(super) fn clone_step(&self) -> CloneStep {
        CloneStep {
            repository: self.repository(),
            url: self.answers.get("gitops_url").map(str::to_owned),
            branch: self.answers.get("gitops_branch").map(str::to_owned),
        }
    }

    /// Whether the clone begins with our skeleton.
    pub(super) fn begins_with_skeleton(&self) -> bool {
        self.answers.get("gitops_url").is_none()
    }

    /// What is left out of the steps that need the cluster, a Pod in it, or a program that builds
    /// manifests, and why.
    pub(super) async fn left_out(
        &self,
        cluster: &[&'static str],
        pod: &[&'static str],
        building: &[&'static str],
    ) -> BTreeMap<&'static str, String> {
        let modes = &self.tools.modes;
        let mut left_out = BTreeMap::new();
        let mut leave_out = |ids: &[&'static str], reason: &str| {
            left_out.extend(ids.iter().map(|id| (*id, reason.to_owned())));
        };
        if modes.no_pod {
            leave_out(pod, "needs a Pod, which is left out (`--no-pod`)");
        }
        if modes.no_cluster {
            leave_out(cluster, NEEDS_CLUSTER);
            leave_out(pod, NEEDS_CLUSTER);
        }
        // Whoever practises on a machine without either program still gets the rest of the proof.
        if modes.practice && self.tools.kustomize.installed().await.is_none() {
            leave_out(
                building,
                "neither `kustomize` nor `kubectl` is on PATH; a real run needs one of them",
            );
        }
        left_out
    }

    /// What is left to do once everything is in place. A mere verification leads to nothing new.
    pub(super) fn next(&self, allowed: String) -> Vec<String> {
        if !self.tools.modes.changes {
            return Vec::new();
        }
        vec![
            allowed,
            "grant Rok access to Arrikto's private container registry, then deploy Rok".into(),
        ]
    }
}

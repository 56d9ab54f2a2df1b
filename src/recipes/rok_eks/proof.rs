//! The steps that prove what `rok-eks` made, and which of them need what.

use std::sync::Arc;

use super::build::Parts;
use crate::engine::Step;
use crate::steps::proof::{
    CleanUp, ManifestValues, PodIdentity, PodStorage, StorageAccess, VerifyAccount, VerifyPod,
    Workload,
};

/// Steps that need the cluster.
pub(super) const CLUSTER: [&str; 6] = [
    "cluster.context",
    "cluster.lease",
    "rok.namespaces",
    "rok.verify-account",
    "rok.storage-access",
    "rok.verify-clean-up",
];

/// Steps that need a Pod.
pub(super) const POD: [&str; 3] = ["rok.verify-pod", "rok.pod-identity", "rok.pod-storage"];

impl Parts {
    pub(super) fn proof(&self) -> Vec<Arc<dyn Step>> {
        let workload = self.workload();
        vec![
            Arc::new(ManifestValues {
                workload: workload.clone(),
                kustomize: self.tools.kustomize.clone(),
            }),
            Arc::new(VerifyAccount {
                workload: workload.clone(),
            }),
            Arc::new(StorageAccess {
                workload: workload.clone(),
            }),
            Arc::new(VerifyPod {
                workload: workload.clone(),
            }),
            Arc::new(PodIdentity {
                workload: workload.clone(),
            }),
            Arc::new(PodStorage {
                workload: workload.clone(),
                creates: self.tools.modes.changes,
            }),
            Arc::new(CleanUp { workload }),
        ]
    }

    pub(in crate::recipes) fn workload(&self) -> Workload {
        Workload {
            aws: self.aws.clone(),
            access: self.access(),
            profile: self.answers.get("aws_profile").map(str::to_owned),
            region: self.answers.text("aws_default_region"),
            cluster: self.answers.text("eks_cluster"),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            role: self.role.clone(),
            prefix: self.prefix.clone(),
            clone: self.repository().directory,
        }
    }
}

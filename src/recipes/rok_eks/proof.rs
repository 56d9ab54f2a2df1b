//! The steps that prove what `rok-eks` made, and which of them need what.

use std::sync::Arc;

use super::build::Parts;
use crate::engine::Step;
use crate::steps::proof::aws::{
    AwsGround, ManifestValues, PodIdentity, PodStorage, StorageAccess, VerifyAccount,
};
use crate::steps::proof::{CleanUp, VerifyPod, Workload};

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
        let ground = self.ground();
        vec![
            Arc::new(ManifestValues {
                ground: ground.clone(),
                kustomize: self.site.tools.kustomize.clone(),
            }),
            Arc::new(VerifyAccount {
                ground: ground.clone(),
            }),
            Arc::new(StorageAccess {
                ground: ground.clone(),
            }),
            Arc::new(VerifyPod {
                ground: ground.clone(),
            }),
            Arc::new(PodIdentity {
                ground: ground.clone(),
            }),
            Arc::new(PodStorage {
                ground,
                creates: self.site.tools.modes.changes,
            }),
            Arc::new(CleanUp {
                workload: self.workload(),
            }),
        ]
    }

    fn ground(&self) -> AwsGround {
        AwsGround {
            workload: self.workload(),
            aws: self.aws.clone(),
            profile: self.site.answers.get("aws_profile").map(str::to_owned),
            region: self.site.answers.text("aws_default_region"),
            cluster: self.site.answers.text("eks_cluster"),
            role: self.role.clone(),
            prefix: self.prefix.clone(),
        }
    }

    pub(in crate::recipes) fn workload(&self) -> Workload {
        Workload {
            access: self.site.access(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            clone: self.site.repository().directory,
        }
    }
}

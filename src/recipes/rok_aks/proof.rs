//! The steps that prove what `rok-aks` made, and which of them need what.

use std::sync::Arc;

use super::build::Parts;
use crate::engine::Step;
use crate::steps::azure::Method;
use crate::steps::proof::azure::{AzureGround, PodLogin, PodStorage, StorageAccess, VerifyBinding};
use crate::steps::proof::{CleanUp, VerifyPod, Workload};

/// Steps that need the cluster.
pub(super) const CLUSTER: [&str; 7] = [
    "cluster.context",
    "cluster.lease",
    "cluster.service-account",
    "rok.namespaces",
    "azure.storage-access",
    "azure.verify-binding",
    "rok.verify-clean-up",
];

/// Steps that need a Pod.
pub(super) const POD: [&str; 3] = [
    "rok.verify-pod",
    "azure.verify-pod-login",
    "azure.verify-pod-storage",
];

impl Parts {
    pub(super) fn proof(&self) -> Vec<Arc<dyn Step>> {
        let ground = self.ground();
        let without_pod: Arc<dyn Step> = match ground.identity.method {
            Method::WorkloadIdentity => Arc::new(StorageAccess {
                ground: ground.clone(),
            }),
            Method::PodIdentity => Arc::new(VerifyBinding {
                ground: ground.clone(),
            }),
        };
        vec![
            without_pod,
            Arc::new(VerifyPod {
                ground: ground.clone(),
            }),
            Arc::new(PodLogin {
                ground: ground.clone(),
            }),
            Arc::new(PodStorage { ground }),
            Arc::new(CleanUp {
                workload: self.workload(),
            }),
        ]
    }

    pub(super) fn ground(&self) -> AzureGround {
        AzureGround {
            workload: self.workload(),
            azure: self.azure.clone(),
            identity: self.identity.clone(),
        }
    }

    pub(in crate::recipes) fn workload(&self) -> Workload {
        Workload {
            access: self.site.access(),
            namespace: self.identity.namespace.clone(),
            name: self.identity.service_account.clone(),
            clone: self.site.repository().directory,
        }
    }
}

//! What of an identity is there already.

use std::collections::BTreeMap;

use crate::engine::Observation;
use crate::steps::azure::Method;
use crate::steps::handoff::Part;

/// How the parts of the identity stand. Those of the other method are of no interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The storage account.
    pub account: Part,
    /// The managed identity.
    pub identity: Part,
    /// Its role on the storage account.
    pub data_role: Part,
    /// Issuer and webhook of the cluster.
    pub feature: Part,
    /// The federated credential.
    pub credential: Part,
    /// The role of the cluster on the identity.
    pub operator_role: Part,
}

impl Standing {
    /// Returns how the parts stand that these looks have seen.
    pub fn of(seen: &BTreeMap<&'static str, Observation>) -> Self {
        let part = |step| seen.get(step).map_or(Part::Unknown, Part::of);
        Self {
            account: part("azure.storage-account"),
            identity: part("azure.managed-identity"),
            data_role: part("azure.role-assignment"),
            feature: part("azure.workload-identity"),
            credential: part("azure.federated-credential"),
            operator_role: part("azure.identity-operator"),
        }
    }

    /// Whether everything is as intended that this method needs.
    pub fn is_complete(self, method: Method) -> bool {
        !self.needed(method).into_iter().any(Part::is_open)
    }

    /// The parts that this method needs.
    pub(super) fn needed(self, method: Method) -> Vec<Part> {
        let mut parts = vec![self.account, self.identity, self.data_role];
        match method {
            Method::WorkloadIdentity => parts.extend([self.feature, self.credential]),
            Method::PodIdentity => parts.push(self.operator_role),
        }
        parts
    }
}

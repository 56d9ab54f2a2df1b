//! The steps that prove what `rok-aks` made, and which of them need what.

/// Steps that need the cluster.
pub(super) const CLUSTER: [&str; 4] = [
    "cluster.context",
    "cluster.lease",
    "cluster.service-account",
    "rok.namespaces",
];

/// Steps that need a Pod.
pub(super) const POD: [&str; 0] = [];

//! The kinds of objects the server keeps, one entry each.
//!
//! Discovery, OpenAPI, routing and field validation are read from this table.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Node, Pod, ResourceQuota, Secret, ServiceAccount,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A kind of object and how its requests differ from those of other kinds.
#[derive(Debug)]
pub(super) struct Kind {
    /// The API group; empty for the core group.
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    /// The plural in paths: `serviceaccounts`.
    pub(super) resource: &'static str,
    pub(super) singular: &'static str,
    /// As in objects: `ServiceAccount`.
    pub(super) name: &'static str,
    pub(super) short_names: &'static [&'static str],
    pub(super) namespaced: bool,
    /// Names are single DNS labels, without dots.
    pub(super) label_name: bool,
    /// Field selectors know these beside the name and the namespace.
    pub(super) selectable: &'static [&'static str],
    /// A delete answers with the object it deleted; otherwise with a `Status`.
    pub(super) returns_deleted: bool,
    /// An update must say which version it replaces, and may create what is not there.
    pub(super) versioned_update: bool,
    /// The status is written through a subresource of its own, and only there.
    pub(super) status: bool,
    /// Objects count the changes of what is wanted of them in `metadata.generation`.
    pub(super) generation: bool,
    /// Reads an object as its type and writes it back, so that what the type lacks is gone.
    pub(super) typed: fn(Value) -> Result<Value, serde_json::Error>,
}

impl Kind {
    /// `v1`, or `coordination.k8s.io/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.into()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `serviceaccounts`, or `leases.coordination.k8s.io`: the name in messages and in the store.
    pub(super) fn qualified(&self) -> String {
        qualify(self.resource, self.group)
    }

    /// `ServiceAccount`, or `Lease.coordination.k8s.io`: the name in messages about invalid fields.
    pub(super) fn qualified_kind(&self) -> String {
        qualify(self.name, self.group)
    }

    /// The subresources that are served.
    pub(super) fn subresources(&self) -> &'static [&'static str] {
        if self.resource == SERVICE_ACCOUNTS.resource {
            &["token"]
        } else {
            &[]
        }
    }
}

fn qualify(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.into()
    } else {
        format!("{name}.{group}")
    }
}

/// What clients may do with every kind.
pub(super) const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

const CORE: Kind = Kind {
    group: "",
    version: "v1",
    resource: "",
    singular: "",
    name: "",
    short_names: &[],
    namespaced: true,
    label_name: false,
    selectable: &[],
    returns_deleted: false,
    versioned_update: false,
    status: false,
    generation: false,
    typed: typed::<ConfigMap>,
};

pub(super) const NAMESPACES: Kind = Kind {
    resource: "namespaces",
    singular: "namespace",
    name: "Namespace",
    short_names: &["ns"],
    namespaced: false,
    label_name: true,
    selectable: &["status.phase"],
    returns_deleted: true,
    status: true,
    typed: typed::<Namespace>,
    ..CORE
};

pub(super) const NODES: Kind = Kind {
    resource: "nodes",
    singular: "node",
    name: "Node",
    short_names: &["no"],
    namespaced: false,
    selectable: &["spec.unschedulable"],
    status: true,
    typed: typed::<Node>,
    ..CORE
};

pub(super) const SERVICE_ACCOUNTS: Kind = Kind {
    resource: "serviceaccounts",
    singular: "serviceaccount",
    name: "ServiceAccount",
    short_names: &["sa"],
    returns_deleted: true,
    typed: typed::<ServiceAccount>,
    ..CORE
};

pub(super) const SECRETS: Kind = Kind {
    resource: "secrets",
    singular: "secret",
    name: "Secret",
    selectable: &["type"],
    typed: typed::<Secret>,
    ..CORE
};

pub(super) const PODS: Kind = Kind {
    resource: "pods",
    singular: "pod",
    name: "Pod",
    short_names: &["po"],
    selectable: &[
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "status.phase",
    ],
    returns_deleted: true,
    status: true,
    typed: typed::<Pod>,
    ..CORE
};

pub(super) const CONFIG_MAPS: Kind = Kind {
    resource: "configmaps",
    singular: "configmap",
    name: "ConfigMap",
    short_names: &["cm"],
    ..CORE
};

pub(super) const EVENTS: Kind = Kind {
    resource: "events",
    singular: "event",
    name: "Event",
    short_names: &["ev"],
    selectable: &[
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "type",
    ],
    typed: typed::<Event>,
    ..CORE
};

pub(super) const RESOURCE_QUOTAS: Kind = Kind {
    resource: "resourcequotas",
    singular: "resourcequota",
    name: "ResourceQuota",
    short_names: &["quota"],
    returns_deleted: true,
    typed: typed::<ResourceQuota>,
    ..CORE
};

const LEASES: Kind = Kind {
    group: "coordination.k8s.io",
    resource: "leases",
    singular: "lease",
    name: "Lease",
    versioned_update: true,
    typed: typed::<Lease>,
    ..CORE
};

/// Every kind, group by group.
pub(super) static KINDS: [Kind; 9] = [
    CONFIG_MAPS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    LEASES,
];

/// Finds the kind behind a path.
pub(super) fn find(group: &str, version: &str, resource: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| (kind.group, kind.version, kind.resource) == (group, version, resource))
}

/// The groups and versions, each once, in the table's order.
pub(super) fn group_versions() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = KINDS
        .iter()
        .map(|kind| (kind.group, kind.version))
        .collect();
    all.dedup();
    all
}

/// The kinds of one group and version.
pub(super) fn of(group: &str, version: &str) -> impl Iterator<Item = &'static Kind> {
    KINDS
        .iter()
        .filter(move |kind| (kind.group, kind.version) == (group, version))
}

fn typed<T: DeserializeOwned + Serialize>(object: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(object)?)
}

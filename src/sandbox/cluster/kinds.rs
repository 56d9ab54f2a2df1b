//! The kinds of objects the server keeps, one entry each.
//!
//! Discovery, OpenAPI, routing and field validation are read from this table. The kinds of the
//! named groups are in [`groups`]; definitions of custom resources add more.

use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Node, Pod, ResourceQuota, Secret, Service, ServiceAccount,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::groups;

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
    /// Names may hold nearly anything: `system:node`.
    pub(super) free_name: bool,
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
    /// Objects are not kept: each is a question and its answer.
    pub(super) review: bool,
    /// A definition made the kind.
    pub(super) custom: bool,
    /// The kind as which objects are kept, where they are those of another version or group.
    pub(super) kept_as: Option<&'static Kind>,
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

    /// The kind as which objects are kept.
    pub(super) fn kept(&self) -> &Self {
        self.kept_as.unwrap_or(self)
    }

    /// What clients may do.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        if self.review { &["create"] } else { &VERBS }
    }

    /// The subresources that are served.
    pub(super) fn subresources(&self) -> Vec<Subresource> {
        let mut all = Vec::new();
        if self.status {
            all.push(Subresource {
                name: "status",
                group: self.group,
                version: self.version,
                kind: self.name,
                verbs: &["get", "patch", "update"],
            });
        }
        if self == &SERVICE_ACCOUNTS {
            all.push(Subresource {
                name: "token",
                group: "authentication.k8s.io",
                version: "v1",
                kind: "TokenRequest",
                verbs: &["create"],
            });
        }
        all
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        (self.group, self.version, self.resource) == (other.group, other.version, other.resource)
    }
}

/// A part of an object with a path of its own, and what is written there.
#[derive(Debug)]
pub(super) struct Subresource {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    pub(super) verbs: &'static [&'static str],
}

fn qualify(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.into()
    } else {
        format!("{name}.{group}")
    }
}

/// What clients may do with every kind of objects that are kept.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

pub(super) const CORE: Kind = Kind {
    group: "",
    version: "v1",
    resource: "",
    singular: "",
    name: "",
    short_names: &[],
    namespaced: true,
    label_name: false,
    free_name: false,
    selectable: &[],
    returns_deleted: false,
    versioned_update: false,
    status: false,
    generation: false,
    review: false,
    custom: false,
    kept_as: None,
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
        "involvedObject.apiVersion",
        "involvedObject.fieldPath",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.resourceVersion",
        "involvedObject.uid",
        "reason",
        "reportingComponent",
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
    status: true,
    typed: typed::<ResourceQuota>,
    ..CORE
};

pub(super) const SERVICES: Kind = Kind {
    resource: "services",
    singular: "service",
    name: "Service",
    short_names: &["svc"],
    label_name: true,
    selectable: &["spec.clusterIP", "spec.type"],
    returns_deleted: true,
    status: true,
    typed: typed::<Service>,
    ..CORE
};

/// Every kind, group by group.
pub(super) static KINDS: [Kind; 24] = [
    CONFIG_MAPS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    groups::MUTATING_WEBHOOK_CONFIGURATIONS,
    groups::CUSTOM_RESOURCE_DEFINITIONS,
    groups::DAEMON_SETS,
    groups::DEPLOYMENTS,
    groups::STATEFUL_SETS,
    groups::SELF_SUBJECT_REVIEWS,
    groups::SELF_SUBJECT_ACCESS_REVIEWS,
    groups::SELF_SUBJECT_RULES_REVIEWS,
    groups::JOBS,
    groups::LEASES,
    groups::EVENTS,
    groups::CLUSTER_ROLE_BINDINGS,
    groups::CLUSTER_ROLES,
    groups::ROLE_BINDINGS,
    groups::ROLES,
];

/// Finds the kind behind a path, unless it is a custom one.
pub(super) fn find(group: &str, version: &str, resource: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| (kind.group, kind.version, kind.resource) == (group, version, resource))
}

/// Reads an object as its type and writes it back.
pub(super) fn typed<T: DeserializeOwned + Serialize>(
    object: Value,
) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(object)?)
}

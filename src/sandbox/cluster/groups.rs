//! The kinds of the named groups.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::kinds::{self, CORE, Kind, typed};

pub(super) const MUTATING_WEBHOOK_CONFIGURATIONS: Kind = Kind {
    group: "admissionregistration.k8s.io",
    resource: "mutatingwebhookconfigurations",
    singular: "mutatingwebhookconfiguration",
    name: "MutatingWebhookConfiguration",
    namespaced: false,
    versioned_update: true,
    generation: true,
    typed: typed::<MutatingWebhookConfiguration>,
    ..CORE
};

pub(super) const CUSTOM_RESOURCE_DEFINITIONS: Kind = Kind {
    group: "apiextensions.k8s.io",
    resource: "customresourcedefinitions",
    singular: "customresourcedefinition",
    name: "CustomResourceDefinition",
    short_names: &["crd", "crds"],
    namespaced: false,
    versioned_update: true,
    status: true,
    generation: true,
    typed: typed::<CustomResourceDefinition>,
    ..CORE
};

const APPS: Kind = Kind {
    group: "apps",
    status: true,
    generation: true,
    ..CORE
};

pub(super) const DAEMON_SETS: Kind = Kind {
    resource: "daemonsets",
    singular: "daemonset",
    name: "DaemonSet",
    short_names: &["ds"],
    typed: typed::<DaemonSet>,
    ..APPS
};

pub(super) const DEPLOYMENTS: Kind = Kind {
    resource: "deployments",
    singular: "deployment",
    name: "Deployment",
    short_names: &["deploy"],
    typed: typed::<Deployment>,
    ..APPS
};

pub(super) const STATEFUL_SETS: Kind = Kind {
    resource: "statefulsets",
    singular: "statefulset",
    name: "StatefulSet",
    short_names: &["sts"],
    typed: typed::<StatefulSet>,
    ..APPS
};

const REVIEW: Kind = Kind {
    namespaced: false,
    review: true,
    ..CORE
};

pub(super) const SELF_SUBJECT_REVIEWS: Kind = Kind {
    group: "authentication.k8s.io",
    resource: "selfsubjectreviews",
    singular: "selfsubjectreview",
    name: "SelfSubjectReview",
    typed: typed::<SelfSubjectReview>,
    ..REVIEW
};

pub(super) const SELF_SUBJECT_ACCESS_REVIEWS: Kind = Kind {
    group: "authorization.k8s.io",
    resource: "selfsubjectaccessreviews",
    singular: "selfsubjectaccessreview",
    name: "SelfSubjectAccessReview",
    typed: typed::<SelfSubjectAccessReview>,
    ..REVIEW
};

pub(super) const SELF_SUBJECT_RULES_REVIEWS: Kind = Kind {
    group: "authorization.k8s.io",
    resource: "selfsubjectrulesreviews",
    singular: "selfsubjectrulesreview",
    name: "SelfSubjectRulesReview",
    typed: typed::<SelfSubjectRulesReview>,
    ..REVIEW
};

pub(super) const JOBS: Kind = Kind {
    group: "batch",
    resource: "jobs",
    singular: "job",
    name: "Job",
    selectable: &["status.successful"],
    status: true,
    generation: true,
    typed: typed::<Job>,
    ..CORE
};

pub(super) const LEASES: Kind = Kind {
    group: "coordination.k8s.io",
    resource: "leases",
    singular: "lease",
    name: "Lease",
    versioned_update: true,
    typed: typed::<Lease>,
    ..CORE
};

/// The newer form of the core group's events. Both show the same objects.
pub(super) const EVENTS: Kind = Kind {
    group: "events.k8s.io",
    resource: "events",
    singular: "event",
    name: "Event",
    short_names: &["ev"],
    selectable: &[
        "reason",
        "regarding.kind",
        "regarding.name",
        "regarding.namespace",
        "regarding.uid",
        "reportingController",
        "type",
    ],
    kept_as: Some(&kinds::EVENTS),
    typed: typed::<Event>,
    ..CORE
};

const RBAC: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    free_name: true,
    ..CORE
};

pub(super) const CLUSTER_ROLE_BINDINGS: Kind = Kind {
    resource: "clusterrolebindings",
    singular: "clusterrolebinding",
    name: "ClusterRoleBinding",
    namespaced: false,
    typed: typed::<ClusterRoleBinding>,
    ..RBAC
};

pub(super) const CLUSTER_ROLES: Kind = Kind {
    resource: "clusterroles",
    singular: "clusterrole",
    name: "ClusterRole",
    namespaced: false,
    typed: typed::<ClusterRole>,
    ..RBAC
};

pub(super) const ROLE_BINDINGS: Kind = Kind {
    resource: "rolebindings",
    singular: "rolebinding",
    name: "RoleBinding",
    typed: typed::<RoleBinding>,
    ..RBAC
};

pub(super) const ROLES: Kind = Kind {
    resource: "roles",
    singular: "role",
    name: "Role",
    typed: typed::<Role>,
    ..RBAC
};

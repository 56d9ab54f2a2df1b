//! From method and path to what is done: one table, which the resource providers fill.

use super::call::{Answer, Call};
use super::path::ResourcePath;
use super::refusal::Refusal;
use super::state::AzureState;
use super::{
    assignments, clusters, definitions, deployments, federation, groups, identities, locks,
    operation, providers, resources, scale_sets, storage, subscriptions, tags,
};

type Read = fn(&Call<'_>, &AzureState) -> Result<Answer, Refusal>;
type Write = fn(&Call<'_>, &mut AzureState) -> Result<Answer, Refusal>;

/// How a request is answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    Read(Read),
    Write(Write),
}

/// How a path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the name of one resource.
    Name,
    /// With a type or an action.
    Type,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever a role allows the action.
    Role,
    /// Whoever has a token; the answer holds only what the caller may know.
    Anyone,
}

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    method: &'static str,
    pub(super) namespace: &'static str,
    pub(super) kind: &'static str,
    end: End,
    pub(super) access: Access,
    pub(super) run: Run,
}

const TABLES: &[&[Route]] = &[
    subscriptions::ROUTES,
    groups::ROUTES,
    resources::ROUTES,
    tags::ROUTES,
    providers::ROUTES,
    identities::ROUTES,
    federation::ROUTES,
    definitions::ROUTES,
    assignments::ROUTES,
    locks::ROUTES,
    operation::ROUTES,
    clusters::ROUTES,
    scale_sets::ROUTES,
    storage::ROUTES,
    deployments::ROUTES,
];

impl Route {
    pub(super) const fn get(
        namespace: &'static str,
        kind: &'static str,
        end: End,
        read: Read,
    ) -> Self {
        Self {
            method: "GET",
            namespace,
            kind,
            end,
            access: Access::Role,
            run: Run::Read(read),
        }
    }

    pub(super) const fn post(namespace: &'static str, kind: &'static str, read: Read) -> Self {
        Self {
            method: "POST",
            ..Self::get(namespace, kind, End::Type, read)
        }
    }

    /// An action that changes something.
    pub(super) const fn act(namespace: &'static str, kind: &'static str, write: Write) -> Self {
        Self {
            end: End::Type,
            ..Self::write("POST", namespace, kind, write)
        }
    }

    /// Changes one resource.
    pub(super) const fn write(
        method: &'static str,
        namespace: &'static str,
        kind: &'static str,
        write: Write,
    ) -> Self {
        Self {
            method,
            namespace,
            kind,
            end: End::Name,
            access: Access::Role,
            run: Run::Write(write),
        }
    }

    pub(super) const fn for_anyone(self) -> Self {
        Self {
            access: Access::Anyone,
            ..self
        }
    }

    /// Finds what a request asks for.
    pub(super) fn find(method: &str, path: &ResourcePath) -> Option<Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        let end = if path.is_named() {
            End::Name
        } else {
            End::Type
        };
        let kind = path.kind();
        TABLES
            .iter()
            .copied()
            .flatten()
            .find(|route| {
                route.method == method
                    && route.end == end
                    && route.kind.eq_ignore_ascii_case(&kind)
                    && route.namespace.eq_ignore_ascii_case(&path.namespace)
            })
            .copied()
    }

    /// `Microsoft.Storage/storageAccounts/read`, as roles name it.
    pub(super) fn action(&self) -> String {
        let verb = match self.method {
            "GET" => "read",
            "DELETE" => "delete",
            "POST" => "action",
            _ => "write",
        };
        format!("{}/{}/{verb}", self.namespace, self.kind)
    }

    /// `Microsoft.Storage/storageAccounts`.
    pub(super) fn resource_type(&self) -> String {
        format!("{}/{}", self.namespace, self.kind)
    }

    pub(super) fn is_write(&self) -> bool {
        matches!(self.run, Run::Write(_))
    }

    pub(super) fn is_deletion(&self) -> bool {
        self.method == "DELETE"
    }

    /// At which scope the action must be allowed.
    pub(super) fn scope<'a>(&self, path: &'a ResourcePath) -> &'a str {
        match self.end {
            End::Name => &path.text,
            // Of a whole provider, what it is asked about.
            End::Type if path.names.is_empty() => &path.scope,
            End::Type => path.parent(),
        }
    }
}

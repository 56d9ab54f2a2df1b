//! What the one user may not do, and the reviews that tell so.
//!
//! The user may do everything, until a test or an exercise takes a right away.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::groups::{SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_RULES_REVIEWS};
use super::kinds::Kind;
use super::refusal::Refusal;
use super::server::ClusterServer;
use super::state::ClusterState;

/// The user behind the administrator's token, as messages name it.
pub(super) const USER: &str = "kubernetes-admin";
const USER_GROUPS: [&str; 2] = ["system:masters", "system:authenticated"];
const ANY: &str = "*";

/// A right that the user does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Denial {
    verb: String,
    group: String,
    /// With its subresource, if it is about one: `pods/exec`.
    resource: String,
    /// Everywhere, unless it is named.
    namespace: Option<String>,
}

impl Denial {
    /// Whether a request is denied that is about one namespace, or about all of them.
    fn applies(&self, verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        let is = |ours: &str, asked: &str| ours == ANY || ours == asked;
        let is_here = match (&self.namespace, namespace) {
            (Some(ours), Some(asked)) => ours == asked,
            // Who lacks a right in one namespace does not have it in all of them.
            _ => true,
        };
        is(&self.verb, verb) && is(&self.group, group) && is(&self.resource, resource) && is_here
    }
}

impl ClusterServer {
    /// Takes a right away. `*` stands for any verb, group or resource; a subresource is named with
    /// its resource, as in `pods/exec`; without a namespace the right is gone in all of them.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written.
    pub fn deny(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> io::Result<()> {
        self.change_denials(&mut |denials| {
            denials.push(Denial {
                verb: verb.into(),
                group: group.into(),
                resource: resource.into(),
                namespace: namespace.map(Into::into),
            });
        })
    }

    /// Gives all rights back.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written.
    pub fn allow_all(&self) -> io::Result<()> {
        self.change_denials(&mut Vec::clear)
    }

    fn change_denials(&self, change: &mut dyn FnMut(&mut Vec<Denial>)) -> io::Result<()> {
        let outcome = self.cluster.change(false, &mut |state| {
            change(&mut state.denials);
            Ok(Value::Null)
        });
        let said = |refusal: Refusal| io::Error::other(refusal.body()["message"].to_string());
        outcome.map(|_| ()).map_err(said)
    }
}

impl ClusterState {
    /// Whether the user lacks a right. An empty subresource is the object itself; without a
    /// namespace it is about the whole cluster.
    pub(super) fn denied(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        subresource: &str,
        namespace: Option<&str>,
    ) -> bool {
        let resource = qualified(resource, subresource);
        self.denials
            .iter()
            .any(|denial| denial.applies(verb, group, &resource, namespace))
    }
}

fn qualified(resource: &str, subresource: &str) -> String {
    if subresource.is_empty() {
        resource.into()
    } else {
        format!("{resource}/{subresource}")
    }
}

/// Answers a question of the user about itself.
pub(super) fn review(state: &ClusterState, kind: &Kind, mut question: Value) -> Value {
    let spec = &question["spec"];
    let status = if kind == &SELF_SUBJECT_ACCESS_REVIEWS {
        access(state, spec)
    } else if kind == &SELF_SUBJECT_RULES_REVIEWS {
        rules(state, spec["namespace"].as_str())
    } else {
        json!({ "userInfo": { "username": USER, "groups": USER_GROUPS } })
    };
    if question["metadata"].is_null() {
        question["metadata"] = json!({ "creationTimestamp": null });
    }
    question["status"] = status;
    question
}

fn access(state: &ClusterState, spec: &Value) -> Value {
    let asked = &spec["resourceAttributes"];
    let text = |field: &str| asked[field].as_str().unwrap_or_default();
    let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
    let (group, resource) = (text("group"), text("resource"));
    if state.denied(
        text("verb"),
        group,
        resource,
        text("subresource"),
        namespace,
    ) {
        json!({ "allowed": false })
    } else {
        json!({ "allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"cluster-admin\" of ClusterRole \"cluster-admin\" to Group \"system:masters\"" })
    }
}

/// The user's rights in a namespace. There are no rules that forbid, so when something is denied
/// everything else is listed.
fn rules(state: &ClusterState, namespace: Option<&str>) -> Value {
    let rule = |verbs: &[&str], group: &str, resource: &str| json!({ "verbs": verbs, "apiGroups": [group], "resources": [resource] });
    let mut all = Vec::new();
    if state.denials.is_empty() {
        all.push(rule(&[ANY], ANY, ANY));
    }
    for kind in state.kinds().iter().filter(|_| !state.denials.is_empty()) {
        let subresources = kind.subresources();
        let parts = subresources.iter().map(|part| (part.name, part.verbs));
        for (part, verbs) in std::iter::once(("", kind.verbs())).chain(parts) {
            let is_allowed =
                |verb: &&str| !state.denied(verb, kind.group, kind.resource, part, namespace);
            let verbs: Vec<&str> = verbs.iter().copied().filter(is_allowed).collect();
            if !verbs.is_empty() {
                all.push(rule(&verbs, kind.group, &qualified(kind.resource, part)));
            }
        }
    }
    json!({
        "resourceRules": all,
        "nonResourceRules": [{ "verbs": [ANY], "nonResourceURLs": [ANY] }],
        "incomplete": false,
    })
}

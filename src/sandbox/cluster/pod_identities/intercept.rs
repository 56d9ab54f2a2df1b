//! What the agent on the node (NMI) does with a Pod's request for a token: it finds the identity
//! that the Pod's label stands for, lets the Pod through, or turns it away.

use serde_json::Value;

use super::super::kinds::PODS;
use super::super::selector::Selector;
use super::super::state::ClusterState;
use super::{PodIdentities, kind};

/// The label on a Pod, and so on the template of its workload.
const LABEL: &str = "aadpodidbinding";

/// What becomes of a Pod's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interception {
    /// It goes on to the metadata service of the node, untouched.
    Passed,
    /// It is answered with a token of this identity.
    Identity {
        /// The identity's client id.
        client_id: String,
        /// The identity's resource id.
        resource_id: String,
    },
    /// Nothing fits, in the agent's own words.
    NotFound(String),
}

impl PodIdentities {
    /// Decides about a request of a Pod, which may ask for one identity of several.
    pub fn of_pod(
        &self,
        namespace: &str,
        pod: &str,
        client_id: Option<&str>,
        resource_id: Option<&str>,
    ) -> Interception {
        let Some(cluster) = self.cluster.upgrade() else {
            return Interception::NotFound("the cluster is gone".into());
        };
        cluster.store.read(|state| {
            let Ok(pod) = state.get(&PODS, namespace, pod) else {
                let words = format!("failed to get pod {namespace}/{pod}, err: not found");
                return Interception::NotFound(words);
            };
            if is_excepted(state, namespace, pod) {
                return Interception::Passed;
            }
            let found = matching(state, namespace, pod)
                .into_iter()
                .find(|spec| fits(spec, client_id, resource_id));
            match found {
                Some(spec) => Interception::Identity {
                    client_id: text(&spec["clientID"]).to_owned(),
                    resource_id: text(&spec["resourceID"]).to_owned(),
                },
                None => Interception::NotFound(not_found(client_id.unwrap_or_default())),
            }
        })
    }
}

/// The words of the agent, which keeps most of the client id to itself.
fn not_found(client_id: &str) -> String {
    let redacted = match (client_id.get(..4), client_id.len().checked_sub(4)) {
        (Some(start), Some(rest)) if client_id.is_ascii() => {
            format!("{start}##### REDACTED #####{}", &client_id[rest..])
        }
        _ => client_id.to_owned(),
    };
    format!("no azure identity found for request clientID {redacted}")
}

fn fits(spec: &Value, client_id: Option<&str>, resource_id: Option<&str>) -> bool {
    let is = |field: &str, wish: Option<&str>| {
        wish.is_none_or(|wish| text(&spec[field]).eq_ignore_ascii_case(wish))
    };
    is("clientID", client_id) && is("resourceID", resource_id)
}

/// The identities whose bindings select the Pod's label. All of it happens in one namespace.
fn matching(state: &ClusterState, namespace: &str, pod: &Value) -> Vec<Value> {
    let label = text(&pod["metadata"]["labels"][LABEL]);
    if label.is_empty() {
        return Vec::new();
    }
    let bindings = objects(state, "azureidentitybindings", namespace);
    let bound: Vec<&Value> = bindings
        .iter()
        .filter(|binding| binding["spec"]["selector"] == label)
        .map(|binding| &binding["spec"]["azureIdentity"])
        .collect();
    objects(state, "azureidentities", namespace)
        .into_iter()
        .filter(|identity| bound.contains(&&identity["metadata"]["name"]))
        .map(|mut identity| identity["spec"].take())
        .collect()
}

/// Whether the Pod carries all labels of an exception in its namespace.
fn is_excepted(state: &ClusterState, namespace: &str, pod: &Value) -> bool {
    let labels = &pod["metadata"]["labels"];
    objects(state, "azurepodidentityexceptions", namespace)
        .iter()
        .filter_map(|exception| exception["spec"]["podLabels"].as_object())
        .any(|wanted| {
            !wanted.is_empty() && wanted.iter().all(|(label, value)| labels[label] == *value)
        })
}

fn objects(state: &ClusterState, resource: &str, namespace: &str) -> Vec<Value> {
    let Ok(kind) = kind(state, resource) else {
        return Vec::new();
    };
    let mut list = state.list(kind, Some(namespace), &Selector::default());
    list["items"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_a_client_id_is_kept_back() {
        let start = "no azure identity found for request clientID ";
        // As long as the documentation shows it, with the line's end.
        assert_eq!(not_found("").len(), 45);
        assert_eq!(not_found(""), start);
        assert_eq!(
            not_found("4e95dcc5-a769-4745-b2d9-000000000777"),
            format!("{start}4e95##### REDACTED #####0777")
        );
        assert_eq!(not_found("abc"), format!("{start}abc"));
    }
}

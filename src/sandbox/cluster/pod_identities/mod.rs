//! AAD pod identity, as the add-on of AKS runs it: Azure says which identities a cluster has, the
//! cluster holds them as objects, and the agent on the node (NMI) gives them to Pods by a label.
//!
//! The objects are Azure's: whatever else a hand has changed in them is put back at Azure's next
//! word. Which Pod gets what is decided from the objects as they are, as the agent does it.

pub(super) mod definitions;
mod intercept;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};

use serde_json::{Value, json};

pub use self::intercept::Interception;
use super::kinds::{Kind, NAMESPACES};
use super::refusal::Refusal;
use super::selector::Selector;
use super::server::{Cluster, ClusterServer};
use super::state::ClusterState;
use definitions::{GROUP, VERSION};

/// The label by which Azure knows its own objects again.
const MANAGED: (&str, &str) = ("kubernetes.azure.com/managedby", "aks");
/// The exception for the cluster's own Pods, which is always there.
const OWN_EXCEPTION: &str = "aks-addon-exception";

/// An identity that Pods of one namespace may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodIdentity {
    /// Its name in the cluster.
    pub name: String,
    /// The namespace of the Pods.
    pub namespace: String,
    /// The managed identity, by resource id.
    pub resource_id: String,
    /// The managed identity, by client id.
    pub client_id: String,
    /// The value of the label `aadpodidbinding` on its Pods; the name where there is none.
    pub binding_selector: Option<String>,
}

/// Pods that reach the node's metadata service as if there were no Pod identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodIdentityException {
    /// Its name in the cluster.
    pub name: String,
    /// The namespace of the Pods.
    pub namespace: String,
    /// The labels that those Pods carry.
    pub pod_labels: BTreeMap<String, String>,
}

/// The Pod identities of a cluster. Clones speak of the same cluster, and do not keep it: its own node
/// has one.
#[derive(Debug, Clone)]
pub struct PodIdentities {
    cluster: Weak<Cluster>,
}

impl ClusterServer {
    /// Returns the cluster's Pod identities, for Azure to set and for the node to ask.
    pub fn pod_identities(&self) -> PodIdentities {
        PodIdentities {
            cluster: Arc::downgrade(&self.cluster),
        }
    }
}

impl PodIdentities {
    /// Makes the cluster's objects those of this list, and of no other.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written, or the cluster is gone or not one of AKS.
    pub fn set(
        &self,
        identities: &[PodIdentity],
        exceptions: &[PodIdentityException],
    ) -> io::Result<()> {
        let Some(cluster) = self.cluster.upgrade() else {
            return Err(io::Error::other("the cluster is gone"));
        };
        let set = cluster.change(false, &mut |state| {
            let wanted = wanted(identities, exceptions);
            remove_others(state, &wanted)?;
            for (resource, object) in &wanted {
                put(state, kind(state, resource)?, object)?;
            }
            Ok(Value::Null)
        });
        set.map(|_| ())
            .map_err(|refusal| io::Error::other(refusal.body()["message"].to_string()))
    }
}

/// Puts the exception for the cluster's own Pods into a new cluster.
pub(super) fn plant_exception(state: &mut ClusterState) -> Result<(), Refusal> {
    let exceptions = kind(state, "azurepodidentityexceptions")?;
    put(state, exceptions, &own_exception())
}

fn own_exception() -> Value {
    let labels = BTreeMap::from([(MANAGED.0.to_owned(), MANAGED.1.to_owned())]);
    exception(&PodIdentityException {
        name: OWN_EXCEPTION.into(),
        namespace: "kube-system".into(),
        pod_labels: labels,
    })
}

/// The kind of one of the add-on's resources. It is missing where someone removed its definition.
fn kind(state: &ClusterState, resource: &str) -> Result<&'static Kind, Refusal> {
    state
        .custom_kind(GROUP, VERSION, resource)
        .ok_or_else(Refusal::no_such_path)
}

/// All objects that are to be there, each with its resource.
fn wanted(
    identities: &[PodIdentity],
    exceptions: &[PodIdentityException],
) -> Vec<(&'static str, Value)> {
    let mut wanted = vec![("azurepodidentityexceptions", own_exception())];
    for identity in identities {
        wanted.push(("azureidentities", self::identity(identity)));
        wanted.push(("azureidentitybindings", binding(identity)));
    }
    for exception in exceptions {
        wanted.push(("azurepodidentityexceptions", self::exception(exception)));
    }
    wanted
}

fn identity(identity: &PodIdentity) -> Value {
    let mut object = managed(&identity.namespace, &identity.name);
    object["metadata"]["annotations"]["aadpodidentity.k8s.io/Behavior"] = "namespaced".into();
    object["spec"] = json!({
        "type": 0,
        "resourceID": identity.resource_id,
        "clientID": identity.client_id,
    });
    object
}

fn binding(identity: &PodIdentity) -> Value {
    let selector = identity.binding_selector.as_ref();
    let mut object = managed(&identity.namespace, &format!("{}-binding", identity.name));
    object["spec"] = json!({
        "azureIdentity": identity.name,
        "selector": selector.unwrap_or(&identity.name),
    });
    object
}

fn exception(exception: &PodIdentityException) -> Value {
    let mut object = managed(&exception.namespace, &exception.name);
    object["spec"] = json!({ "podLabels": exception.pod_labels });
    object
}

fn managed(namespace: &str, name: &str) -> Value {
    json!({ "metadata": {
        "name": name,
        "namespace": namespace,
        "labels": {
            "addonmanager.kubernetes.io/mode": "Reconcile",
            MANAGED.0: MANAGED.1,
        },
    } })
}

/// Removes what Azure has put here and does not want any more.
fn remove_others(state: &mut ClusterState, wanted: &[(&str, Value)]) -> Result<(), Refusal> {
    for resource in [
        "azureidentitybindings",
        "azureidentities",
        "azurepodidentityexceptions",
    ] {
        let kind = kind(state, resource)?;
        let all = state.list(kind, None, &Selector::default());
        for object in all["items"].as_array().into_iter().flatten() {
            let metadata = &object["metadata"];
            let is_wanted = wanted.iter().any(|(of, wanted)| {
                let wanted = &wanted["metadata"];
                *of == resource
                    && wanted["name"] == metadata["name"]
                    && wanted["namespace"] == metadata["namespace"]
            });
            if metadata["labels"][MANAGED.0] == MANAGED.1 && !is_wanted {
                let (namespace, name) = address(object);
                state.delete(kind, namespace, name, &Value::Null)?;
            }
        }
    }
    Ok(())
}

/// Makes an object, or what is wanted of it, as Azure says. The namespace is made, too: Azure does
/// not wait for anyone to do it.
fn put(state: &mut ClusterState, kind: &Kind, object: &Value) -> Result<(), Refusal> {
    let (namespace, name) = address(object);
    if state.get(&NAMESPACES, "", namespace).is_err() {
        let made = json!({ "metadata": { "name": namespace } });
        state.create(&NAMESPACES, "", made)?;
    }
    let Ok(found) = state.get(kind, namespace, name) else {
        return state.create(kind, namespace, object.clone()).map(|_| ());
    };
    let mut next = found.clone();
    next["spec"] = object["spec"].clone();
    for field in ["labels", "annotations"] {
        for (key, value) in object["metadata"][field].as_object().into_iter().flatten() {
            next["metadata"][field][key] = value.clone();
        }
    }
    state.replace(kind, namespace, name, next).map(|_| ())
}

fn address(object: &Value) -> (&str, &str) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

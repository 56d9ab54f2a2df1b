//! What happens to a Pod between the request and the store: defaults, its service account, the
//! identity webhook, and those who may say no.

mod account;
mod defaults;
mod quota;
mod security;
mod webhook;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::state::ClusterState;

/// Completes a Pod that is to be created, or says why it must not be.
pub(super) fn admit(
    state: &mut ClusterState,
    namespace: &str,
    name: &str,
    pod: &mut Value,
) -> Result<(), Refusal> {
    defaults::fill(pod);
    account::attach(state, namespace, name, pod)?;
    webhook::inject(state, namespace, pod)?;
    security::check(state, namespace, name, pod)?;
    quota::check(state, namespace, name, pod)
}

/// The lists of a Pod that hold containers.
const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// All containers of a Pod, those that run first first.
fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    CONTAINER_LISTS
        .into_iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten())
}

fn containers_mut(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    pod["spec"]
        .as_object_mut()
        .into_iter()
        .flatten()
        .filter(|(field, _)| CONTAINER_LISTS.contains(&field.as_str()))
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
}

/// The list in this field, made when it is not there.
fn list<'a>(object: &'a mut Value, field: &str) -> &'a mut Vec<Value> {
    let list = &mut object[field];
    if !list.is_array() {
        *list = json!([]);
    }
    list.as_array_mut().expect("it is an array now")
}

/// Sets a field that is not there.
fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    if object[field].is_null() {
        object[field] = value.into();
    }
}

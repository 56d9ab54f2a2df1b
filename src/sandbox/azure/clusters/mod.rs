//! AKS clusters: what Resource Manager knows of them and may change.

mod pod_identity;
mod show;
mod update;

use super::authorization::is_within;
use super::call::{Answer, Call};
use super::operation::{self, What};
use super::path::{group_of, name_of};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Cluster, key};
pub(super) use pod_identity::has_pod_identities;
pub(super) use update::finish;

pub(super) const NAMESPACE: &str = "Microsoft.ContainerService";
pub(super) const TYPE: &str = "Microsoft.ContainerService/managedClusters";
const KIND: &str = "managedClusters";

pub(super) const ROUTES: &[Route] = &[
    Route::get(NAMESPACE, KIND, End::Type, list),
    Route::get(NAMESPACE, KIND, End::Name, get),
    Route::write("PUT", NAMESPACE, KIND, update::put),
    Route::write("PATCH", NAMESPACE, KIND, patch),
    Route::write("DELETE", NAMESPACE, KIND, delete),
    Route::post(
        NAMESPACE,
        "managedClusters/listClusterUserCredential",
        show::credentials,
    ),
    Route::post(
        NAMESPACE,
        "managedClusters/listClusterAdminCredential",
        show::credentials,
    ),
    Route::get(
        NAMESPACE,
        "managedClusters/agentPools",
        End::Type,
        show::pools,
    ),
];

pub(super) fn find<'a>(state: &'a AzureState, id: &str) -> Result<&'a Cluster, Refusal> {
    state
        .clusters
        .get(&key(id))
        .ok_or_else(|| Refusal::no_resource(TYPE, name_of(id), group_of(id)))
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let found = state
        .clusters
        .values()
        .filter(|cluster| is_within(&cluster.id, &call.path.scope));
    Ok(Answer::list(found.map(show::document)))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    Ok(Answer::ok(show::document(find(state, &call.path.text)?)))
}

/// Changes the tags, which is all that AKS takes this way.
fn patch(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    find(state, &call.path.text)?;
    let tags = call.tags()?.unwrap_or_default();
    let cluster = state.clusters.get_mut(&key(&call.path.text));
    let cluster = cluster.expect("it was found");
    cluster.tags = tags;
    cluster.etag = crate::sandbox::random::uuid();
    Ok(Answer::ok(show::document(cluster)))
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let id = key(&call.path.text);
    let Some(cluster) = state.clusters.get_mut(&id) else {
        return Ok(Answer::empty(204));
    };
    cluster.properties["provisioningState"] = "Deleting".into();
    let location = cluster.location.clone();
    let operation = operation::begin(state, What::DeleteCluster, &id, call.now);
    Ok(show::accepted(
        call,
        Answer::empty(202),
        &location,
        &operation,
    ))
}

/// Removes a cluster with the group of its machines.
pub(super) fn remove(state: &mut AzureState, id: &str) {
    let Some(cluster) = state.clusters.remove(id) else {
        return;
    };
    let subscription = super::path::ResourcePath::parse(id)
        .and_then(|path| path.subscription().map(str::to_owned))
        .unwrap_or_default();
    let group = key(&format!(
        "/subscriptions/{subscription}/resourceGroups/{}",
        cluster.node_group()
    ));
    state.groups.remove(&group);
    state
        .scale_sets
        .retain(|known, _| !is_within(known, &group));
    state
        .identities
        .retain(|known, _| !is_within(known, &group));
}

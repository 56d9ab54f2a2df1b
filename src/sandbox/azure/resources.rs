//! All resources in one listing, whichever provider they belong to.

use serde_json::{Value, json};

use super::authorization::{Plane, is_allowed, is_within};
use super::call::{Answer, Call};
use super::path::{RESOURCES, group_of};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Tags};
use super::{clusters, filter, identities, scale_sets, storage};

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, "subscriptions/resources", End::Type, list).for_anyone(),
    Route::get(
        RESOURCES,
        "subscriptions/resourceGroups/resources",
        End::Type,
        list,
    )
    .for_anyone(),
];

/// A resource, as far as all have it.
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) location: &'a str,
    pub(super) tags: &'a Tags,
}

/// Everything that stands in a resource group.
pub(super) fn all(state: &AzureState) -> Vec<Resource<'_>> {
    let identities = state.identities.values().map(|identity| Resource {
        id: &identity.id,
        name: &identity.name,
        kind: identities::TYPE,
        location: &identity.location,
        tags: &identity.tags,
    });
    let clusters = state.clusters.values().map(|cluster| Resource {
        id: &cluster.id,
        name: &cluster.name,
        kind: clusters::TYPE,
        location: &cluster.location,
        tags: &cluster.tags,
    });
    let scale_sets = state.scale_sets.values().map(|set| Resource {
        id: &set.id,
        name: &set.name,
        kind: scale_sets::TYPE,
        location: &set.location,
        tags: &set.tags,
    });
    let accounts = state.accounts.values().map(|account| Resource {
        id: &account.id,
        name: &account.name,
        kind: storage::TYPE,
        location: &account.location,
        tags: &account.tags,
    });
    identities
        .chain(clusters)
        .chain(scale_sets)
        .chain(accounts)
        .collect()
}

/// The tags of a resource or a group, to change them.
pub(super) fn tags_of<'a>(state: &'a mut AzureState, id: &str) -> Option<&'a mut Tags> {
    if let Some(group) = state.groups.get_mut(id) {
        return Some(&mut group.tags);
    }
    if let Some(identity) = state.identities.get_mut(id) {
        return Some(&mut identity.tags);
    }
    if let Some(cluster) = state.clusters.get_mut(id) {
        return Some(&mut cluster.tags);
    }
    if let Some(set) = state.scale_sets.get_mut(id) {
        return Some(&mut set.tags);
    }
    let mut accounts = state.accounts.values_mut();
    accounts
        .find(|account| super::state::key(&account.id) == id)
        .map(|account| &mut account.tags)
}

/// Whether there is a subscription, group or resource of that id.
pub(super) fn exists(state: &AzureState, id: &str) -> bool {
    let id = super::state::key(id);
    state.groups.contains_key(&id)
        || state
            .subscriptions
            .keys()
            .any(|subscription| id == format!("/subscriptions/{subscription}"))
        || all(state)
            .iter()
            .any(|resource| super::state::key(resource.id) == id)
        || state
            .accounts
            .values()
            .any(|account| is_within(&id, &account.id))
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let terms = filter::parse(call.query.get("$filter").unwrap_or_default())?;
    let wanted = |name: &str| filter::value(&terms, name);
    let is = |wanted: Option<&str>, value: &str| {
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let found = all(state).into_iter().filter(|resource| {
        is_within(resource.id, call.path.parent())
            && is(wanted("resourcegroup"), group_of(resource.id))
            && is(wanted("resourcetype"), resource.kind)
            && is(wanted("name"), resource.name)
            && is(wanted("location"), resource.location)
            && wanted("tagname").is_none_or(|name| {
                let tag = resource.tags.get(name);
                tag.is_some_and(|tag| wanted("tagvalue").is_none_or(|value| tag == value))
            })
            && is_allowed(
                state,
                &call.caller.object_id,
                &format!("{}/read", resource.kind),
                resource.id,
                Plane::Control,
                call.now,
            )
    });
    Ok(Answer::list(found.map(|resource| document(&resource))))
}

fn document(resource: &Resource<'_>) -> Value {
    json!({
        "id": resource.id,
        "name": resource.name,
        "type": resource.kind,
        "location": resource.location,
        "tags": resource.tags,
        "provisioningState": "Succeeded",
    })
}

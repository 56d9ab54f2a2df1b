//! User-assigned managed identities.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::authorization::is_within;
use super::call::{Answer, Call};
use super::path::group_of;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Identity, key};
use crate::sandbox::lagged::Lagged;
use crate::sandbox::random;

pub(super) const NAMESPACE: &str = "Microsoft.ManagedIdentity";
pub(super) const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const KIND: &str = "userAssignedIdentities";

pub(super) const ROUTES: &[Route] = &[
    Route::get(NAMESPACE, KIND, End::Type, list),
    Route::get(NAMESPACE, KIND, End::Name, get),
    Route::write("PUT", NAMESPACE, KIND, put),
    Route::write("PATCH", NAMESPACE, KIND, patch),
    Route::write("DELETE", NAMESPACE, KIND, delete),
];

/// Azure's own spelling of an identity's id: the provider writes `resourcegroups` small.
pub(super) fn id(subscription: &str, group: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourcegroups/{group}/providers/{TYPE}/{name}")
}

pub(super) fn find<'a>(state: &'a AzureState, id: &str) -> Result<&'a Identity, Refusal> {
    state
        .identities
        .get(&key(id))
        .ok_or_else(|| Refusal::no_resource(TYPE, super::path::name_of(id), group_of(id)))
}

fn document(state: &AzureState, identity: &Identity) -> Value {
    json!({
        "id": identity.id,
        "name": identity.name,
        "type": TYPE,
        "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": state.tenant,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
            "isolationScope": "None",
        },
    })
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let found = state
        .identities
        .values()
        .filter(|identity| is_within(&identity.id, &call.path.scope));
    Ok(Answer::list(found.map(|one| document(state, one))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let identity = find(state, &call.path.text)?;
    Ok(Answer::ok(document(state, identity)))
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let location = call.required("/location")?;
    let location = location.to_ascii_lowercase().replace(' ', "");
    let tags = call.tags()?.unwrap_or_default();
    let name = call.path.name();
    let is_valid = (3..=128).contains(&name.len())
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if !is_valid {
        return Err(Refusal::new(
            400,
            "InvalidResourceName",
            format!(
                "The resource name '{name}' is invalid. It must start with a letter or number, have \
                 3 to 128 characters, and only letters, numbers, '-' and '_'."
            ),
        ));
    }
    let at = key(&call.path.text);
    let status = if let Some(identity) = state.identities.get_mut(&at) {
        if identity.location != location {
            return Err(Refusal::new(
                409,
                "InvalidResourceLocation",
                format!(
                    "The resource '{name}' already exists in location '{}' in resource group '{}'. A \
                     resource with the same name cannot be created in location '{location}'. Please \
                     select a new resource name.",
                    identity.location,
                    group_of(&identity.id)
                ),
            ));
        }
        identity.tags = tags;
        200
    } else {
        let subscription = call.path.subscription().unwrap_or_default();
        let visible = call.now.saturating_add(call.lag.principal);
        let identity = Identity {
            id: id(subscription, call.path.group().unwrap_or_default(), name),
            name: name.into(),
            location,
            tags,
            client_id: random::uuid(),
            principal_id: random::uuid(),
            known: Lagged::new((), visible.unwrap_or(jiff::Timestamp::MAX)),
            credentials: BTreeMap::new(),
        };
        state.identities.insert(at.clone(), identity);
        201
    };
    Ok(Answer::new(status, document(state, &state.identities[&at])))
}

fn patch(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    find(state, &call.path.text)?;
    let at = key(&call.path.text);
    if let (Some(tags), Some(identity)) = (call.tags()?, state.identities.get_mut(&at)) {
        identity.tags = tags;
    }
    Ok(Answer::ok(document(state, &state.identities[&at])))
}

/// Deletes the identity. Its role assignments stay, and name nobody any more.
fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let at = key(&call.path.text);
    match state.identities.remove(&at) {
        Some(_) => {
            state.locks.retain(|_, lock| !is_within(&lock.scope, &at));
            for set in state.scale_sets.values_mut() {
                set.identities.retain(|id| key(id) != at);
            }
            Ok(Answer::empty(200))
        }
        None => Ok(Answer::empty(204)),
    }
}

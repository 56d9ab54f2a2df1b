//! Resource groups.

use serde_json::{Value, json};

use super::authorization::{Plane, is_allowed, is_within};
use super::call::{Answer, Call};
use super::filter;
use super::path::RESOURCES;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, ResourceGroup, key};

pub(super) const KIND: &str = "subscriptions/resourceGroups";
const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, KIND, End::Type, list).for_anyone(),
    Route::get(RESOURCES, KIND, End::Name, get),
    Route::write("PUT", RESOURCES, KIND, put),
    Route::write("PATCH", RESOURCES, KIND, patch),
    Route::write("DELETE", RESOURCES, KIND, delete),
];

impl ResourceGroup {
    pub(super) fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription, self.name
        )
    }

    fn document(&self) -> Value {
        let mut document = json!({
            "id": self.id(),
            "name": self.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self.location,
            "tags": self.tags,
            "properties": { "provisioningState": "Succeeded" },
        });
        if let Some(owner) = &self.managed_by {
            document["managedBy"] = owner.as_str().into();
        }
        document
    }
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let terms = filter::parse(call.query.get("$filter").unwrap_or_default())?;
    let name = filter::value(&terms, "tagname");
    let value = filter::value(&terms, "tagvalue");
    let subscription = call.path.parent();
    let groups = state.groups.values().filter(|group| {
        let id = group.id();
        is_within(&id, subscription)
            && name.is_none_or(|name| {
                let tag = group.tags.get(name);
                tag.is_some_and(|tag| value.is_none_or(|value| tag == value))
            })
            && is_allowed(
                state,
                &call.caller.object_id,
                READ,
                &id,
                Plane::Control,
                call.now,
            )
    });
    Ok(Answer::list(groups.map(ResourceGroup::document)))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let group = find(call, state)?;
    // Whether it is there is asked by HEAD, and answered without a body.
    if call.method == http::Method::HEAD {
        return Ok(Answer::empty(204));
    }
    Ok(Answer::ok(group.document()))
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let location = call
        .required("/location")?
        .to_ascii_lowercase()
        .replace(' ', "");
    let tags = call.tags()?.unwrap_or_default();
    let id = key(&call.path.text);
    if let Some(group) = state.groups.get_mut(&id) {
        if group.location != location {
            return Err(Refusal::new(
                409,
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{location}'. The Resource group already \
                     exists in location '{}'.",
                    group.location
                ),
            ));
        }
        group.tags = tags;
        return Ok(Answer::ok(group.document()));
    }
    let group = ResourceGroup {
        subscription: call.path.subscription().unwrap_or_default().into(),
        name: call.path.name().into(),
        location,
        tags,
        managed_by: call.text("/managedBy").map(str::to_owned),
    };
    let document = group.document();
    state.groups.insert(id, group);
    Ok(Answer::new(201, document))
}

fn patch(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    find(call, state)?;
    let group = state.groups.get_mut(&key(&call.path.text));
    let group = group.expect("it was found");
    if let Some(tags) = call.tags()? {
        group.tags = tags;
    }
    Ok(Answer::ok(group.document()))
}

/// Deletes the group and whatever is in it.
fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let id = find(call, state)?.id();
    state.groups.remove(&key(&id));
    state.identities.retain(|known, _| !is_within(known, &id));
    state.clusters.retain(|known, _| !is_within(known, &id));
    state.scale_sets.retain(|known, _| !is_within(known, &id));
    state.accounts.retain(|_, known| !is_within(&known.id, &id));
    state
        .assignments
        .retain(|_, known| !is_within(&known.scope, &id));
    state.locks.retain(|_, known| !is_within(&known.scope, &id));
    Ok(Answer::empty(200))
}

fn find<'a>(call: &Call<'_>, state: &'a AzureState) -> Result<&'a ResourceGroup, Refusal> {
    state
        .groups
        .get(&key(&call.path.text))
        .ok_or_else(|| Refusal::no_group(call.path.name()))
}

//! Role definitions, at any scope.

use serde_json::{Value, json};

use super::arm::AUTHORIZATION;
use super::authorization::{is_within, permissions};
use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::role::{self, Permission, RoleDefinition};
use super::route::{End, Route};
use super::state::{AzureState, key};
use super::{filter, path};
use crate::sandbox::lagged::Lagged;

const KIND: &str = "roleDefinitions";

pub(super) const ROUTES: &[Route] = &[
    Route::get(AUTHORIZATION, KIND, End::Type, list),
    Route::get(AUTHORIZATION, KIND, End::Name, get),
    Route::write("PUT", AUTHORIZATION, KIND, put),
    Route::write("DELETE", AUTHORIZATION, KIND, delete),
    Route::get(AUTHORIZATION, "permissions", End::Type, allowed),
];

fn subscription<'a>(call: &Call<'a>) -> &'a str {
    call.path.subscription().unwrap_or_default()
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let terms = filter::parse(call.query.get("$filter").unwrap_or_default())?;
    let is = |name: &str, value: &str| {
        filter::value(&terms, name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let found = role::all(state).filter(|role| {
        let reaches = |scope: &String| {
            is_within(&call.path.scope, scope) || is_within(scope, &call.path.scope)
        };
        role.assignable_scopes.iter().any(reaches)
            && is("rolename", &role.name)
            && is("type", &role.kind)
    });
    Ok(Answer::list(
        found.map(|role| role.document(subscription(call))),
    ))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let guid = call.path.name();
    let role = role::of_guid(state, guid, None).ok_or_else(|| does_not_exist(guid))?;
    Ok(Answer::ok(role.document(subscription(call))))
}

/// No role has that id, or none that this service knows of yet.
pub(super) fn does_not_exist(guid: &str) -> Refusal {
    Refusal::new(
        404,
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{guid}' does not exist."),
    )
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let guid = key(call.path.name());
    let name = call.required("/properties/roleName")?;
    let texts = |value: &Value, name: &str| -> Vec<String> {
        let texts = value[name].as_array().into_iter().flatten();
        texts
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    let taken = role::named(state, name).is_some_and(|other| other.guid != guid);
    if taken {
        return Err(Refusal::new(
            409,
            "RoleDefinitionWithSameNameExists",
            format!("A custom role with the same name '{name}' already exists in this directory."),
        ));
    }
    let properties = &call.body["properties"];
    let permissions = properties["permissions"].as_array().into_iter().flatten();
    let role = RoleDefinition {
        guid: guid.clone(),
        name: name.into(),
        description: call
            .text("/properties/description")
            .unwrap_or_default()
            .into(),
        kind: "CustomRole".into(),
        permissions: permissions
            .map(|one| Permission {
                actions: texts(one, "actions"),
                not_actions: texts(one, "notActions"),
                data_actions: texts(one, "dataActions"),
                not_data_actions: texts(one, "notDataActions"),
            })
            .collect(),
        assignable_scopes: texts(properties, "assignableScopes"),
    };
    if role.assignable_scopes.is_empty() {
        return Err(Refusal::new(
            400,
            "InvalidRoleDefinition",
            "The assignable scopes of a custom role must not be empty.",
        ));
    }
    let document = role.document(subscription(call));
    let lag = call.lag.role_assignment;
    if let Some(known) = state.custom_roles.get_mut(&guid) {
        known.set(role, call.now, lag);
    } else {
        let visible = call.now.saturating_add(lag).unwrap_or(jiff::Timestamp::MAX);
        state.custom_roles.insert(guid, Lagged::new(role, visible));
    }
    Ok(Answer::new(201, document))
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let guid = key(call.path.name());
    if state.assignments.values().any(|one| one.role == guid) {
        return Err(Refusal::new(
            400,
            "RoleDefinitionHasAssignments",
            "There are existing role assignments referencing role.",
        ));
    }
    Ok(match state.custom_roles.remove(&guid) {
        Some(role) => Answer::ok(role.current.document(subscription(call))),
        None => Answer::empty(204),
    })
}

/// What the caller may do at the scope.
fn allowed(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let held = permissions(state, &call.caller.object_id, &call.path.scope, call.now);
    Ok(Answer::list(held.into_iter().map(|one| json!(one))))
}

/// The GUID in a role's id.
pub(super) fn guid_of(id: &str) -> Option<String> {
    let (_, rest) = id.rsplit_once('/')?;
    let is_role = id.to_ascii_lowercase().contains("/roledefinitions/");
    (is_role && is_guid(rest)).then(|| key(path::name_of(id)))
}

pub(super) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    lengths.eq([8, 4, 4, 4, 12])
        && groups
            .concat()
            .chars()
            .all(|letter| letter.is_ascii_hexdigit())
}

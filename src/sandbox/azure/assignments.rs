//! Role assignments: who has which role where.

use serde_json::{Value, json};

use super::arm::AUTHORIZATION;
use super::authorization::is_within;
use super::call::{Answer, Call, moment};
use super::definitions::{does_not_exist, guid_of, is_guid};
use super::filter::{self, Term};
use super::refusal::Refusal;
use super::role;
use super::route::{End, Route};
use super::state::{Assignment, AzureState, key};
use crate::sandbox::lagged::Lagged;

const KIND: &str = "roleAssignments";

pub(super) const ROUTES: &[Route] = &[
    Route::get(AUTHORIZATION, KIND, End::Type, list),
    Route::get(AUTHORIZATION, KIND, End::Name, get),
    Route::write("PUT", AUTHORIZATION, KIND, put),
    Route::write("DELETE", AUTHORIZATION, KIND, delete),
];

fn document(state: &AzureState, assignment: &Assignment) -> Value {
    let root = match super::path::ResourcePath::parse(&assignment.scope) {
        Some(path) => path.subscription().unwrap_or_default().to_owned(),
        None => String::new(),
    };
    let role = role::of_guid(state, &assignment.role, None).map_or_else(
        || {
            format!(
                "/providers/{AUTHORIZATION}/roleDefinitions/{}",
                assignment.role
            )
        },
        |role| role.id(&root),
    );
    json!({
        "id": assignment.id,
        "name": assignment.name,
        "type": format!("{AUTHORIZATION}/{KIND}"),
        "properties": {
            "roleDefinitionId": role,
            "principalId": assignment.principal,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": null,
            "conditionVersion": null,
            "description": assignment.description,
            "delegatedManagedIdentityResourceId": null,
            "createdOn": moment(assignment.created),
            "updatedOn": moment(assignment.created),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
        },
    })
}

/// Without a filter: at the scope, above it and below it.
fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let terms = filter::parse(call.query.get("$filter").unwrap_or_default())?;
    let has = |wanted: &str| {
        terms.iter().any(|term| match term {
            Term::Function(name, _) | Term::Equals(name, _) => name == wanted,
        })
    };
    if has("atscope") && has("principalid") {
        return Err(Refusal::new(
            400,
            "UnsupportedQuery",
            "The filter is not supported. Supported filters are either 'atScope()', 'principalId eq \
             '{value}'' or 'assignedTo('{value}')', the last of them also together with the first.",
        ));
    }
    let scope = &call.path.scope;
    let fits = |assignment: &Assignment| {
        let applies = is_within(scope, &assignment.scope);
        (applies || is_within(&assignment.scope, scope))
            && terms.iter().all(|term| match term {
                Term::Function(name, None) if name == "atscope" => applies,
                Term::Function(name, Some(principal)) if name == "assignedto" => {
                    assignment.principal.eq_ignore_ascii_case(principal)
                }
                Term::Equals(name, principal) if name == "principalid" => {
                    assignment.principal.eq_ignore_ascii_case(principal)
                }
                _ => false,
            })
    };
    let found = state.assignments.values().filter(|one| fits(one));
    Ok(Answer::list(found.map(|one| document(state, one))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    match state.assignments.get(&key(&call.path.text)) {
        Some(assignment) => Ok(Answer::ok(document(state, assignment))),
        None => Err(Refusal::new(
            404,
            "RoleAssignmentNotFound",
            format!("The role assignment '{}' is not found.", call.path.name()),
        )),
    }
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let name = call.path.name();
    if !is_guid(name) {
        return Err(Refusal::new(
            400,
            "InvalidRoleAssignmentId",
            format!(
                "The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
            ),
        ));
    }
    if !super::resources::exists(state, &call.path.scope) {
        return Err(Refusal::new(
            404,
            "ResourceNotFound",
            format!("The resource '{}' was not found.", call.path.scope),
        ));
    }
    if call.text("/properties/condition").is_some() {
        return Err(Refusal::new(
            400,
            "InvalidRoleAssignmentCondition",
            "The practice cloud does not evaluate conditions of role assignments.",
        ));
    }
    let role_id = call.required("/properties/roleDefinitionId")?;
    let role = guid_of(role_id)
        .filter(|guid| role::of_guid(state, guid, Some(call.now)).is_some())
        .ok_or_else(|| does_not_exist(super::path::name_of(role_id)))?;
    let principal = call.required("/properties/principalId")?.to_owned();
    let principal_type = principal_type(call, state, &principal)?;

    let at = key(&call.path.text);
    if let Some(known) = state.assignments.get(&at) {
        let is_same = known.role == role && known.principal.eq_ignore_ascii_case(&principal);
        if is_same {
            return Ok(Answer::ok(document(state, known)));
        }
        return Err(Refusal::new(
            400,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        ));
    }
    let twin = state.assignments.values().find(|known| {
        known.role == role
            && known.principal.eq_ignore_ascii_case(&principal)
            && key(&known.scope) == key(&call.path.scope)
    });
    if let Some(twin) = twin {
        return Err(Refusal::new(
            409,
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                twin.name.replace('-', "")
            ),
        ));
    }
    let visible = call.now.saturating_add(call.lag.role_assignment);
    let assignment = Assignment {
        id: call.path.text.clone(),
        name: name.into(),
        scope: call.path.scope.clone(),
        principal,
        principal_type,
        role,
        description: call.text("/properties/description").map(str::to_owned),
        created: call.now,
        created_by: call.caller.object_id.clone(),
        in_force: Lagged::new((), visible.unwrap_or(jiff::Timestamp::MAX)),
    };
    let document = document(state, &assignment);
    state.assignments.insert(at, assignment);
    Ok(Answer::new(201, document))
}

/// Looks the principal up. Who says what it is need not wait until the directory knows it.
fn principal_type(call: &Call<'_>, state: &AzureState, principal: &str) -> Result<String, Refusal> {
    if !is_guid(principal) {
        return Err(Refusal::new(
            400,
            "InvalidPrincipalId",
            format!(
                "A valid principal ID must be provided for role assignment. '{principal}' is none."
            ),
        ));
    }
    let known = state.known_principal(principal);
    let said = call.text("/properties/principalType");
    let not_found = || {
        Refusal::new(
            400,
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {}. Check that you have the correct \
                 principal ID. If you are creating this principal and then immediately assigning a \
                 role, this error might be related to a replication delay. In this case, set the \
                 role assignment principalType property to a value, such as ServicePrincipal, User, \
                 or Group.  See https://aka.ms/docs-principaltype",
                principal.replace('-', ""),
                state.tenant
            ),
        )
    };
    let seen = known.filter(|(_, known)| known.seen(call.now).is_some());
    match (seen, said) {
        (Some(_), None | Some("ServicePrincipal")) | (None, Some("ServicePrincipal")) => {
            Ok("ServicePrincipal".into())
        }
        (Some(_), Some(other)) => Err(Refusal::new(
            400,
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type 'ServicePrincipal' , which is different from \
                 specified PrinciaplType '{other}'.",
                principal.replace('-', "")
            ),
        )),
        // There are no people and no groups in this directory.
        (None, _) => Err(not_found()),
    }
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    Ok(match state.assignments.remove(&key(&call.path.text)) {
        Some(assignment) => Answer::ok(document(state, &assignment)),
        None => Answer::empty(204),
    })
}

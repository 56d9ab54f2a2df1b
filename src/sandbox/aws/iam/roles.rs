//! Roles and their trust.

use super::super::call::Call;
use super::super::lagged::Lagged;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Grants, Role};
use super::super::text::{iso, unique_id};
use super::super::xml::Xml;
use super::documents;
use super::tags::{self, context};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.name("RoleName", 64)?;
    let path = call.params.path()?;
    let max_session_seconds = call
        .params
        .number("MaxSessionDuration", 3600, 43200)?
        .unwrap_or(3600);
    let given_tags = call.params.tags()?;
    let boundary = call.params.get("PermissionsBoundary");
    call.authorize_with(
        state,
        &state.iam_arn(&format!("role{path}{name}")),
        |given| {
            context(given, &given_tags)
                .with_all("iam:PermissionsBoundary", boundary.map(str::to_owned))
        },
    )?;
    if state.has_role(name) {
        return Err(Refusal::exists(format!(
            "Role with name {name} already exists."
        )));
    }
    let trust = documents::trust(call, state, "AssumeRolePolicyDocument")?;
    tags::within(&given_tags)?;
    if let Some(boundary) = boundary {
        check_boundary(state, boundary)?;
    }
    let role = Role {
        name: name.into(),
        path: path.into(),
        id: unique_id("AROA", 17),
        created: call.now,
        description: call.params.get("Description").map(str::to_owned),
        max_session_seconds,
        trust: Lagged::new(trust.into(), call.visible_after(call.lag.role)),
        tags: given_tags,
        grants: Grants {
            boundary: boundary.map(str::to_owned),
            ..Grants::default()
        },
    };
    let shown = Xml::new().node("Role", show(state, &role, true));
    state.roles.insert(name.into(), role);
    Ok(shown)
}

pub(super) fn get(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let role = find(call, state)?;
    let shown = show(state, role, true).node("RoleLastUsed", Xml::new());
    Ok(Xml::new().node("Role", shown))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    call.authorize(state, &state.iam_arn("role/"))?;
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let roles = state
        .roles
        .values()
        .filter(|role| role.path.starts_with(prefix));
    call.page(
        "Roles",
        roles,
        |role| role.name.clone(),
        |role| show(state, role, false),
    )
}

pub(super) fn update(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let seconds = call.params.number("MaxSessionDuration", 3600, 43200)?;
    let description = call.params.get("Description").map(str::to_owned);
    let role = find_mut(call, state)?;
    role.max_session_seconds = seconds.unwrap_or(role.max_session_seconds);
    role.description = description.or(role.description.take());
    Ok(Xml::new())
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let role = find(call, state)?;
    if !role.grants.attached.is_empty() {
        return Err(Refusal::conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !role.grants.inline.is_empty() {
        return Err(Refusal::conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    let name = role.name.clone();
    let mut profiles = state.instance_profiles.values();
    if profiles.any(|profile| profile.role.as_deref() == Some(&name)) {
        return Err(Refusal::conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    state.roles.remove(&name);
    Ok(Xml::new())
}

pub(super) fn update_trust(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    find(call, state)?;
    let trust = documents::trust(call, state, "PolicyDocument")?.to_owned();
    find_mut(call, state)?
        .trust
        .set(trust, call.now, call.lag.role);
    Ok(Xml::new())
}

pub(super) fn put_boundary(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let boundary = call.params.required("PermissionsBoundary")?.to_owned();
    find(call, state)?;
    check_boundary(state, &boundary)?;
    find_mut(call, state)?.grants.boundary = Some(boundary);
    Ok(Xml::new())
}

pub(super) fn delete_boundary(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    find_mut(call, state)?.grants.boundary = None;
    Ok(Xml::new())
}

/// The role that the call names, when the caller may do this to it.
pub(super) fn find<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<&'a Role, Refusal> {
    let name = call.params.name("RoleName", 64)?;
    let role = state.roles.get(name);
    let arn = match role {
        Some(role) => state.role_arn(role),
        None => state.iam_arn(&format!("role/{name}")),
    };
    call.authorize_with(state, &arn, |mut given| {
        for (key, value) in role.iter().flat_map(|role| &role.tags) {
            given = given
                .with(&format!("aws:ResourceTag/{key}"), value)
                .with(&format!("iam:ResourceTag/{key}"), value);
        }
        let policy = call.params.get("PolicyArn").map(str::to_owned);
        let boundary = call.params.get("PermissionsBoundary").map(str::to_owned);
        let boundary = boundary.or_else(|| role.and_then(|role| role.grants.boundary.clone()));
        given
            .with_all("iam:PolicyARN", policy)
            .with_all("iam:PermissionsBoundary", boundary)
    })?;
    role.ok_or_else(|| {
        Refusal::no_such_entity(format!("The role with name {name} cannot be found."))
    })
}

pub(super) fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
) -> Result<&'a mut Role, Refusal> {
    let name = find(call, state)?.name.clone();
    Ok(state.roles.get_mut(&name).expect("the role was just found"))
}

fn check_boundary(state: &AwsState, arn: &str) -> Result<(), Refusal> {
    if state.policies.contains_key(arn) {
        Ok(())
    } else {
        Err(Refusal::no_such_entity(format!(
            "Scope ARN: {arn} does not exist or is not attachable."
        )))
    }
}

/// Lists leave out tags and the boundary, as AWS does; whoever needs them asks for the role.
pub(super) fn show(state: &AwsState, role: &Role, whole: bool) -> Xml {
    let shown = Xml::new()
        .text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", state.role_arn(role))
        .text("CreateDate", iso(role.created))
        .text(
            "AssumeRolePolicyDocument",
            documents::sent(&role.trust.current),
        )
        .maybe("Description", role.description.as_deref())
        .text("MaxSessionDuration", role.max_session_seconds);
    if !whole {
        return shown;
    }
    let shown = match &role.grants.boundary {
        None => shown,
        Some(arn) => shown.node(
            "PermissionsBoundary",
            Xml::new()
                .text("PermissionsBoundaryType", "Policy")
                .text("PermissionsBoundaryArn", arn),
        ),
    };
    shown.and(tags::show_unless_empty(&role.tags))
}

//! Instance profiles: they give a role to virtual machines, and hold on to it.

use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, InstanceProfile};
use super::super::text::{iso, unique_id};
use super::super::xml::Xml;
use super::roles;

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.name("InstanceProfileName", 128)?;
    let path = call.params.path()?;
    call.authorize(
        state,
        &state.iam_arn(&format!("instance-profile{path}{name}")),
    )?;
    if state.instance_profiles.contains_key(name) {
        return Err(Refusal::exists(format!(
            "Instance Profile {name} already exists."
        )));
    }
    let profile = InstanceProfile {
        name: name.into(),
        path: path.into(),
        id: unique_id("AIPA", 17),
        created: call.now,
        role: None,
    };
    let shown = Xml::new().node("InstanceProfile", show(state, &profile));
    state.instance_profiles.insert(name.into(), profile);
    Ok(shown)
}

pub(super) fn add_role(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let role = roles::find(call, state)?.name.clone();
    let profile = find_mut(call, state)?;
    if profile.role.is_some() {
        return Err(Refusal::limit(
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    profile.role = Some(role);
    Ok(Xml::new())
}

pub(super) fn remove_role(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let role = call.params.name("RoleName", 64)?;
    let profile = find_mut(call, state)?;
    if profile.role.as_deref() != Some(role) {
        return Err(Refusal::no_such_entity(format!(
            "The role {role} is not in Instance Profile {}.",
            profile.name
        )));
    }
    profile.role = None;
    Ok(Xml::new())
}

pub(super) fn list_for_role(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let role = roles::find(call, state)?.name.as_str();
    let profiles = state.instance_profiles.values();
    call.page(
        "InstanceProfiles",
        profiles.filter(|profile| profile.role.as_deref() == Some(role)),
        |profile| profile.name.clone(),
        |profile| show(state, profile),
    )
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let profile = find_mut(call, state)?;
    if profile.role.is_some() {
        return Err(Refusal::conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    let name = profile.name.clone();
    state.instance_profiles.remove(&name);
    Ok(Xml::new())
}

/// The instance profile that the call names, when this is allowed.
fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
) -> Result<&'a mut InstanceProfile, Refusal> {
    let name = call.params.name("InstanceProfileName", 128)?;
    let path = state.instance_profiles.get(name);
    let path = path.map_or("/", |profile| profile.path.as_str());
    call.authorize(
        state,
        &state.iam_arn(&format!("instance-profile{path}{name}")),
    )?;
    state
        .instance_profiles
        .get_mut(name)
        .ok_or_else(|| Refusal::no_such_entity(format!("Instance Profile {name} cannot be found.")))
}

fn show(state: &AwsState, profile: &InstanceProfile) -> Xml {
    let role = profile.role.iter().filter_map(|name| state.roles.get(name));
    let arn = format!("instance-profile{}{}", profile.path, profile.name);
    Xml::new()
        .text("Path", &profile.path)
        .text("InstanceProfileName", &profile.name)
        .text("InstanceProfileId", &profile.id)
        .text("Arn", state.iam_arn(&arn))
        .text("CreateDate", iso(profile.created))
        .members("Roles", role, |role| roles::show(state, role, false))
}

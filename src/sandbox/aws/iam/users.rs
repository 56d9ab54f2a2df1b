//! Users and their access keys.

use super::super::call::Call;
use super::super::caller::Identity;
use super::super::refusal::Refusal;
use super::super::state::{AccessKey, AwsState, Grants, User};
use super::super::text::{hex, iso, random, unique_id};
use super::super::xml::Xml;
use super::tags::{self, context};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.name("UserName", 64)?;
    let path = call.params.path()?;
    let given_tags = call.params.tags()?;
    call.authorize_with(
        state,
        &state.iam_arn(&format!("user{path}{name}")),
        |given| context(given, &given_tags),
    )?;
    if state
        .users
        .keys()
        .any(|known| known.eq_ignore_ascii_case(name))
    {
        return Err(Refusal::exists(format!(
            "User with name {name} already exists."
        )));
    }
    tags::within(&given_tags)?;
    let user = User {
        name: name.into(),
        path: path.into(),
        id: unique_id("AIDA", 17),
        created: call.now,
        tags: given_tags,
        grants: Grants::default(),
    };
    let shown = Xml::new().node("User", show(state, &user));
    state.users.insert(name.into(), user);
    Ok(shown)
}

pub(super) fn get(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let user = find(call, state)?;
    Ok(Xml::new().node("User", show(state, user)))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    call.authorize(state, &state.iam_arn("user/"))?;
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let users = state
        .users
        .values()
        .filter(|user| user.path.starts_with(prefix));
    call.page(
        "Users",
        users,
        |user| user.name.clone(),
        |user| show(state, user),
    )
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let user = find(call, state)?;
    let obstacle = if !user.grants.attached.is_empty() {
        Some("must detach all policies first")
    } else if !user.grants.inline.is_empty() {
        Some("must delete policies first")
    } else if state.access_keys.values().any(|key| key.user == user.name) {
        Some("must delete access keys first")
    } else {
        None
    };
    if let Some(obstacle) = obstacle {
        return Err(Refusal::conflict(format!(
            "Cannot delete entity, {obstacle}."
        )));
    }
    let name = user.name.clone();
    state.users.remove(&name);
    Ok(Xml::new())
}

pub(super) fn create_key(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let user = find(call, state)?.name.clone();
    if state
        .access_keys
        .values()
        .filter(|key| key.user == user)
        .count()
        >= 2
    {
        return Err(Refusal::limit(
            "Cannot exceed quota for AccessKeysPerUser: 2",
        ));
    }
    let id = unique_id("AKIA", 16);
    let key = AccessKey {
        user,
        secret: hex(&random::<20>()),
        created: call.now,
    };
    let shown = show_key(&id, &key).text("SecretAccessKey", &key.secret);
    state.access_keys.insert(id, key);
    Ok(Xml::new().node("AccessKey", shown))
}

pub(super) fn list_keys(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let user = &find(call, state)?.name;
    let keys = state
        .access_keys
        .iter()
        .filter(|(_, key)| key.user == *user);
    call.page(
        "AccessKeyMetadata",
        keys,
        |(id, _)| (*id).clone(),
        |(id, key)| show_key(id, key),
    )
}

pub(super) fn delete_key(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let id = call.params.required("AccessKeyId")?;
    let user = find(call, state)?.name.clone();
    if state.access_keys.get(id).is_none_or(|key| key.user != user) {
        return Err(Refusal::no_such_entity(format!(
            "The Access Key with id {id} cannot be found."
        )));
    }
    state.access_keys.remove(id);
    Ok(Xml::new())
}

/// The user that the call names, or the caller itself, when this is allowed.
pub(super) fn find<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<&'a User, Refusal> {
    let name = match (call.params.get("UserName"), &call.caller.identity) {
        (Some(_), _) => call.params.name("UserName", 128)?,
        (None, Identity::User(own)) => own,
        (None, Identity::Session(_)) => {
            return Err(Refusal::validation(
                "Must specify userName when calling with non-User credentials",
            ));
        }
    };
    let user = state.users.get(name);
    let arn = match user {
        Some(user) => state.user_arn(user),
        None => state.iam_arn(&format!("user/{name}")),
    };
    call.authorize_with(state, &arn, |given| {
        given.with_all(
            "iam:PolicyARN",
            call.params.get("PolicyArn").map(str::to_owned),
        )
    })?;
    user.ok_or_else(|| {
        Refusal::no_such_entity(format!("The user with name {name} cannot be found."))
    })
}

pub(super) fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
) -> Result<&'a mut User, Refusal> {
    let name = find(call, state)?.name.clone();
    Ok(state.users.get_mut(&name).expect("the user was just found"))
}

fn show(state: &AwsState, user: &User) -> Xml {
    Xml::new()
        .text("Path", &user.path)
        .text("UserName", &user.name)
        .text("UserId", &user.id)
        .text("Arn", state.user_arn(user))
        .text("CreateDate", iso(user.created))
        .and(tags::show_unless_empty(&user.tags))
}

fn show_key(id: &str, key: &AccessKey) -> Xml {
    Xml::new()
        .text("UserName", &key.user)
        .text("AccessKeyId", id)
        .text("Status", "Active")
        .text("CreateDate", iso(key.created))
}

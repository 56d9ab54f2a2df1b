//! Azure Resource Manager: what is checked of every request before a resource provider sees it.

use serde_json::json;

use super::authority::{Audience, Invalid, Principal};
use super::authorization::{Plane, is_allowed, is_within};
use super::call::{Answer, Call, moment};
use super::cloud::Cloud;
use super::path::{RESOURCES, ResourcePath};
use super::refusal::Refusal;
use super::route::{Access, Route, Run};
use super::state::{AzureState, key};
use jiff::Timestamp;

pub(super) const AUTHORIZATION: &str = "Microsoft.Authorization";

/// Finds out who asks.
pub(super) fn identify(
    cloud: &Cloud,
    bearer: Option<&str>,
    audience: Audience,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let refuse = |code: &'static str, message: String| {
        let tenant = cloud.store.read(|state| state.tenant.clone());
        let challenge = format!(
            "Bearer authorization_uri=\"{}/{tenant}\", error=\"invalid_token\", \
             error_description=\"{message}\"",
            cloud.endpoint()
        );
        Refusal::new(401, code, message).header("www-authenticate", challenge)
    };
    let Some(bearer) = bearer else {
        return Err(refuse(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".into(),
        ));
    };
    cloud
        .store
        .read(|state| state.tokens.verify(bearer, audience, now))
        .map_err(|invalid| match invalid {
            Invalid::Unreadable => refuse(
                "InvalidAuthenticationToken",
                "The access token is invalid.".into(),
            ),
            Invalid::Expired { at } => refuse(
                "ExpiredAuthenticationToken",
                format!(
                    "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                    moment(at),
                    moment(now)
                ),
            ),
            Invalid::Audience(audience) => refuse(
                "InvalidAuthenticationTokenAudience",
                format!(
                    "The access token has been obtained for wrong audience or resource \
                     '{audience}'. It should exactly match with one of the allowed audiences \
                     'https://management.core.windows.net/','https://management.azure.com/'."
                ),
            ),
        })
}

/// Answers a request in full.
pub(super) fn answer(cloud: &Cloud, route: Route, call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.query.get("api-version").is_none() {
        return Err(Refusal::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    match route.run {
        Run::Read(read) => cloud.store.read(|state| {
            check(call, route, state)?;
            read(call, state)
        }),
        Run::Write(write) => cloud.write(|state| {
            check(call, route, state)?;
            write(call, state)
        }),
    }
}

/// Does one write of several, with all that is checked of it.
pub(super) fn perform(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let route = Route::find(call.method.as_str(), call.path).ok_or_else(|| unknown(call.path))?;
    check(call, route, state)?;
    match route.run {
        Run::Read(read) => read(call, state),
        Run::Write(write) => write(call, state),
    }
}

/// What is said of a path that leads nowhere.
pub(super) fn unknown(path: &ResourcePath) -> Refusal {
    if path.namespace.eq_ignore_ascii_case(RESOURCES) {
        return Refusal::new(
            404,
            "NotFound",
            format!(
                "No HTTP resource was found that matches the request URI '{}'.",
                path.text
            ),
        );
    }
    Refusal::new(
        404,
        "InvalidResourceType",
        format!(
            "The practice cloud has no resource type '{}' in the namespace '{}' for this operation.",
            path.kind(),
            path.namespace
        ),
    )
}

fn check(call: &Call<'_>, route: Route, state: &AzureState) -> Result<(), Refusal> {
    let path = call.path;
    if let Some(subscription) = path.subscription()
        && !state.subscriptions.contains_key(&key(subscription))
    {
        return Err(Refusal::no_subscription(subscription));
    }
    let (action, scope) = (route.action(), route.scope(path));
    if route.access == Access::Role
        && !is_allowed(
            state,
            &call.caller.object_id,
            &action,
            scope,
            Plane::Control,
            call.now,
        )
    {
        return Err(Refusal::forbidden(call.caller, &action, scope));
    }
    let namespace = route.namespace.to_ascii_lowercase();
    let is_built_in = [RESOURCES, AUTHORIZATION].contains(&route.namespace);
    if !is_built_in && path.subscription().is_some() && !state.registered.contains(&namespace) {
        return Err(Refusal::new(
            409,
            "MissingSubscriptionRegistration",
            format!(
                "The subscription is not registered to use namespace '{}'. See \
                 https://aka.ms/rps-not-found for how to register subscriptions.",
                route.namespace
            ),
        ));
    }
    if let Some(group) = path.group()
        && route.kind != super::groups::KIND
        && !state.groups.contains_key(&key(group_id(&path.text)))
    {
        return Err(Refusal::no_group(group));
    }
    if route.is_write() {
        check_locks(call, route, state)?;
        check_policies(call, route, state)?;
    }
    Ok(())
}

/// The id of the group that a path leads through.
fn group_id(path: &str) -> &str {
    const WORD: &str = "/resourcegroups/";
    let Some(at) = path.to_ascii_lowercase().find(WORD) else {
        return path;
    };
    let name = at + WORD.len();
    let end = path[name..].find('/').map_or(path.len(), |end| name + end);
    &path[..end]
}

fn check_locks(call: &Call<'_>, route: Route, state: &AzureState) -> Result<(), Refusal> {
    if route.resource_type() == super::locks::TYPE {
        return Ok(());
    }
    let (verb, word) = if route.is_deletion() {
        ("delete", "delete")
    } else {
        ("write", "write")
    };
    let held = state.locks.values().find(|lock| {
        let stands = is_within(&call.path.text, &lock.scope)
            // Nor can a group be deleted with what is locked in it.
            || (route.is_deletion() && is_within(&lock.scope, &call.path.text));
        stands && (lock.level == "ReadOnly" || route.is_deletion())
    });
    match held {
        Some(lock) => Err(Refusal::new(
            409,
            "ScopeLocked",
            format!(
                "The scope '{}' cannot perform {verb} operation because following scope(s) are \
                 locked: '{}'. Please remove the lock and try again.",
                call.path.text, lock.scope
            ),
        )
        .with("target", json!(word))),
        None => Ok(()),
    }
}

fn check_policies(call: &Call<'_>, route: Route, state: &AzureState) -> Result<(), Refusal> {
    let kind = route.resource_type();
    let denying = state.policies.iter().find(|policy| {
        !route.is_deletion()
            && policy.resource_type.eq_ignore_ascii_case(&kind)
            && is_within(&call.path.text, &policy.scope)
    });
    let Some(policy) = denying else {
        return Ok(());
    };
    let (name, scope) = (&policy.name, &policy.scope);
    let assignment = format!("{scope}/providers/Microsoft.Authorization/policyAssignments/{name}");
    let definition = format!("/providers/Microsoft.Authorization/policyDefinitions/{name}");
    let identifiers = json!([{
        "policyAssignment": { "name": name, "id": assignment },
        "policyDefinition": { "name": name, "id": definition },
    }]);
    Err(Refusal::new(
        403,
        "RequestDisallowedByPolicy",
        format!(
            "Resource '{}' was disallowed by policy. Policy identifiers: '{identifiers}'.",
            call.path.name()
        ),
    )
    .with("target", json!(call.path.name()))
    .with(
        "additionalInfo",
        json!([{ "type": "PolicyViolation", "info": {
            "policyAssignmentId": assignment,
            "policyAssignmentName": name,
            "policyDefinitionEffect": "deny",
            "policyDefinitionId": definition,
        } }]),
    ))
}

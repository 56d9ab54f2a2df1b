//! Who asks, and whether they may.
//!
//! There is one user with a token, the administrator, who may do all that was not taken away.
//! Someone without a token is anonymous and may only see that the server is alive and which
//! version it is.

use axum::http::{Method, header, request};

use super::refusal::Refusal;
use super::rights::USER;
use super::router::Target;
use super::state::ClusterState;

const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];
const ANONYMOUS: &str = "system:anonymous";
/// To connect to a Pod is to look and to make something: who may only look may not.
const CONNECTIONS: [&str; 3] = ["attach", "exec", "portforward"];

/// Lets a request through or says why not.
pub(super) fn check(
    state: &ClusterState,
    head: &request::Parts,
    target: Option<&Target>,
) -> Result<(), Refusal> {
    let path = head.uri.path();
    if let Some(given) = head.headers.get(header::AUTHORIZATION) {
        let token = given
            .to_str()
            .ok()
            .and_then(|given| given.strip_prefix("Bearer "));
        if token != Some(&state.admin_token) {
            return Err(Refusal::unauthorized());
        }
        return target.map_or(Ok(()), |target| check_rights(state, head, target));
    }
    if PUBLIC.contains(&path) {
        return Ok(());
    }
    Err(match target {
        Some(target) => forbidden(ANONYMOUS, verb(head, target), target),
        None => Refusal::forbidden(format!(
            "forbidden: User \"{ANONYMOUS}\" cannot {} path \"{path}\"",
            head.method.as_str().to_lowercase()
        )),
    })
}

fn check_rights(
    state: &ClusterState,
    head: &request::Parts,
    target: &Target,
) -> Result<(), Refusal> {
    let subresource = target.subresource.as_deref().unwrap_or_default();
    let is_denied = |verb: &str| {
        let (group, resource) = (target.kind.group, target.kind.resource);
        let namespace = target.namespace.as_deref();
        state.denied(verb, group, resource, subresource, namespace)
    };
    let verb = verb(head, target);
    if is_denied(verb) {
        return Err(forbidden(USER, verb, target));
    }
    if verb == "get" && CONNECTIONS.contains(&subresource) && is_denied("create") {
        // The second of the two questions that a real server asks has no words for its answer.
        let name = target.name.as_deref().unwrap_or_default();
        return Err(Refusal::forbidden_object(target.kind, name, ""));
    }
    Ok(())
}

fn verb(head: &request::Parts, target: &Target) -> &'static str {
    let one = target.name.is_some();
    let query = head.uri.query().unwrap_or_default();
    let watches = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "watch" && (value == "true" || value == "1"));
    match head.method {
        Method::GET | Method::HEAD if one => "get",
        Method::GET | Method::HEAD if watches => "watch",
        Method::GET | Method::HEAD => "list",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if one => "delete",
        Method::DELETE => "deletecollection",
        _ => "create",
    }
}

fn forbidden(user: &str, verb: &str, target: &Target) -> Refusal {
    let resource = match &target.subresource {
        Some(subresource) => format!("{}/{subresource}", target.kind.resource),
        None => target.kind.resource.to_owned(),
    };
    let scope = match &target.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {scope}",
        target.kind.group
    );
    match &target.name {
        Some(name) => Refusal::forbidden_object(target.kind, name, &why),
        None => Refusal::forbidden_kind(target.kind, &why),
    }
}

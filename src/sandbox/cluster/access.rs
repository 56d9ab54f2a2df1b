//! Who asks, and whether they may.
//!
//! There is one user with a token, the administrator. Someone without a token is anonymous and
//! may only see that the server is alive and which version it is.

use axum::http::{HeaderMap, Method, header};

use super::refusal::Refusal;
use super::router::Target;

const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// Lets a request through or says why not.
pub(super) fn check(
    headers: &HeaderMap,
    admin_token: &str,
    method: &Method,
    path: &str,
    target: Option<&Target>,
) -> Result<(), Refusal> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let token = given
            .to_str()
            .ok()
            .and_then(|given| given.strip_prefix("Bearer "));
        return if token == Some(admin_token) {
            Ok(())
        } else {
            Err(Refusal::unauthorized())
        };
    }
    if PUBLIC.contains(&path) {
        return Ok(());
    }
    Err(match target {
        Some(target) => forbidden_target(method, target),
        None => Refusal::forbidden(format!(
            "forbidden: User \"system:anonymous\" cannot {} path \"{path}\"",
            method.as_str().to_lowercase()
        )),
    })
}

fn forbidden_target(method: &Method, target: &Target) -> Refusal {
    let one = target.name.is_some();
    let verb = match method.as_str() {
        "GET" if one => "get",
        "GET" => "list",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if one => "delete",
        "DELETE" => "deletecollection",
        _ => "create",
    };
    let resource = match &target.subresource {
        Some(subresource) => format!("{}/{subresource}", target.kind.resource),
        None => target.kind.resource.to_owned(),
    };
    let scope = match &target.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"system:anonymous\" cannot {verb} resource \"{resource}\" in API group \"{}\" {scope}",
        target.kind.group
    );
    match &target.name {
        Some(name) => Refusal::forbidden_object(target.kind, name, &why),
        None => Refusal::forbidden(format!("{} is forbidden: {why}", target.kind.qualified())),
    }
}

//! From a request to an answer: finds out what the path means and calls the part that knows.

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::body::{self, PatchType};
use super::kinds::{self, Kind, PODS, SERVICE_ACCOUNTS};
use super::ownership::Writer;
use super::query::Query;
use super::refusal::{FieldProblem, Refusal};
use super::selector::Selector;
use super::server::Cluster;
use super::state::ClusterState;
use super::table::Table;
use super::watch::{self, Interest};
use super::writes::Write;
use super::{access, discovery, log, openapi, rights, tokens, versions};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Longer names of managers are cut.
const LONGEST_MANAGER: usize = 128;

/// The objects, or the one object, that a path means.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    /// `None` for cluster-wide kinds, and for a list over all namespaces.
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Target {
    /// The target of a path such as `/api/v1/namespaces/rok/serviceaccounts/rok/token`, unless it
    /// is a custom resource.
    pub(super) fn of(path: &str) -> Option<Self> {
        Self::among(path, kinds::find)
    }

    /// The target of a path; `find` knows the kinds.
    fn among(path: &str, find: impl Fn(&str, &str, &str) -> Option<&'static Kind>) -> Option<Self> {
        let mut parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let (group, version) = match *parts.first()? {
            "api" if parts.len() > 2 => ("", parts[1]),
            "apis" if parts.len() > 3 => (parts[1], parts[2]),
            _ => return None,
        };
        parts.drain(..if group.is_empty() { 2 } else { 3 });
        // Under a namespace's own name stand its objects; otherwise the path is about itself.
        let mut namespace = None;
        if parts[0] == "namespaces" && parts.len() > 2 {
            namespace = Some(parts[1].to_owned());
            parts.drain(..2);
        }
        let kind = find(group, version, parts[0])?;
        if parts.len() > 3 || !kind.namespaced && namespace.is_some() {
            return None;
        }
        Some(Self {
            kind,
            namespace,
            name: parts.get(1).map(ToString::to_string),
            subresource: parts.get(2).map(ToString::to_string),
        })
    }

    /// The namespace part of a key in the store.
    pub(super) fn place(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

/// Answers one request. The flag says whether it asks for a change of the cluster.
pub(super) fn answer(cluster: &Cluster, head: &request::Parts, body: &Bytes) -> (Response, bool) {
    let path = percent_encoding::percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let custom = |group: &str, version: &str, resource: &str| {
        cluster
            .store
            .read(|state| state.custom_kind(group, version, resource))
    };
    let target = Target::of(&path).or_else(|| Target::among(&path, custom));
    let mut query = Query::parse(head.uri.query().unwrap_or_default());
    if head.method == Method::DELETE {
        // Options of a delete come in its body.
        let options = body::parse(&head.headers, body).unwrap_or_default();
        query.dry_run |= options["dryRun"] == serde_json::json!(["All"]);
    }
    let write = !head.method.is_safe()
        && !query.dry_run
        && target.as_ref().is_some_and(|target| {
            let changes = matches!(target.subresource.as_deref(), None | Some("status"));
            changes && !target.kind.review
        });
    let allowed = cluster
        .store
        .read(|state| access::check(state, head, target.as_ref()));
    let response = match (allowed, &target) {
        (Err(refusal), _) => Err(refusal),
        (Ok(()), Some(target)) => objects(cluster, head, body, target, &query),
        (Ok(()), None) => about_the_server(cluster, &head.method, &head.headers, &path),
    };
    (response.unwrap_or_else(Refusal::into_response), write)
}

fn accepted(headers: &HeaderMap) -> &str {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn about_the_server(
    cluster: &Cluster,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
) -> Result<Response, Refusal> {
    let accept = accepted(headers);
    let kinds = cluster.store.read(ClusterState::kinds);
    if accept.contains(AGGREGATED) && ["/api", "/apis"].contains(&path) {
        let document = discovery::aggregated(&kinds, path == "/api");
        return Ok(with_type(AGGREGATED, &document));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let document = match parts[..] {
        ["healthz" | "livez" | "readyz"] => return Ok("ok".into_response()),
        ["version"] => Some(discovery::version()),
        ["api"] => Some(discovery::core_versions(&cluster.address.to_string())),
        ["apis"] => Some(discovery::groups(&kinds)),
        ["api", version] => discovery::resources(&kinds, "", version),
        ["apis", group] => discovery::group(&kinds, group),
        ["apis", group, version] => discovery::resources(&kinds, group, version),
        ["openapi", "v3"] => Some(openapi::index(&kinds)),
        ["openapi", "v3", "api", version] => described(cluster, &kinds, "", version),
        ["openapi", "v3", "apis", group, version] => described(cluster, &kinds, group, version),
        [".well-known", "openid-configuration"] => Some(openid_configuration(cluster)),
        ["openid", "v1", "jwks"] => {
            let keys = cluster.store.read(|state| state.signing_key.jwks());
            return Ok(with_type("application/jwk-set+json", &keys));
        }
        _ => None,
    };
    match document {
        None => Err(Refusal::no_such_path()),
        Some(_) if !method.is_safe() => Err(Refusal::method_not_allowed()),
        Some(document) => Ok(Json(document).into_response()),
    }
}

fn described(
    cluster: &Cluster,
    kinds: &[&'static Kind],
    group: &str,
    version: &str,
) -> Option<Value> {
    cluster.store.read(|state| {
        let schema = |kind: &Kind| state.custom_schema(kind).cloned();
        openapi::document(kinds, schema, group, version)
    })
}

fn openid_configuration(cluster: &Cluster) -> Value {
    serde_json::json!({
        "issuer": cluster.store.read(|state| state.issuer.clone()),
        "jwks_uri": format!("https://{}/openid/v1/jwks", cluster.address),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

fn with_type(media_type: &'static str, document: &Value) -> Response {
    ([(header::CONTENT_TYPE, media_type)], document.to_string()).into_response()
}

fn objects(
    cluster: &Cluster,
    head: &request::Parts,
    bytes: &Bytes,
    target: &Target,
    query: &Query,
) -> Result<Response, Refusal> {
    let Target { kind, name, .. } = target;
    if kind.namespaced && target.namespace.is_none() && (name.is_some() || head.method != "GET") {
        return Err(Refusal::no_such_path());
    }
    let place = target.place();
    let change = |change: &mut dyn FnMut(&mut ClusterState) -> Result<Value, Refusal>| {
        cluster.change(query.dry_run, change)
    };
    let write = Write {
        kind,
        namespace: place,
        name: name.as_deref().unwrap_or_default(),
        writer: writer(kind, &head.headers, target, query),
        strict: query.strict,
        force: query.force,
    };
    let table = cluster.store.read(|state| {
        let columns = state.custom_columns(kind);
        Table::wanted(
            accepted(&head.headers),
            &query.include_object,
            kind,
            columns,
        )
    });
    let mut created = false;
    let mut document = match (head.method.as_str(), name, target.subresource.as_deref()) {
        ("POST", Some(name), Some("token")) if *kind == &SERVICE_ACCOUNTS => {
            let request = body::parse(&head.headers, bytes)?;
            created = true;
            cluster
                .store
                .read(|state| tokens::issue(state, place, name, request))?
        }
        ("GET", Some(name), Some("log")) if *kind == &PODS => {
            let text = log::read(cluster, place, name, head.uri.query().unwrap_or_default())?;
            return Ok(text.into_response());
        }
        ("POST", None, None) if kind.review => {
            let question = body::decode(kind, body::parse(&head.headers, bytes)?, query.strict)?;
            created = true;
            cluster
                .store
                .read(|state| rights::review(state, kind, question))
        }
        _ if kind.review => return Err(Refusal::method_not_allowed()),
        (_, _, Some(subresource)) if subresource != "status" || !kind.status => {
            return Err(Refusal::no_such_path());
        }
        ("GET", None, _) if query.watch => {
            let selector = selector(kind, query)?;
            let namespace = target.namespace.as_deref();
            let interest = Interest::new(kind, namespace, selector, table);
            return watch::answer(cluster, interest, &query.wish);
        }
        ("GET", Some(name), _) => cluster
            .store
            .read(|state| state.get(kind, place, name).cloned())?,
        ("GET", None, _) => {
            let selector = selector(kind, query)?;
            let namespace = target.namespace.as_deref();
            cluster
                .store
                .read(|state| state.list(kind, namespace, &selector))
        }
        ("POST", None, _) => {
            let body = body::parse(&head.headers, bytes)?;
            created = true;
            change(&mut |state| write.create(state, body.clone()))?
        }
        ("PUT", Some(_), _) => {
            let body = body::parse(&head.headers, bytes)?;
            change(&mut |state| {
                let (object, new) = write.replace(state, body.clone())?;
                created = new;
                Ok(object)
            })?
        }
        ("PATCH", Some(_), _) => {
            let (form, patch) = body::parse_patch(&head.headers, bytes)?;
            if form == PatchType::Apply && query.field_manager.is_empty() {
                return Err(Refusal::invalid(
                    "PatchOptions.meta.k8s.io",
                    "",
                    "fieldManager",
                    &FieldProblem::Required("is required for apply patch"),
                ));
            }
            change(&mut |state| {
                let (object, new) = write.patch(state, form, &patch)?;
                created = new;
                Ok(object)
            })?
        }
        ("DELETE", Some(name), None) => {
            let options = body::parse(&head.headers, bytes)?;
            change(&mut |state| state.delete(kind, place, name, &options))?
        }
        ("DELETE", None, None) => {
            let selector = selector(kind, query)?;
            change(&mut |state| state.delete_collection(kind, place, &selector))?
        }
        _ => return Err(Refusal::method_not_allowed()),
    };
    match document.get_mut("items").and_then(Value::as_array_mut) {
        Some(items) => items.iter_mut().for_each(|item| versions::show(kind, item)),
        None => versions::show(kind, &mut document),
    }
    if let Some(table) = table.filter(|_| head.method == Method::GET) {
        document = table.of(&document);
    }
    let code = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((code, Json(document)).into_response())
}

fn selector(kind: &Kind, query: &Query) -> Result<Selector, Refusal> {
    Selector::parse(kind, &query.label_selector, &query.field_selector)
}

/// Who writes: whom the query names, or else the program that sends the request.
fn writer(kind: &Kind, headers: &HeaderMap, target: &Target, query: &Query) -> Writer {
    let program = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let manager = if query.field_manager.is_empty() {
        program.split('/').next().unwrap_or_default()
    } else {
        &query.field_manager
    };
    Writer {
        manager: manager.chars().take(LONGEST_MANAGER).collect(),
        api_version: kind.api_version(),
        subresource: target.subresource.clone().unwrap_or_default(),
        has_status: kind.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::cluster::kinds::NAMESPACES;

    #[test]
    fn paths_mean_their_objects() {
        let target = |kind, namespace: &str, name: &str, subresource: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some(Target {
                kind,
                namespace: some(namespace),
                name: some(name),
                subresource: some(subresource),
            })
        };
        for (path, expected) in [
            ("/api/v1/namespaces", target(&NAMESPACES, "", "", "")),
            ("/api/v1/namespaces/rok", target(&NAMESPACES, "", "rok", "")),
            (
                "/api/v1/serviceaccounts",
                target(&SERVICE_ACCOUNTS, "", "", ""),
            ),
            (
                "/api/v1/namespaces/rok/serviceaccounts",
                target(&SERVICE_ACCOUNTS, "rok", "", ""),
            ),
            (
                "/api/v1/namespaces/rok/serviceaccounts/rok/token",
                target(&SERVICE_ACCOUNTS, "rok", "rok", "token"),
            ),
            ("/api/v1", None),
            ("/api/v1/teapots", None),
            ("/apis/coordination.k8s.io/v1", None),
            ("/api/v1/namespaces/rok/nodes", None),
            ("/version", None),
            ("/", None),
        ] {
            assert_eq!(Target::of(path), expected, "{path}");
        }
        let lease = Target::of("/apis/coordination.k8s.io/v1/namespaces/a/leases/b").unwrap();
        assert_eq!(lease.kind.name, "Lease");
        assert_eq!((lease.place(), lease.name.as_deref()), ("a", Some("b")));
    }
}

//! Microsoft Graph, as far as `az role assignment` asks it who somebody is.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::arm::identify;
use super::authority::Audience;
use super::call::Query;
use super::cloud::Cloud;
use super::refusal::Refusal;
use super::server::{Arrived, Outcome, bearer, json as written, refuse};
use super::state::{AzureState, key};

/// Somebody of the directory.
struct Entry<'a> {
    object_id: &'a str,
    client_id: &'a str,
    name: &'a str,
    kind: &'static str,
}

pub(super) fn answer(cloud: &Cloud, arrived: &Arrived) -> Outcome {
    let path = arrived.parts.uri.path();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let operation = segments.get(1..).unwrap_or_default().join("/");
    let outcome = identify(cloud, bearer(&arrived.parts), Audience::Graph, arrived.now)
        // The directory's endpoint is this server's, and clients name the resource after it.
        .or_else(|_| {
            identify(
                cloud,
                bearer(&arrived.parts),
                Audience::Management,
                arrived.now,
            )
        })
        .and_then(|_| {
            cloud
                .store
                .read(|state| look_up(state, arrived, operation.as_str()))
        });
    Outcome {
        operation,
        write: false,
        response: match outcome {
            Ok(document) => written(StatusCode::OK, &document),
            Err(refusal) => refuse(&refusal),
        },
    }
}

fn look_up(state: &AzureState, arrived: &Arrived, operation: &str) -> Result<Value, Refusal> {
    let entries = entries(state);
    match (&arrived.parts.method, operation) {
        (&Method::POST, "directoryObjects/getByIds") => {
            let body: Value = serde_json::from_slice(&arrived.body).unwrap_or_default();
            let ids: Vec<String> = body["ids"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|id| id.as_str().map(key))
                .collect();
            let found = entries
                .iter()
                .filter(|entry| ids.contains(&key(entry.object_id)));
            Ok(json!({ "value": found.map(document).collect::<Vec<_>>() }))
        }
        (&Method::GET, "servicePrincipals") => {
            let query = Query::parse(arrived.parts.uri.query().unwrap_or_default());
            let filter = query.get("$filter").unwrap_or_default();
            // `servicePrincipalNames/any(c:c eq '…')`, `appId eq '…'`, `displayName eq '…'`.
            let wanted = filter.split('\'').nth(1).unwrap_or_default();
            let found = entries.iter().filter(|entry| {
                [entry.object_id, entry.client_id, entry.name]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(wanted))
            });
            Ok(json!({ "value": found.map(document).collect::<Vec<_>>() }))
        }
        (&Method::GET, "users" | "groups") => Ok(json!({ "value": [] })),
        (&Method::GET, one) => {
            let (_, id) = one.rsplit_once('/').unwrap_or(("", one));
            let entry = entries
                .iter()
                .find(|entry| entry.object_id.eq_ignore_ascii_case(id));
            entry.map(document).ok_or_else(|| {
                Refusal::new(
                    404,
                    "Request_ResourceNotFound",
                    format!(
                        "Resource '{id}' does not exist or one of its queried reference-property \
                         objects are not present."
                    ),
                )
            })
        }
        _ => Err(Refusal::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )),
    }
}

fn entries(state: &AzureState) -> Vec<Entry<'_>> {
    let applications = state.applications.values().map(|application| Entry {
        object_id: &application.object_id,
        client_id: &application.client_id,
        name: &application.name,
        kind: "Application",
    });
    let identities = state.identities.values().map(|identity| Entry {
        object_id: &identity.principal_id,
        client_id: &identity.client_id,
        name: &identity.name,
        kind: "ManagedIdentity",
    });
    let clusters = state.clusters.values().filter_map(|cluster| {
        cluster.principal().map(|object_id| Entry {
            object_id,
            client_id: object_id,
            name: &cluster.name,
            kind: "ManagedIdentity",
        })
    });
    applications.chain(identities).chain(clusters).collect()
}

fn document(entry: &Entry<'_>) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": entry.object_id,
        "appId": entry.client_id,
        "displayName": entry.name,
        "servicePrincipalType": entry.kind,
        "servicePrincipalNames": [entry.client_id],
        "accountEnabled": true,
    })
}

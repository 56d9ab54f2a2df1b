//! Resource providers, and whether the subscription may use them.

use serde_json::{Value, json};

use super::arm::AUTHORIZATION;
use super::call::{Answer, Call};
use super::path::RESOURCES;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, key};
use super::{clusters, identities, scale_sets, storage};

const KIND: &str = "subscriptions/providers";

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, KIND, End::Type, list),
    Route::get(RESOURCES, KIND, End::Name, get),
    Route::act(RESOURCES, "subscriptions/providers/register", register),
];

/// The providers that this cloud has, with their types and the versions of their interface.
const KNOWN: &[(&str, &[&str])] = &[
    (
        AUTHORIZATION,
        &["roleAssignments", "roleDefinitions", "permissions", "locks"],
    ),
    (
        RESOURCES,
        &[
            "subscriptions",
            "resourceGroups",
            "resources",
            "deployments",
            "tags",
        ],
    ),
    (
        identities::NAMESPACE,
        &[
            "userAssignedIdentities",
            "userAssignedIdentities/federatedIdentityCredentials",
        ],
    ),
    (clusters::NAMESPACE, &["managedClusters"]),
    (scale_sets::NAMESPACE, &["virtualMachineScaleSets"]),
    (storage::NAMESPACE, &["storageAccounts"]),
];

/// The providers that a new subscription of practice has registered, in small letters.
pub(super) fn registered() -> impl Iterator<Item = String> {
    KNOWN.iter().map(|(namespace, _)| key(namespace))
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let scope = call.path.parent();
    Ok(Answer::list(
        KNOWN.iter().map(|one| document(state, scope, one)),
    ))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let one = find(call.path.name())?;
    Ok(Answer::ok(document(state, subscription(call), one)))
}

fn register(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let one = find(call.path.name())?;
    state.registered.insert(key(one.0));
    Ok(Answer::ok(document(state, subscription(call), one)))
}

fn subscription<'a>(call: &Call<'a>) -> &'a str {
    let text = &call.path.text;
    let end = text.find("/providers").unwrap_or(text.len());
    &text[..end]
}

fn find(namespace: &str) -> Result<&'static (&'static str, &'static [&'static str]), Refusal> {
    KNOWN
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(namespace))
        .ok_or_else(|| {
            Refusal::new(
                404,
                "InvalidResourceNamespace",
                format!("The resource namespace '{namespace}' is invalid."),
            )
        })
}

fn document(state: &AzureState, scope: &str, (namespace, types): &(&str, &[&str])) -> Value {
    let registration = if state.registered.contains(&key(namespace)) {
        "Registered"
    } else {
        "NotRegistered"
    };
    let types = types.iter().map(|kind| {
        json!({
            "resourceType": kind,
            "locations": ["East US", "East US 2", "West US 2", "North Europe", "West Europe"],
            "apiVersions": ["2025-01-01", "2024-11-01", "2023-01-31", "2022-04-01"],
            "capabilities": "SupportsTags, SupportsLocation",
        })
    });
    json!({
        "id": format!("{scope}/providers/{namespace}"),
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": registration,
        "resourceTypes": types.collect::<Vec<_>>(),
    })
}

//! Tenants and subscriptions.

use serde_json::{Value, json};

use super::authorization::has_access_below;
use super::call::{Answer, Call};
use super::path::RESOURCES;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Subscription, key};

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, "tenants", End::Type, tenants).for_anyone(),
    Route::get(RESOURCES, "subscriptions", End::Type, list).for_anyone(),
    Route::get(RESOURCES, "subscriptions", End::Name, get).for_anyone(),
    Route::get(RESOURCES, "subscriptions/locations", End::Type, locations).for_anyone(),
];

fn tenants(_: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let tenant = &state.tenant;
    Ok(Answer::list([json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "countryCode": "US",
        "displayName": "Practice",
        "defaultDomain": "practice.onmicrosoft.com",
        "domains": ["practice.onmicrosoft.com"],
        "tenantCategory": "Home",
        "tenantType": "AAD",
    })]))
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let visible = state
        .subscriptions
        .iter()
        .filter(|(id, _)| is_visible(call, state, id));
    Ok(Answer::list(
        visible.map(|(id, one)| document(state, id, one)),
    ))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let id = key(call.path.name());
    let Some(subscription) = state.subscriptions.get(&id) else {
        return Err(Refusal::no_subscription(call.path.name()));
    };
    if !is_visible(call, state, &id) {
        let action = "Microsoft.Resources/subscriptions/read";
        return Err(Refusal::forbidden(call.caller, action, &call.path.text));
    }
    Ok(Answer::ok(document(state, &id, subscription)))
}

/// Who has a role anywhere in a subscription sees that it is there.
fn is_visible(call: &Call<'_>, state: &AzureState, id: &str) -> bool {
    let scope = format!("/subscriptions/{id}");
    has_access_below(state, &call.caller.object_id, &scope, call.now)
}

fn document(state: &AzureState, id: &str, subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": state.tenant,
        "displayName": subscription.name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    })
}

fn locations(call: &Call<'_>, _: &AzureState) -> Result<Answer, Refusal> {
    let scope = call.path.parent();
    let known = [
        ("eastus", "East US"),
        ("eastus2", "East US 2"),
        ("westus2", "West US 2"),
        ("northeurope", "North Europe"),
        ("westeurope", "West Europe"),
    ];
    Ok(Answer::list(known.map(|(name, display)| {
        json!({
            "id": format!("{scope}/locations/{name}"),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": { "regionType": "Physical", "regionCategory": "Recommended" },
        })
    })))
}

//! Virtual machine scale sets: the machines of node pools, and the identities they may use.

use serde_json::{Value, json};

use super::authorization::is_within;
use super::call::{Answer, Call};
use super::path::{group_of, name_of};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, ScaleSet, key};

pub(super) const NAMESPACE: &str = "Microsoft.Compute";
pub(super) const TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets";
const KIND: &str = "virtualMachineScaleSets";

pub(super) const ROUTES: &[Route] = &[
    Route::get(NAMESPACE, KIND, End::Type, list),
    Route::get(NAMESPACE, KIND, End::Name, get),
];

/// Compute has its own spelling of other providers' ids: the group in capitals.
fn respelled(id: &str) -> String {
    let group = group_of(id);
    id.replacen("/resourcegroups/", "/resourceGroups/", 1)
        .replacen(
            &format!("/{group}/"),
            &format!("/{}/", group.to_uppercase()),
            1,
        )
}

fn document(state: &AzureState, set: &ScaleSet) -> Value {
    let identities: serde_json::Map<String, Value> = set
        .identities
        .iter()
        .filter_map(|id| {
            let identity = state.identities.get(&key(id))?;
            let ids = json!({
                "principalId": identity.principal_id,
                "clientId": identity.client_id,
            });
            Some((respelled(id), ids))
        })
        .collect();
    json!({
        "id": set.id,
        "name": set.name,
        "type": TYPE,
        "location": set.location,
        "tags": set.tags,
        "sku": { "name": "Standard_D4s_v5", "tier": "Standard", "capacity": 1 },
        "identity": { "type": "UserAssigned", "userAssignedIdentities": identities },
        "properties": {
            "singlePlacementGroup": false,
            "orchestrationMode": "Uniform",
            "overprovision": false,
            "upgradePolicy": { "mode": "Manual" },
            "provisioningState": "Succeeded",
        },
    })
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let found = state
        .scale_sets
        .values()
        .filter(|set| is_within(&set.id, &call.path.scope));
    Ok(Answer::list(found.map(|set| document(state, set))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let id = &call.path.text;
    match state.scale_sets.get(&key(id)) {
        Some(set) => Ok(Answer::ok(document(state, set))),
        None => Err(Refusal::no_resource(TYPE, name_of(id), group_of(id))),
    }
}

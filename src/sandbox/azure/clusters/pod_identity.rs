//! Pod identity, which Microsoft has retired and clusters still have: its rules, and its effect.

use serde_json::{Value, json};

use super::super::authorization::{Plane, has_role_at, is_allowed};
use super::super::call::Call;
use super::super::identities;
use super::super::refusal::Refusal;
use super::super::role::MANAGED_IDENTITY_OPERATOR;
use super::super::state::{AzureState, Cluster, key};

/// What one must be allowed to do with an identity to give it to machines.
const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// Checks the profile that a cluster is to have, and fills in what Azure knows of each identity.
pub(super) fn check(
    call: &Call<'_>,
    state: &AzureState,
    cluster: &Cluster,
    properties: &mut Value,
) -> Result<(), Refusal> {
    let is_kubenet = properties["networkProfile"]["networkPlugin"] == "kubenet";
    let profile = &mut properties["podIdentityProfile"];
    if profile["enabled"] != json!(true) {
        return Ok(());
    }
    if is_kubenet && profile["allowNetworkPluginKubenet"] != json!(true) {
        return Err(Refusal::new(
            400,
            "PodIdentityAddonNotSupportedWithKubenet",
            "Network plugin kubenet is not supported to use with pod identity addon. Please set \
             allowNetworkPluginKubenet to true to allow it.",
        ));
    }
    let known = cluster.properties["podIdentityProfile"]["userAssignedIdentities"].as_array();
    let Some(wanted) = profile["userAssignedIdentities"].as_array_mut() else {
        return Ok(());
    };
    for one in wanted {
        let (name, namespace) = (one["name"].clone(), one["namespace"].clone());
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        if !is_text(&name) || !is_text(&namespace) {
            return Err(Refusal::invalid(
                "A pod identity must have a name and a namespace.",
            ));
        }
        let id = one["identity"]["resourceId"].as_str().unwrap_or_default();
        let identity = identities::find(state, id)?;
        let is_assigned = known.into_iter().flatten().any(|known| {
            let known_id = known["identity"]["resourceId"].as_str().unwrap_or_default();
            key(known_id) == key(id) && known["name"] == name && known["namespace"] == namespace
        });
        // Resource Manager looks at linked resources before the provider sees the request.
        let caller = call.caller;
        let may_use = is_allowed(
            state,
            &caller.object_id,
            ASSIGN,
            &identity.id,
            Plane::Control,
            call.now,
        );
        if !is_assigned && !may_use {
            let write = "Microsoft.ContainerService/managedClusters/write";
            let linked = (ASSIGN, identity.id.as_str());
            return Err(Refusal::linked(caller, (write, &cluster.id), linked));
        }
        let may_assign = cluster.principal().is_some_and(|principal| {
            let role = MANAGED_IDENTITY_OPERATOR;
            has_role_at(state, principal, role, &identity.id, call.now)
        });
        if !is_assigned && !may_assign {
            return Err(Refusal::new(
                400,
                "BadRequest",
                format!(
                    "Cluster identity has no assignment permission over identity 'resourceId: {id}, \
                     clientId: {}, objectId: {}'. Please grant at least 'Managed Identity Operator' \
                     permission before assigning pod identity",
                    identity.client_id, identity.principal_id
                ),
            ));
        }
        one["identity"]["clientId"] = identity.client_id.as_str().into();
        one["identity"]["objectId"] = identity.principal_id.as_str().into();
        if one["bindingSelector"].is_null() {
            one["bindingSelector"] = name;
        }
        one["provisioningState"] = if is_assigned { "Assigned" } else { "Updating" }.into();
    }
    Ok(())
}

/// Whether Azure has made Pod identities or exceptions in the cluster.
pub(in crate::sandbox::azure) fn has_pod_identities(properties: &Value) -> bool {
    let profile = &properties["podIdentityProfile"];
    ["userAssignedIdentities", "userAssignedIdentityExceptions"]
        .iter()
        .any(|name| profile[*name].as_array().is_some_and(|all| !all.is_empty()))
}

/// Gives the identities of the profile to all machines, and takes away those that left it.
pub(super) fn assign(state: &mut AzureState, cluster: &str) {
    let Some(cluster) = state.clusters.get_mut(cluster) else {
        return;
    };
    let kubelet = cluster.properties["identityProfile"]["kubeletidentity"]["resourceId"]
        .as_str()
        .map(str::to_owned);
    let group = key(cluster.node_group());
    let profile = &mut cluster.properties["podIdentityProfile"];
    let is_on = profile["enabled"] == json!(true);
    let mut ids: Vec<String> = kubelet.into_iter().collect();
    let wanted = profile["userAssignedIdentities"].as_array_mut();
    for one in wanted.into_iter().flatten() {
        one["provisioningState"] = "Assigned".into();
        let id = one["identity"]["resourceId"].as_str().unwrap_or_default();
        if is_on && !ids.iter().any(|known| key(known) == key(id)) {
            ids.push(id.to_owned());
        }
    }
    let sets = state.scale_sets.values_mut();
    for set in sets.filter(|set| key(super::group_of(&set.id)) == group) {
        set.identities.clone_from(&ids);
    }
}

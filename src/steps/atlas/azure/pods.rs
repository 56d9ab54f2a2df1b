//! What a Pod on Azure lacks, and whom it is taken for.

use serde_json::Value;

use super::causes::{LOGIN_WITHOUT_IDENTITY, OTHER_LOGIN, OTHER_TOKEN, POD_LABEL};
use crate::clients::azure::is_same_id;
use crate::engine::ChainKind;
use crate::steps::atlas::diagnosis::Diagnosis;
use crate::steps::atlas::place::Place;

/// The label that a binding selects Pods by.
pub(in crate::steps) const BINDING_LABEL: &str = "aadpodidbinding";

/// Returns the label that a Pod carries in place of the one that the binding of `pod_identity`
/// selects by; none when it is right.
pub(in crate::steps) fn wrong_label(pod_identity: &str, pod: &Value) -> Option<String> {
    let found = pod["metadata"]["labels"][BINDING_LABEL].as_str();
    let is_right = found == Some(pod_identity);
    (!is_right).then(|| found.unwrap_or("nothing").to_owned())
}

/// Tells whether a Pod lacks the label that its node knows it by. None when it has it.
pub(super) fn diagnose_label(place: &Place, pod: &Value) -> Option<Diagnosis> {
    let found = wrong_label(&place.azure.pod_identity, pod)?;
    let name = pod["metadata"]["name"].as_str();
    let place = Place {
        pod: name.unwrap_or(&place.pod).to_owned(),
        ..place.clone()
    };
    Some(Diagnosis::of(None, &POD_LABEL, &place, &found))
}

/// Tells what is wrong when this is who the Azure CLI in the Pod logged in as; none when it is our
/// identity.
pub(in crate::steps) fn diagnose_login(
    kind: ChainKind,
    place: &Place,
    user: &Value,
) -> Option<Diagnosis> {
    let text = |field: &str| user[field].as_str().unwrap_or("nothing").to_owned();
    let (cause, found) = if kind == ChainKind::PodIdentity {
        // Which identity it is tells the token.
        let assigned = text("assignedIdentityInfo");
        if assigned.starts_with("MSI") {
            return None;
        }
        (&LOGIN_WITHOUT_IDENTITY, assigned)
    } else {
        let name = text("name");
        if name == place.azure.client_id {
            return None;
        }
        (&OTHER_LOGIN, name)
    };
    Some(Diagnosis::of(None, cause, place, &found))
}

/// Tells what is wrong when a node gave the Pod a token with these claims; none when it is our
/// identity's.
pub(in crate::steps) fn diagnose_token(place: &Place, claims: &Value) -> Option<Diagnosis> {
    let found = claims["xms_mirid"].as_str().unwrap_or("nothing");
    let is_ours = is_same_id(found, &place.azure.identity_id);
    (!is_ours).then(|| Diagnosis::of(None, &OTHER_TOKEN, place, found))
}

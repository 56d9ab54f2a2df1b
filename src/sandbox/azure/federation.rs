//! Federated credentials of managed identities: whose tokens are taken for the identity's.

use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::identities::{self, NAMESPACE};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, FederatedCredential, Identity, Trust, key};
use crate::sandbox::lagged::Lagged;

const KIND: &str = "userAssignedIdentities/federatedIdentityCredentials";
/// How many an identity may have.
const LIMIT: usize = 20;

pub(super) const ROUTES: &[Route] = &[
    Route::get(NAMESPACE, KIND, End::Type, list),
    Route::get(NAMESPACE, KIND, End::Name, get),
    Route::write("PUT", NAMESPACE, KIND, put),
    Route::write("DELETE", NAMESPACE, KIND, delete),
];

/// Whether a request must be the only one of its identity.
pub(super) fn is_write(route: &Route) -> bool {
    route.kind == KIND && route.is_write()
}

/// Another write to the same identity is under way.
pub(super) fn concurrent(identity: &str) -> Refusal {
    Refusal::new(
        409,
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        format!(
            "Too many Federated Identity Credentials are written concurrently for the managed \
             identity '{identity}'. Concurrent Federated Identity Credentials writes under the same \
             managed identity are not supported."
        ),
    )
}

fn document(identity: &Identity, credential: &FederatedCredential) -> Value {
    let Trust {
        issuer,
        subject,
        audiences,
    } = &credential.trust.current;
    json!({
        "id": format!("{}/federatedIdentityCredentials/{}", identity.id, credential.name),
        "name": credential.name,
        "type": format!("{NAMESPACE}/{KIND}"),
        "properties": { "issuer": issuer, "subject": subject, "audiences": audiences },
    })
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let identity =
        identities::find(state, call.path.parent()).map_err(|_| no_parent(call, "read"))?;
    let all = identity.credentials.values();
    Ok(Answer::list(all.map(|one| document(identity, one))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let owner = call.path.owner();
    let identity = identities::find(state, owner).map_err(|_| no_parent(call, "read"))?;
    match identity.credentials.get(&key(call.path.name())) {
        Some(credential) => Ok(Answer::ok(document(identity, credential))),
        None => Err(Refusal::new(
            404,
            "NotFound",
            format!(
                "The Federated Identity Credential '{}' could not be found.",
                call.path.name()
            ),
        )),
    }
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let identity = state
        .identities
        .get_mut(&key(call.path.owner()))
        // What keeps the credentials learns of a new identity as late as the directory does.
        .filter(|identity| call.is_patient || identity.known.seen(call.now).is_some())
        .ok_or_else(|| no_parent(call, "write"))?;
    let audiences = call.body.pointer("/properties/audiences").cloned();
    let trust = Trust {
        issuer: call.required("/properties/issuer")?.into(),
        subject: call.required("/properties/subject")?.into(),
        audiences: serde_json::from_value(audiences.unwrap_or_default())
            .map_err(|_| Refusal::content("properties.audiences must be a list of texts."))?,
    };
    check_name(call.path.name())?;
    if trust.audiences.len() != 1 {
        return Err(Refusal::new(
            400,
            "BadRequest",
            "Federated Identity Credential must have exactly one audience.",
        ));
    }
    if !trust.issuer.starts_with("https://") {
        return Err(Refusal::new(
            400,
            "BadRequest",
            format!(
                "The issuer '{}' must be a URL with the scheme https.",
                trust.issuer
            ),
        ));
    }
    let name = key(call.path.name());
    let is_taken = identity.credentials.iter().any(|(other, credential)| {
        let Trust {
            issuer, subject, ..
        } = &credential.trust.current;
        *other != name && *issuer == trust.issuer && *subject == trust.subject
    });
    if is_taken {
        return Err(Refusal::new(
            409,
            "Conflict",
            "Issuer and subject combination already exists for this Managed Identity.",
        ));
    }
    let lag = call.lag.federated_credential;
    let status = if let Some(credential) = identity.credentials.get_mut(&name) {
        // Writing the same again changes nothing, and nothing has to spread.
        if credential.trust.current != trust {
            credential.trust.set(trust, call.now, lag);
        }
        200
    } else {
        if identity.credentials.len() >= LIMIT {
            return Err(Refusal::new(
                400,
                "BadRequest",
                format!(
                    "Too many Federated Identity Credentials have been created for the managed \
                     identity '{}'. The limit is {LIMIT}.",
                    identity.id
                ),
            ));
        }
        let visible = call.now.saturating_add(lag);
        let credential = FederatedCredential {
            name: call.path.name().into(),
            trust: Lagged::new(trust, visible.unwrap_or(jiff::Timestamp::MAX)),
        };
        identity.credentials.insert(name.clone(), credential);
        201
    };
    Ok(Answer::new(
        status,
        document(identity, &identity.credentials[&name]),
    ))
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let identity = state.identities.get_mut(&key(call.path.owner()));
    let identity = identity.ok_or_else(|| no_parent(call, "delete"))?;
    let gone = identity.credentials.remove(&key(call.path.name()));
    Ok(Answer::empty(if gone.is_some() { 200 } else { 204 }))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let is_valid = (3..=120).contains(&name.len())
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if is_valid {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "BadRequest",
        format!(
            "The Federated Identity Credential name '{name}' has invalid format. It must be \
             alphanumeric, dash or underscore characters, 3 to 120 of them, the first one \
             alphanumeric."
        ),
    ))
}

fn no_parent(call: &Call<'_>, action: &str) -> Refusal {
    let parent = if call.path.is_named() {
        call.path.owner()
    } else {
        call.path.parent()
    };
    Refusal::no_parent(action, KIND, parent)
}

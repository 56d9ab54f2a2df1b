//! Who asks, and whether they may: tokens and roles, or the account's own keys where those are
//! switched on. Nothing is said about what exists before that.

use http::header::AUTHORIZATION;

use super::super::authority::{Audience, Invalid};
use super::super::authorization::{Plane, permissions};
use super::super::role::Permission;
use super::super::state::{AzureState, StorageAccount};
use super::refusal::Refusal;
use super::{Call, shared_key};

/// The first version that tells anonymous callers where to get a token.
const CHALLENGES: &str = "2019-12-12";

/// What a role must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Something about containers, which is an action.
    Container(&'static str),
    /// Something about blobs, which is a data action.
    Blob(&'static str),
}

impl Need {
    /// Whether one of these permissions is enough. The star of an owner is not: who has no role for
    /// data is refused here, whatever it may do in Resource Manager.
    fn is_met(self, permissions: &[Permission]) -> bool {
        let of =
            |kind, verb| format!("Microsoft.Storage/storageAccounts/blobServices/{kind}/{verb}");
        let (action, plane) = match self {
            Self::Container(verb) => (of("containers", verb), Plane::Control),
            Self::Blob(verb) => (of("containers/blobs", verb), Plane::Data),
        };
        permissions
            .iter()
            .filter(|permission| !permission.data_actions.is_empty())
            .any(|permission| permission.allows(&action, plane))
    }
}

/// Lets a request through, or says why not.
pub(super) fn check(
    state: &AzureState,
    account: &StorageAccount,
    call: &Call<'_>,
    need: Need,
) -> Result<(), Refusal> {
    let properties = &account.properties;
    if properties["publicNetworkAccess"] == "Disabled"
        || properties["networkAcls"]["defaultAction"] == "Deny"
    {
        return Err(Refusal::network());
    }
    let given = call.head.headers.get(AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok());
    let keys_are_off = properties["allowSharedKeyAccess"] == false;
    match given.map(|value| value.split_once(' ').unwrap_or((value, ""))) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            by_role(state, account, call, need, token)
        }
        Some(("SharedKey", _)) if keys_are_off => Err(Refusal::keys_are_off()),
        Some(("SharedKey", signature)) if shared_key::is_good(account, call, signature) => Ok(()),
        Some(("SharedKey", _)) => Err(Refusal::bad_signature()),
        Some(_) => Err(Refusal::malformed_credentials()),
        // A signature in the query is made with a key.
        None if call.query.get("sig").is_some() && keys_are_off => Err(Refusal::keys_are_off()),
        None if call.query.get("sig").is_some() => Err(Refusal::bad_signature()),
        None => Err(anonymous(state, account, call)),
    }
}

/// No container here is public; who says nothing about himself gets nothing.
fn anonymous(state: &AzureState, account: &StorageAccount, call: &Call<'_>) -> Refusal {
    if version(call).is_some_and(|version| version >= CHALLENGES) {
        Refusal::no_credentials(&state.tenant)
    } else if account.properties["allowBlobPublicAccess"] == true {
        Refusal::no_account()
    } else {
        Refusal::not_public()
    }
}

fn by_role(
    state: &AzureState,
    account: &StorageAccount,
    call: &Call<'_>,
    need: Need,
    token: &str,
) -> Result<(), Refusal> {
    // Tokens came with a version of the protocol, and without one there is no such thing.
    if version(call).is_none() {
        return Err(Refusal::malformed_credentials());
    }
    let principal = state
        .tokens
        .verify(token.trim(), Audience::Storage, call.now)
        .map_err(|why| {
            let detail = match why {
                Invalid::Unreadable => "Issuer validation failed. Issuer did not match.",
                Invalid::Expired { .. } => "Lifetime validation failed. The token is expired.",
                Invalid::Audience(_) => "Audience validation failed. Audience did not match.",
            };
            Refusal::bad_token(&state.tenant, detail)
        })?;
    let scope = match &call.target.container {
        Some(name) => format!("{}/blobServices/default/containers/{name}", account.id),
        None => account.id.clone(),
    };
    let permissions = permissions(state, &principal.object_id, &scope, call.now);
    if need.is_met(&permissions) {
        Ok(())
    } else {
        Err(Refusal::forbidden())
    }
}

/// The version of the protocol, a date.
fn version<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    let version = call.head.headers.get("x-ms-version")?.to_str().ok();
    version.filter(|version| !version.is_empty())
}

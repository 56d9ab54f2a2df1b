//! The Blob service of a storage account.

use axum::response::Response;
use http::request::Parts;

use super::arm::identify;
use super::authority::{Audience, Principal};
use super::authorization::{Plane, is_allowed};
use super::cloud::Cloud;
use super::refusal::Refusal;
use super::server::{Arrived, Outcome, bearer, refuse};
use crate::sandbox::faults::Refused;

pub(super) fn operation(parts: &Parts) -> String {
    parts.method.to_string()
}

pub(super) fn answer(cloud: &Cloud, account: &str, arrived: &Arrived) -> Outcome {
    let refusal = match identify(
        cloud,
        bearer(&arrived.parts),
        Audience::Storage,
        arrived.now,
    ) {
        Err(refusal) => refusal,
        Ok(caller) if !may_read(cloud, account, &caller, arrived) => Refusal::new(
            403,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        ),
        Ok(_) => {
            let message = format!("The practice cloud does not serve the blobs of {account} yet.");
            Refusal::new(501, "NotImplemented", message)
        }
    };
    Outcome {
        operation: operation(&arrived.parts),
        write: false,
        response: refuse(&refusal),
    }
}

fn may_read(cloud: &Cloud, account: &str, caller: &Principal, arrived: &Arrived) -> bool {
    let action = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
    cloud.store.read(|state| {
        state.accounts.get(account).is_some_and(|account| {
            let (id, now) = (&account.id, arrived.now);
            is_allowed(state, &caller.object_id, action, id, Plane::Data, now)
        })
    })
}

pub(super) fn refuse_fault(refused: Refused, _: &Arrived) -> Response {
    refuse(&super::faults::of_arm(refused))
}

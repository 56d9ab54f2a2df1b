//! What takes its time: operations that clients ask about until they are over.
//!
//! Nobody works in the background. Whatever is due is finished when the next request comes in.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Answer, Call, moment};
use super::cloud::Cloud;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::AzureState;
use super::{clusters, storage};
use crate::sandbox::random;

/// How long an operation takes.
const WORK: Duration = Duration::from_millis(50);

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        clusters::NAMESPACE,
        "locations/operations",
        End::Name,
        status,
    )
    .for_anyone(),
    Route::get(
        storage::NAMESPACE,
        "locations/asyncoperations",
        End::Name,
        result,
    )
    .for_anyone(),
];

/// Something under way, or over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    pub what: What,
    /// The id of the resource, in small letters.
    pub target: String,
    pub started: Timestamp,
    pub ends: Timestamp,
    /// Whether what it does to the world was done.
    pub is_over: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    UpdateCluster,
    DeleteCluster,
    CreateAccount,
}

/// Begins an operation and returns its id.
pub(super) fn begin(state: &mut AzureState, what: What, target: &str, now: Timestamp) -> String {
    let id = random::uuid();
    let operation = Operation {
        what,
        target: super::state::key(target),
        started: now,
        ends: now.saturating_add(WORK).unwrap_or(now),
        is_over: false,
    };
    state.operations.insert(id.clone(), operation);
    id
}

/// Whether something is still being done to a resource.
pub(super) fn under_way<'a>(state: &'a AzureState, target: &str) -> Option<&'a Operation> {
    let target = super::state::key(target);
    state
        .operations
        .values()
        .find(|operation| !operation.is_over && operation.target == target)
}

/// Finishes whatever is due. Every request asks for it, so that it is done in time for whoever looks.
pub(super) fn go_on(cloud: &Cloud, now: Timestamp) -> Result<(), Refusal> {
    let is_due = |operation: &Operation| !operation.is_over && now >= operation.ends;
    let due: Vec<String> = cloud.store.read(|state| {
        let due = state.operations.iter().filter(|(_, one)| is_due(one));
        due.map(|(id, _)| id.clone()).collect()
    });
    if due.is_empty() {
        return Ok(());
    }
    let changed = cloud.write(|state| {
        let mut changed = Vec::new();
        for id in &due {
            let Some(operation) = state.operations.get_mut(id) else {
                continue;
            };
            operation.is_over = true;
            let (what, target) = (operation.what, operation.target.clone());
            match what {
                What::UpdateCluster => clusters::finish(state, &target),
                What::DeleteCluster => clusters::remove(state, &target),
                What::CreateAccount => storage::finish(state, &target),
            }
            if let Some(cluster) = state.clusters.get(&target) {
                changed.push(cluster.properties.clone());
            }
        }
        Ok(changed)
    })?;
    if let Some(hook) = cloud.cluster.get() {
        for properties in &changed {
            hook(properties).map_err(|error| Refusal::not_saved(&error))?;
        }
    }
    Ok(())
}

fn find<'a>(call: &Call<'_>, state: &'a AzureState) -> Result<&'a Operation, Refusal> {
    let id = call.path.name();
    state.operations.get(id).ok_or_else(|| {
        Refusal::new(
            404,
            "OperationNotFound",
            format!("The operation '{id}' could not be found."),
        )
    })
}

/// How it goes, as `Azure-AsyncOperation` leads to.
fn status(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let operation = find(call, state)?;
    let mut document = json!({
        "name": call.path.name(),
        "status": if operation.is_over { "Succeeded" } else { "InProgress" },
        "startTime": moment(operation.started),
    });
    if operation.is_over {
        document["endTime"] = moment(operation.ends).into();
    }
    let answer = Answer::ok(document);
    Ok(if operation.is_over {
        answer
    } else {
        answer.header("retry-after", "1")
    })
}

/// What came of it, as `Location` leads to: 202 until it is over.
fn result(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let operation = find(call, state)?;
    if !operation.is_over {
        let url = format!(
            "{}{}?api-version={}",
            call.endpoint,
            call.path.text,
            call.query.get("api-version").unwrap_or_default()
        );
        return Ok(Answer::empty(202)
            .header("location", url)
            .header("retry-after", "1"));
    }
    let account = state
        .accounts
        .values()
        .find(|account| super::state::key(&account.id) == operation.target);
    Ok(Answer::ok(account.map_or(Value::Null, |account| {
        storage::document(call, account)
    })))
}

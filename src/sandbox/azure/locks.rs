//! Management locks.

use serde_json::{Value, json};

use super::arm::AUTHORIZATION;
use super::authorization::is_within;
use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Lock, key};

pub(super) const TYPE: &str = "Microsoft.Authorization/locks";
const KIND: &str = "locks";

pub(super) const ROUTES: &[Route] = &[
    Route::get(AUTHORIZATION, KIND, End::Type, list),
    Route::get(AUTHORIZATION, KIND, End::Name, get),
    Route::write("PUT", AUTHORIZATION, KIND, put),
    Route::write("DELETE", AUTHORIZATION, KIND, delete),
];

impl AzureState {
    /// Locks a scope, as an administrator would.
    pub fn lock(&mut self, scope: &str, level: &str) {
        let name = format!("practice-{}", self.locks.len());
        let id = format!("{scope}/providers/{TYPE}/{name}");
        let lock = Lock {
            id: id.clone(),
            name,
            scope: scope.into(),
            level: level.into(),
        };
        self.locks.insert(key(&id), lock);
    }
}

fn document(lock: &Lock) -> Value {
    json!({
        "id": lock.id,
        "name": lock.name,
        "type": TYPE,
        "properties": { "level": lock.level },
    })
}

/// At the scope, above it and below it.
fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let scope = &call.path.scope;
    let found = state
        .locks
        .values()
        .filter(|lock| is_within(&lock.scope, scope) || is_within(scope, &lock.scope));
    Ok(Answer::list(found.map(document)))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    match state.locks.get(&key(&call.path.text)) {
        Some(lock) => Ok(Answer::ok(document(lock))),
        None => Err(Refusal::new(
            404,
            "LockNotFound",
            format!("The lock '{}' could not be found.", call.path.name()),
        )),
    }
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let level = call.required("/properties/level")?;
    if !["CanNotDelete", "ReadOnly"].contains(&level) {
        return Err(Refusal::content(format!(
            "The lock level '{level}' is invalid."
        )));
    }
    let lock = Lock {
        id: call.path.text.clone(),
        name: call.path.name().into(),
        scope: call.path.scope.clone(),
        level: level.into(),
    };
    let document = document(&lock);
    let known = state.locks.insert(key(&call.path.text), lock);
    Ok(Answer::new(
        if known.is_some() { 200 } else { 201 },
        document,
    ))
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let gone = state.locks.remove(&key(&call.path.text));
    Ok(Answer::empty(if gone.is_some() { 200 } else { 204 }))
}

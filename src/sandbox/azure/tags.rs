//! The tags of whatever has some, as a resource of their own.

use serde_json::json;

use super::call::{Answer, Call};
use super::path::RESOURCES;
use super::refusal::Refusal;
use super::resources::tags_of;
use super::route::{End, Route};
use super::state::{AzureState, Tags, key};

const KIND: &str = "tags";

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, KIND, End::Name, get),
    Route::write("PUT", RESOURCES, KIND, put),
    Route::write("PATCH", RESOURCES, KIND, patch),
];

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let tags = tags_of(&mut state.clone(), &key(&call.path.scope)).cloned();
    Ok(answer(call, &tags.ok_or_else(|| not_found(call))?))
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let given = given(call)?;
    let tags = tags_of(state, &key(&call.path.scope)).ok_or_else(|| not_found(call))?;
    *tags = given;
    Ok(answer(call, tags))
}

fn patch(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let given = given(call)?;
    let tags = tags_of(state, &key(&call.path.scope)).ok_or_else(|| not_found(call))?;
    match call.required("/operation")? {
        "Merge" => tags.extend(given),
        "Replace" => *tags = given,
        "Delete" => tags.retain(|name, value| given.get(name) != Some(value)),
        other => {
            return Err(Refusal::content(format!(
                "The tag operation '{other}' is none of Merge, Replace and Delete."
            )));
        }
    }
    Ok(answer(call, tags))
}

fn given(call: &Call<'_>) -> Result<Tags, Refusal> {
    let tags = call.body.pointer("/properties/tags").cloned();
    serde_json::from_value(tags.unwrap_or_default()).map_err(|_| {
        Refusal::content(
            "The request content was invalid: properties.tags must be an object of texts.",
        )
    })
}

fn answer(call: &Call<'_>, tags: &Tags) -> Answer {
    Answer::ok(json!({
        "id": format!("{}/providers/Microsoft.Resources/tags/default", call.path.scope),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    }))
}

fn not_found(call: &Call<'_>) -> Refusal {
    Refusal::new(
        404,
        "ResourceNotFound",
        format!("The resource '{}' was not found.", call.path.scope),
    )
}

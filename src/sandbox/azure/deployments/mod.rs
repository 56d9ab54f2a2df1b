//! Deployments of ARM templates into a resource group, as far as our hand-off needs them.
//!
//! The work is done when the request comes in; how it went is told as Resource Manager tells it, by
//! the state of the deployment, which clients ask for until it is settled.

mod evaluate;
mod expression;
mod run;
mod template;

use serde_json::{Value, json};

use super::call::{Answer, Call, moment};
use super::path::RESOURCES;
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, Deployment, key};
use crate::sandbox::random;

const TYPE: &str = "Microsoft.Resources/deployments";
const KIND: &str = "deployments";

pub(super) const ROUTES: &[Route] = &[
    Route::get(RESOURCES, KIND, End::Type, list),
    Route::get(RESOURCES, KIND, End::Name, get),
    Route::write("PUT", RESOURCES, KIND, put),
    Route::write("DELETE", RESOURCES, KIND, delete),
    Route::post(RESOURCES, "deployments/validate", validate),
    Route::get(RESOURCES, "deployments/operations", End::Type, operations),
    Route::get(
        RESOURCES,
        "deployments/operationStatuses",
        End::Name,
        status,
    ),
];

fn document(deployment: &Deployment) -> Value {
    json!({
        "id": deployment.id,
        "name": deployment.name,
        "type": TYPE,
        "properties": deployment.properties,
    })
}

fn find<'a>(call: &Call<'_>, state: &'a AzureState, id: &str) -> Result<&'a Deployment, Refusal> {
    state.deployments.get(&key(id)).ok_or_else(|| {
        Refusal::new(
            404,
            "DeploymentNotFound",
            format!(
                "Deployment '{}' could not be found.",
                call.path.names.first().map_or("", String::as_str)
            ),
        )
    })
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let scope = key(&call.path.scope);
    let found = state
        .deployments
        .iter()
        .filter(|(id, _)| super::authorization::is_within(id, &scope));
    Ok(Answer::list(found.map(|(_, one)| document(one))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    Ok(Answer::ok(document(find(call, state, &call.path.text)?)))
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let gone = state.deployments.remove(&key(&call.path.text));
    Ok(Answer::empty(if gone.is_some() { 202 } else { 204 }))
}

fn validate(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    // The name stands before the action.
    let path = super::path::ResourcePath::parse(call.path.parent()).expect("it is a part of one");
    let call = Call {
        path: &path,
        ..*call
    };
    run::validate(&call, state)?;
    let properties = json!({
        "mode": "Incremental",
        "provisioningState": "Succeeded",
        "timestamp": moment(call.now),
        "duration": "PT0S",
        "correlationId": random::uuid(),
        "parameters": call.body["properties"]["parameters"],
    });
    Ok(Answer::ok(json!({
        "id": path.text,
        "name": path.name(),
        "type": TYPE,
        "properties": properties,
    })))
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let done = run::deploy(call, state)?;
    let resources = done.resources.iter().map(|id| json!({ "id": id }));
    let mut properties = json!({
        "mode": "Incremental",
        "provisioningState": "Succeeded",
        "timestamp": moment(call.now),
        "duration": "PT1S",
        "correlationId": random::uuid(),
        "parameters": call.body["properties"]["parameters"],
        "outputs": done.outputs,
        "outputResources": resources.collect::<Vec<_>>(),
        "dependencies": [],
        "providers": [],
    });
    if let Some(failure) = &done.failure {
        properties["provisioningState"] = "Failed".into();
        properties["error"] = json!({
            "code": "DeploymentFailed",
            "message": "At least one resource deployment operation failed. Please list deployment \
                        operations for details. Please see https://aka.ms/arm-deployment-operations \
                        for usage details.",
            "details": [failure.document()["error"]],
        });
    }
    let deployment = Deployment {
        id: call.path.text.clone(),
        name: call.path.name().into(),
        properties,
        operations: done.operations,
    };
    let mut document = document(&deployment);
    document["properties"]["provisioningState"] = "Accepted".into();
    let known = state.deployments.insert(key(&call.path.text), deployment);
    let status = if known.is_some() { 200 } else { 201 };
    let url = format!(
        "{}{}/operationStatuses/{}?api-version=2022-09-01",
        call.endpoint,
        call.path.text,
        random::text(20, b"0123456789")
    );
    Ok(Answer::new(status, document)
        .header("azure-asyncoperation", url)
        .header("retry-after", "1"))
}

/// How a deployment went, as `Azure-AsyncOperation` leads to.
fn status(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let deployment = find(call, state, call.path.owner())?;
    let mut document = json!({ "status": deployment.properties["provisioningState"] });
    if let Some(error) = deployment.properties.get("error") {
        document["error"] = error.clone();
    }
    Ok(Answer::ok(document))
}

fn operations(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let deployment = find(call, state, call.path.parent())?;
    Ok(Answer::list(deployment.operations.iter().cloned()))
}

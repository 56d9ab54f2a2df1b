//! Deploying: one resource after the other, each as if its owner had sent it alone.

use http::Method;
use serde_json::{Value, json};

use super::super::arm;
use super::super::authorization::{Plane, is_allowed};
use super::super::call::{Call, Query, moment};
use super::super::path::ResourcePath;
use super::super::refusal::Refusal;
use super::super::route::Route;
use super::super::state::{AzureState, key};
use super::evaluate::{Missing, Surroundings, below};
use super::template::{Resource, Template, invalid};
use crate::sandbox::random;

/// A resource that knows its place.
struct Planned {
    path: ResourcePath,
    depends_on: Vec<String>,
    resource: Resource,
}

/// What came of a deployment.
pub(super) struct Done {
    /// One entry for each resource.
    pub(super) operations: Vec<Value>,
    pub(super) outputs: Value,
    /// The ids of all that is there now.
    pub(super) resources: Vec<String>,
    pub(super) failure: Option<Refusal>,
}

/// Calls `use_it` with what the template's expressions may refer to.
fn with<R>(
    call: &Call<'_>,
    state: &AzureState,
    template: &Template,
    use_it: impl FnOnce(&Surroundings<'_>) -> R,
) -> R {
    let reference = |id: &str, whole: bool| {
        let path = ResourcePath::parse(id)?;
        let body = Value::Null;
        let look = Call {
            method: &Method::GET,
            path: &path,
            query: &Query::default(),
            body: &body,
            if_match: None,
            ..*call
        };
        let found = arm::perform(&look, &mut state.clone()).ok()?.body;
        Some(if whole {
            found
        } else {
            found["properties"].clone()
        })
    };
    let group = &call.path.scope;
    let document = state.groups.get(&key(group)).map_or(
        Value::Null,
        |group| json!({ "id": group.id(), "name": group.name, "location": group.location }),
    );
    use_it(&Surroundings {
        parameters: &template.parameters,
        variables: &template.variables,
        group,
        group_document: &document,
        tenant: &state.tenant,
        deployment: call.path.name(),
        reference: &reference,
    })
}

/// Finds out where each resource goes, and whether the caller may write it there.
fn plan(call: &Call<'_>, state: &AzureState, template: &Template) -> Result<Vec<Planned>, Refusal> {
    let mut all = Vec::new();
    for resource in &template.resources {
        let planned = with(call, state, template, |surroundings| {
            place(surroundings, resource)
        });
        let planned = planned.map_err(|missing| match missing {
            Missing::Invalid(message) => invalid(&message),
            Missing::Later(id) => invalid(&format!(
                "The template function 'reference' to '{id}' is not expected at this location."
            )),
        })?;
        all.extend(planned);
    }
    let denied: Vec<String> = all
        .iter()
        .filter_map(|planned| denial(call, state, planned).transpose())
        .collect::<Result<_, _>>()?;
    if denied.is_empty() {
        return Ok(all);
    }
    Err(Refusal::new(
        403,
        "InvalidTemplateDeployment",
        format!(
            "Deployment failed with multiple errors: '{}'",
            denied.join(":")
        ),
    ))
}

/// Where a resource goes; nothing where its condition does not hold.
fn place(surroundings: &Surroundings<'_>, resource: &Resource) -> Result<Option<Planned>, Missing> {
    if let Some(condition) = &resource.condition
        && surroundings.resolve(condition)? != json!(true)
    {
        return Ok(None);
    }
    let name = surroundings.text(&resource.name)?;
    let names = name.split('/').map(str::to_owned);
    let type_and_names: Vec<String> = [resource.kind.clone()].into_iter().chain(names).collect();
    let scope = match (&resource.scope, &resource.group) {
        (Some(scope), _) => match surroundings.text(scope)? {
            absolute if absolute.starts_with('/') => absolute,
            relative => format!("{}/providers/{relative}", surroundings.group),
        },
        (None, Some(group)) => {
            let group = surroundings.text(group)?;
            let end = surroundings.group.rfind('/').unwrap_or_default();
            format!("{}/{group}", &surroundings.group[..end])
        }
        (None, None) => surroundings.group.to_owned(),
    };
    let id = below(&scope, &type_and_names)?;
    let path = ResourcePath::parse(&id)
        .ok_or_else(|| Missing::Invalid(format!("'{id}' is not the id of a resource.")))?;
    let depends_on = resource.depends_on.iter();
    Ok(Some(Planned {
        path,
        depends_on: depends_on
            .map(|one| surroundings.text(one).map(|text| key(&text)))
            .collect::<Result<_, _>>()?,
        resource: resource.clone(),
    }))
}

/// What is said of a resource that the caller may not write.
fn denial(
    call: &Call<'_>,
    state: &AzureState,
    planned: &Planned,
) -> Result<Option<String>, Refusal> {
    let route = Route::find("PUT", &planned.path).ok_or_else(|| arm::unknown(&planned.path))?;
    let (action, scope) = (route.action(), &planned.path.text);
    let caller = call.caller;
    let may = is_allowed(
        state,
        &caller.object_id,
        &action,
        scope,
        Plane::Control,
        call.now,
    );
    Ok((!may).then(|| {
        format!(
            "Authorization failed for template resource '{}' of type '{}'. The client '{}' with \
             object id '{}' does not have permission to perform action '{action}' at scope \
             '{scope}'.",
            planned.path.names.join("/"),
            planned.resource.kind,
            caller.client_id,
            caller.object_id
        )
    }))
}

/// Checks a template without deploying it.
pub(super) fn validate(call: &Call<'_>, state: &AzureState) -> Result<(), Refusal> {
    let template = Template::read(&call.body["properties"])?;
    plan(call, state, &template).map(|_| ())
}

/// Deploys; a resource that fails ends it, and what was done before stays.
pub(super) fn deploy(call: &Call<'_>, state: &mut AzureState) -> Result<Done, Refusal> {
    let template = Template::read(&call.body["properties"])?;
    let mut waiting = plan(call, state, &template)?;
    let mut done = Done {
        operations: Vec::new(),
        outputs: json!({}),
        resources: Vec::new(),
        failure: None,
    };
    while !waiting.is_empty() {
        let ready = (0..waiting.len()).find_map(|place| {
            let waits = is_waiting(&waiting, place);
            let body = (!waits).then(|| content(call, state, &template, &waiting[place]));
            match body {
                None | Some(Err(Missing::Later(_))) => None,
                Some(outcome) => Some((place, outcome)),
            }
        });
        let Some((place, body)) = ready else {
            let ids = waiting.iter().map(|planned| planned.path.text.clone());
            let ids: Vec<String> = ids.collect();
            done.failure = Some(invalid(&format!(
                "Circular dependency or a reference to what is not there, at: {}",
                ids.join(", ")
            )));
            return Ok(done);
        };
        let planned = waiting.remove(place);
        let outcome = match body {
            Ok(body) => put(call, state, &planned, &body),
            Err(Missing::Invalid(message) | Missing::Later(message)) => Err(invalid(&message)),
        };
        done.operations
            .push(operation(call, &planned, outcome.as_ref().err()));
        match outcome {
            Ok(()) => done.resources.push(planned.path.text.clone()),
            Err(refusal) => {
                done.failure = Some(refusal);
                return Ok(done);
            }
        }
    }
    let outputs = with(call, state, &template, |surroundings| {
        surroundings.resolve(&template.outputs)
    });
    if let Ok(Value::Object(outputs)) = outputs {
        done.outputs = Value::Object(outputs);
    }
    Ok(done)
}

/// Whether something that a resource depends on has not been deployed.
fn is_waiting(waiting: &[Planned], place: usize) -> bool {
    let planned = &waiting[place];
    waiting.iter().any(|other| {
        let names = [key(&other.path.text), key(&other.path.names.join("/"))];
        planned.depends_on.iter().any(|one| names.contains(one))
    })
}

/// What is sent to the resource's provider. A deployment inside keeps its template as it is.
fn content(
    call: &Call<'_>,
    state: &AzureState,
    template: &Template,
    planned: &Planned,
) -> Result<Value, Missing> {
    with(call, state, template, |surroundings| {
        let mut content = planned.resource.content.clone();
        let is_deployment = planned.resource.kind.eq_ignore_ascii_case(super::TYPE);
        let inner = is_deployment.then(|| content["properties"]["template"].take());
        let mut resolved = surroundings.resolve(&content)?;
        if let Some(inner) = inner {
            resolved["properties"]["template"] = inner;
        }
        Ok(resolved)
    })
}

fn put(
    call: &Call<'_>,
    state: &mut AzureState,
    planned: &Planned,
    body: &Value,
) -> Result<(), Refusal> {
    let query = Query::parse(&format!("api-version={}", planned.resource.api_version));
    let one = Call {
        method: &Method::PUT,
        path: &planned.path,
        query: &query,
        body,
        if_match: None,
        is_patient: true,
        ..*call
    };
    arm::perform(&one, state)?;
    // A deployment inside tells by its own state how it went.
    let failed = state.deployments.get(&key(&planned.path.text));
    match failed.and_then(|inner| inner.properties.get("error")) {
        Some(error) => {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            Err(Refusal::new(409, text("code"), text("message")))
        }
        None => Ok(()),
    }
}

fn operation(call: &Call<'_>, planned: &Planned, refusal: Option<&Refusal>) -> Value {
    let id = random::text(16, random::HEX);
    let mut document = json!({
        "id": format!("{}/operations/{id}", call.path.text),
        "operationId": id,
        "properties": {
            "provisioningOperation": "Create",
            "provisioningState": if refusal.is_some() { "Failed" } else { "Succeeded" },
            "timestamp": moment(call.now),
            "duration": "PT1S",
            "trackingId": random::uuid(),
            "statusCode": if refusal.is_some() { "Conflict" } else { "OK" },
            "targetResource": {
                "id": planned.path.text,
                "resourceType": planned.resource.kind,
                "resourceName": planned.path.names.join("/"),
            },
        },
    });
    if let Some(refusal) = refusal {
        document["properties"]["statusMessage"] = refusal.document();
    }
    document
}

//! Changing a cluster: everything is sent, and what differs takes its time.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, moment};
use super::super::operation::{self, What};
use super::super::refusal::Refusal;
use super::super::state::{AzureState, Cluster, key};
use super::{find, pod_identity, show};
use crate::sandbox::random;

/// What only Azure sets, by its place in `properties`.
const READ_ONLY: &[&str] = &[
    "/provisioningState",
    "/powerState",
    "/fqdn",
    "/azurePortalFQDN",
    "/nodeResourceGroup",
    "/currentKubernetesVersion",
    "/resourceUID",
    "/identityProfile",
    "/oidcIssuerProfile/issuerURL",
];

pub(super) fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let cluster = find(state, &call.path.text).map_err(|_| {
        Refusal::new(
            400,
            "OperationNotAllowed",
            "The practice cloud has its cluster and creates no others.",
        )
    })?;
    check_version(call, cluster)?;
    if let Some(operation) = operation::under_way(state, &cluster.id) {
        return Err(Refusal::new(
            409,
            "OperationNotAllowed",
            format!(
                "Operation is not allowed because there's an in progress update managed cluster \
                 operation on the managed cluster started at {}. Please wait for it to finish \
                 before starting a new operation.",
                moment(operation.started)
            ),
        ));
    }
    let location = call.required("/location")?;
    if !location
        .replace(' ', "")
        .eq_ignore_ascii_case(&cluster.location)
    {
        return Err(Refusal::new(
            409,
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{}'. A resource with the same name \
                 cannot be created in location '{location}'.",
                cluster.name, cluster.location
            ),
        ));
    }
    let mut properties = merged(&cluster.properties, &call.body["properties"]);
    check_issuer(&cluster.properties, &properties)?;
    pod_identity::check(call, state, cluster, &mut properties)?;
    properties["provisioningState"] = "Updating".into();
    let tags = call.tags()?;
    let at = key(&call.path.text);
    let cluster = state.clusters.get_mut(&at).expect("it was found");
    cluster.properties = properties;
    if let Some(tags) = tags {
        cluster.tags = tags;
    }
    cluster.etag = random::uuid();
    let (document, location) = (show::document(cluster), cluster.location.clone());
    let id = operation::begin(state, What::UpdateCluster, &at, call.now);
    Ok(show::accepted(call, Answer::ok(document), &location, &id))
}

/// Ends an update: identities go to the machines, and the issuer gets its URL.
pub(in crate::sandbox::azure) fn finish(state: &mut AzureState, id: &str) {
    pod_identity::assign(state, id);
    if let Some(cluster) = state.clusters.get_mut(id) {
        cluster.properties["provisioningState"] = "Succeeded".into();
        cluster.etag = random::uuid();
    }
}

fn check_version(call: &Call<'_>, cluster: &Cluster) -> Result<(), Refusal> {
    match call.if_match.map(|tag| tag.trim_matches('"')) {
        None | Some("*") => Ok(()),
        Some(tag) if tag == cluster.etag => Ok(()),
        Some(tag) => Err(Refusal::new(
            412,
            "PreconditionFailed",
            format!(
                "The etag '{tag}' does not match the current etag '{}' of the managed cluster. The \
                 resource was changed meanwhile.",
                cluster.etag
            ),
        )),
    }
}

/// What was sent over what there is. A profile that was not sent stays as it is.
fn merged(known: &Value, sent: &Value) -> Value {
    let mut merged = known.clone();
    for (name, value) in sent.as_object().into_iter().flatten() {
        if !value.is_null() {
            merged[name.as_str()] = value.clone();
        }
    }
    for place in READ_ONLY {
        restore(&mut merged, known, place);
    }
    merged
}

/// Puts back at a place what was there before.
fn restore(into: &mut Value, known: &Value, place: &str) {
    let (parent, name) = place.rsplit_once('/').unwrap_or(("", place));
    let Some(object) = into.pointer_mut(parent).and_then(Value::as_object_mut) else {
        return;
    };
    match known.pointer(place) {
        Some(value) => {
            object.insert(name.into(), value.clone());
        }
        None => {
            object.remove(name);
        }
    }
}

fn check_issuer(known: &Value, wanted: &Value) -> Result<(), Refusal> {
    let is_on = |properties: &Value| properties["oidcIssuerProfile"]["enabled"] == json!(true);
    if is_on(known) && !is_on(wanted) {
        return Err(Refusal::new(
            400,
            "OIDCIssuerFeatureCannotBeDisabled",
            "Once the OIDC issuer feature is enabled, it cannot be disabled.",
        ));
    }
    let workload_identity = &wanted["securityProfile"]["workloadIdentity"]["enabled"];
    if *workload_identity == json!(true) && !is_on(wanted) {
        return Err(Refusal::new(
            400,
            "InvalidParameter",
            "Workload identity requires OIDC issuer to be enabled: \
             properties.oidcIssuerProfile.enabled must be true.",
        ));
    }
    Ok(())
}

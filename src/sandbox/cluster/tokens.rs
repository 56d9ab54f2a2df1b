//! Service account tokens: the TokenRequest call.

use serde_json::{Value, json};

use super::kinds::{PODS, SERVICE_ACCOUNTS};
use super::objects::timestamp;
use super::refusal::{FieldProblem, Refusal};
use super::state::ClusterState;
use crate::sandbox::random;

const SHORTEST: i64 = 600;
const USUAL: i64 = 3600;
/// EKS cuts longer wishes down to a day without a word.
const LONGEST: i64 = 86_400;

/// Answers a TokenRequest for one service account.
pub(super) fn issue(
    state: &ClusterState,
    namespace: &str,
    name: &str,
    mut request: Value,
) -> Result<Value, Refusal> {
    let account = state.get(&SERVICE_ACCOUNTS, namespace, name)?;
    let asked = request["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(USUAL);
    if asked < SHORTEST {
        return Err(Refusal::invalid(
            "TokenRequest.authentication.k8s.io",
            "",
            "spec.expirationSeconds",
            &FieldProblem::Invalid(
                asked.to_string(),
                "may not specify a duration less than 10 minutes",
            ),
        ));
    }
    let seconds = asked.min(LONGEST);
    let audiences = match request["spec"]["audiences"].as_array() {
        Some(audiences) if !audiences.is_empty() => json!(audiences),
        _ => json!([state.issuer]),
    };
    let mut kubernetes = json!({
        "namespace": namespace,
        "serviceaccount": { "name": name, "uid": account["metadata"]["uid"] },
    });
    if let Some(pod) = bound_pod(state, namespace, name, &request["spec"]["boundObjectRef"])? {
        kubernetes["pod"] = pod;
    }
    let now = state.clock.now();
    let expiry = now + jiff::SignedDuration::from_secs(seconds);
    let token = state.signing_key.sign(&json!({
        "aud": audiences,
        "exp": expiry.as_second(),
        "iat": now.as_second(),
        "iss": state.token_issuer(),
        "jti": random::uuid(),
        "kubernetes.io": kubernetes,
        "nbf": now.as_second(),
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
    }));
    request["kind"] = "TokenRequest".into();
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    request["metadata"] = json!({
        "name": name,
        "namespace": namespace,
        "creationTimestamp": timestamp(now),
    });
    request["spec"]["audiences"] = audiences;
    request["spec"]["expirationSeconds"] = seconds.into();
    request["status"] = json!({ "token": token, "expirationTimestamp": timestamp(expiry) });
    Ok(request)
}

/// The Pod a token is bound to, as the token names it.
fn bound_pod(
    state: &ClusterState,
    namespace: &str,
    account: &str,
    reference: &Value,
) -> Result<Option<Value>, Refusal> {
    if reference.is_null() {
        return Ok(None);
    }
    if reference["kind"] != "Pod" {
        return Err(Refusal::bad_request(format!(
            "cannot bind token to object of type {}",
            reference["kind"]
        )));
    }
    let name = reference["name"].as_str().unwrap_or_default();
    let pod = state.get(&PODS, namespace, name)?;
    let uid = &pod["metadata"]["uid"];
    if let Some(asked) = reference["uid"].as_str().filter(|asked| !asked.is_empty())
        && asked != uid
    {
        let why = format!(
            "the UID in the bound object reference ({asked}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Refusal::conflict(&PODS, name, &why));
    }
    if pod["spec"]["serviceAccountName"]
        .as_str()
        .unwrap_or("default")
        != account
    {
        return Err(Refusal::bad_request(format!(
            "cannot bind token for serviceaccount \"{account}\" to pod running with different serviceaccount name."
        )));
    }
    Ok(Some(json!({ "name": name, "uid": uid })))
}

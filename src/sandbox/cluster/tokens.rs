//! Service account tokens: the key that signs them, its public half, and the TokenRequest call.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kinds::{PODS, SERVICE_ACCOUNTS};
use super::objects::timestamp;
use super::refusal::{FieldProblem, Refusal};
use super::state::ClusterState;
use crate::sandbox::random;

/// What precedes the point in the DER form of a P-256 public key.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const SHORTEST: i64 = 600;
const USUAL: i64 = 3600;
/// EKS cuts longer wishes down to a day without a word.
const LONGEST: i64 = 86_400;

/// The private key that signs service account tokens, as base64 of PKCS#8.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SigningKey(String);

impl SigningKey {
    pub(super) fn generate() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .expect("the operating system gives random bytes");
        Self(STANDARD.encode(pkcs8))
    }

    /// The public key set, as published at `/openid/v1/jwks`.
    pub(super) fn jwks(&self) -> Value {
        let point = self.point();
        // An uncompressed point: a marker byte, then both coordinates.
        let (x, y) = point[1..].split_at(32);
        json!({ "keys": [{
            "use": "sig",
            "kty": "EC",
            "kid": key_id(&point),
            "alg": "ES256",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }] })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": key_id(&self.point()) });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .key_pair()
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("the operating system gives random bytes");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn point(&self) -> Vec<u8> {
        self.key_pair().public_key().as_ref().to_vec()
    }

    fn key_pair(&self) -> EcdsaKeyPair {
        let pkcs8 = STANDARD.decode(&self.0).expect("we encoded it");
        EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pkcs8,
            &SystemRandom::new(),
        )
        .expect("we generated it")
    }
}

/// The key's name is the hash of its public half, as a real API server has it.
fn key_id(point: &[u8]) -> String {
    let public_key = [&P256_PREFIX[..], point].concat();
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &public_key))
}

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

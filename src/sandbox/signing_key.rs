//! The key of an issuer of tokens (ES256), and its public half.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What precedes the point in the DER form of a P-256 public key.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A private key that signs tokens, as base64 of PKCS#8.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct SigningKey(String);

impl SigningKey {
    pub(in crate::sandbox) fn generate() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .expect("the operating system gives random bytes");
        Self(STANDARD.encode(pkcs8))
    }

    /// The public key set, as an issuer publishes it.
    pub(in crate::sandbox) fn jwks(&self) -> Value {
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

    /// A signed token with exactly these claims.
    pub(in crate::sandbox) fn sign(&self, claims: &Value) -> String {
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

//! A web identity token: reading it, and checking its signature against an issuer's keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// A JWT, read and not yet believed.
#[derive(Debug)]
pub(in crate::sandbox) struct WebToken {
    header: Value,
    claims: Value,
    signing_input: String,
    signature: Vec<u8>,
}

impl WebToken {
    pub(in crate::sandbox) fn read(text: &str) -> Option<Self> {
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let json = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&bytes(part)?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signing_input: signing_input.into(),
            signature: bytes(signature)?,
        })
    }

    /// A claim that is text.
    pub(in crate::sandbox) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is one text or a list of them, as `aud` and `amr` are.
    pub(in crate::sandbox) fn claims(&self, name: &str) -> Vec<String> {
        match self.claims.get(name) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A claim that is a moment, such as `exp`.
    pub(in crate::sandbox) fn moment(&self, name: &str) -> Option<Timestamp> {
        let claim = self.claims.get(name)?;
        // Some issuers write a fraction; whole seconds are all that counts.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a moment beyond i64 saturates"
        )]
        let seconds = claim
            .as_i64()
            .or_else(|| claim.as_f64().map(|seconds| seconds as i64))?;
        Timestamp::from_second(seconds).ok()
    }

    /// Whether one of the published keys made the signature.
    pub(in crate::sandbox) fn is_signed_by(&self, published: &Value) -> bool {
        let wanted = self.header.get("kid");
        published
            .get("keys")
            .and_then(Value::as_array)
            .is_some_and(|keys| {
                keys.iter()
                    .filter(|key| wanted.is_none() || key.get("kid") == wanted)
                    .any(|key| self.verify(key).unwrap_or(false))
            })
    }

    fn verify(&self, key: &Value) -> Option<bool> {
        let field = |name: &str| key.get(name)?.as_str();
        let message = self.signing_input.as_bytes();
        let outcome = match (self.header.get("alg")?.as_str()?, field("kty")?) {
            ("RS256", "RSA") => RsaPublicKeyComponents {
                n: bytes(field("n")?)?,
                e: bytes(field("e")?)?,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature),
            ("ES256", "EC") if field("crv")? == "P-256" => {
                // An uncompressed point: the marker 4, then both coordinates.
                let point = [vec![4], bytes(field("x")?)?, bytes(field("y")?)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, &self.signature)
            }
            _ => return None,
        };
        Some(outcome.is_ok())
    }
}

fn bytes(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::aws::tests::issuer::Issuer;
    use serde_json::json;

    #[test]
    fn a_token_is_believed_only_with_the_key_that_signed_it() {
        let issuer = Issuer::new("https://issuer.example");
        let text = issuer.token(&json!({"sub": "me", "aud": ["a", "b"]}));
        let token = WebToken::read(&text).unwrap();
        assert_eq!(token.claim("sub"), Some("me"));
        assert_eq!(token.claims("aud"), ["a", "b"]);
        assert!(token.is_signed_by(&issuer.keys()));
        assert!(!token.is_signed_by(&Issuer::new("https://other.example").keys()));
        assert!(!token.is_signed_by(&json!({})));

        let (head, signature) = text.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.encode(br#"{"sub":"someone else"}"#);
        let forged = WebToken::read(&format!("{header}.{claims}.{signature}")).unwrap();
        assert!(!forged.is_signed_by(&issuer.keys()));
    }

    /// The RS256 example of RFC 7515, appendix A.2.
    #[test]
    fn the_rsa_example_of_the_standard_verifies() {
        let text = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let keys = json!({"keys": [{"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]});
        let token = WebToken::read(text).unwrap();
        assert!(token.is_signed_by(&keys));
        assert_eq!(
            token.moment("exp"),
            Timestamp::from_second(1_300_819_380).ok()
        );
    }

    #[test]
    fn what_is_not_a_token_is_none() {
        for text in ["", "a.b", "a.b.c", "W10.W10.W10"] {
            assert!(WebToken::read(text).is_none(), "{text}");
        }
    }

    crate::corpus::fed!("token", feed);

    fn feed(text: &[u8]) {
        if let Some(token) = WebToken::read(&String::from_utf8_lossy(text)) {
            let _ = (token.claim("sub"), token.claims("aud"), token.moment("exp"));
        }
    }
}

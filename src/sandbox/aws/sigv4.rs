//! AWS Signature Version 4, from the side that checks it.

use std::collections::BTreeMap;

use http::request::Parts;
use ring::hmac;

use super::text::{decode, encode, encode_path, hex, sha256_hex};

/// What a request says about its own signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) access_key: String,
    /// `20261122`, the first part of the scope.
    pub(super) day: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) headers: Vec<String>,
    pub(super) signature: String,
    /// `20261122T100000Z`.
    pub(super) at: String,
    pub(super) token: Option<String>,
    /// How long a presigned URL is good for, in seconds.
    pub(super) expires: Option<i64>,
}

/// The signature is there but cannot be read; the text says why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(&'static str);

impl Signed {
    /// Reads the `Authorization` header or the parameters of a presigned URL; `None` when the
    /// request is not signed at all.
    pub(super) fn read(parts: &Parts) -> Result<Option<Self>, Unreadable> {
        let query = query_pairs(parts.uri.query().unwrap_or_default());
        if let Some(authorization) = header(parts, "authorization") {
            Self::from_header(parts, &authorization).map(Some)
        } else if query.iter().any(|(name, _)| name == "X-Amz-Signature") {
            Self::from_query(&query.into_iter().collect()).map(Some)
        } else {
            Ok(None)
        }
    }

    fn from_header(parts: &Parts, authorization: &str) -> Result<Self, Unreadable> {
        let fields = authorization
            .strip_prefix("AWS4-HMAC-SHA256")
            .ok_or(Unreadable("Unsupported authorization type"))?;
        let fields: BTreeMap<&str, &str> = fields
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let field = |name| fields.get(name).copied();
        let at = header(parts, "x-amz-date").ok_or(Unreadable(
            "Authorization header requires existence of 'X-Amz-Date' header.",
        ))?;
        Self::from_fields(
            field("Credential"),
            field("SignedHeaders"),
            field("Signature"),
            at,
            header(parts, "x-amz-security-token"),
            None,
        )
    }

    fn from_query(query: &BTreeMap<String, String>) -> Result<Self, Unreadable> {
        let field = |name: &str| query.get(name).map(String::as_str);
        if field("X-Amz-Algorithm") != Some("AWS4-HMAC-SHA256") {
            return Err(Unreadable(
                "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
            ));
        }
        let expires = field("X-Amz-Expires").and_then(|seconds| seconds.parse().ok());
        Self::from_fields(
            field("X-Amz-Credential"),
            field("X-Amz-SignedHeaders"),
            field("X-Amz-Signature"),
            field("X-Amz-Date").unwrap_or_default().to_owned(),
            field("X-Amz-Security-Token").map(str::to_owned),
            Some(expires.unwrap_or(0)),
        )
    }

    fn from_fields(
        credential: Option<&str>,
        signed_headers: Option<&str>,
        signature: Option<&str>,
        at: String,
        token: Option<String>,
        expires: Option<i64>,
    ) -> Result<Self, Unreadable> {
        let credential = credential.ok_or(Unreadable(
            "Authorization header requires 'Credential' parameter.",
        ))?;
        let signed_headers = signed_headers.ok_or(Unreadable(
            "Authorization header requires 'SignedHeaders' parameter.",
        ))?;
        let signature = signature.ok_or(Unreadable(
            "Authorization header requires 'Signature' parameter.",
        ))?;
        // An access key has no slash, but nothing else promises that, so the scope is cut from the end.
        let mut parts = credential.rsplitn(5, '/');
        let mut next = || parts.next().map(str::to_owned);
        let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(access_key)) =
            (next().as_deref(), next(), next(), next(), next())
        else {
            return Err(Unreadable(
                "Credential must have exactly 5 slash-delimited elements",
            ));
        };
        Ok(Self {
            access_key,
            day,
            region,
            service,
            headers: signed_headers.split(';').map(str::to_owned).collect(),
            signature: signature.into(),
            at,
            token,
            expires,
        })
    }

    /// The request as it was hashed for signing. S3 signs the path once encoded, all others twice.
    pub(super) fn canonical_request(&self, parts: &Parts, payload_hash: &str) -> String {
        let path = if self.service == "s3" {
            encode_path(&decode(parts.uri.path()))
        } else {
            encode_path(parts.uri.path())
        };
        let mut query: Vec<(String, String)> = query_pairs(parts.uri.query().unwrap_or_default())
            .into_iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (encode(&name), encode(&value)))
            .collect();
        query.sort();
        let query: Vec<String> = query
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|name| format!("{name}:{}", header(parts, name).unwrap_or_default()))
            .collect();
        [
            parts.method.as_str(),
            &path,
            &query.join("&"),
            &headers.join("\n"),
            "",
            &self.headers.join(";"),
            payload_hash,
        ]
        .join("\n")
    }

    pub(super) fn string_to_sign(&self, canonical_request: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.at,
            self.scope(),
            sha256_hex(canonical_request.as_bytes())
        )
    }

    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }

    /// The signature that someone who knows `secret` would have made.
    pub(super) fn expected(&self, secret: &str, string_to_sign: &str) -> String {
        hex(&sign(&self.signing_key(secret), string_to_sign))
    }

    pub(super) fn signing_key(&self, secret: &str) -> Vec<u8> {
        [&self.day, &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                sign(&key, part)
            })
    }
}

pub(super) fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

/// All values of a header, joined by commas, with runs of blanks made one.
pub(super) fn header(parts: &Parts, name: &str) -> Option<String> {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The query's pairs, decoded. A plus sign is a plus sign here, as the signers encode blanks as `%20`.
pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    /// The worked example of the AWS General Reference.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let parts = parts(
            http::Request::get("/?Action=ListUsers&Version=2010-05-08")
                .header(
                    "content-type",
                    "application/x-www-form-urlencoded; charset=utf-8",
                )
                .header("host", "iam.amazonaws.com")
                .header("x-amz-date", "20150830T123600Z")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, Signature=5d67",
                ),
        );
        let signed = Signed::read(&parts).unwrap().unwrap();
        assert_eq!(signed.access_key, "AKIDEXAMPLE");
        assert_eq!(signed.region, "us-east-1");
        let canonical = signed.canonical_request(&parts, &sha256_hex(b""));
        assert_eq!(
            signed.expected(SECRET, &signed.string_to_sign(&canonical)),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// "get-vanilla" of the published test suite.
    #[test]
    fn the_plainest_request_has_the_published_signature() {
        let parts = parts(
            http::Request::get("/")
                .header("host", "example.amazonaws.com")
                .header("x-amz-date", "20150830T123600Z")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=5fa0",
                ),
        );
        let signed = Signed::read(&parts).unwrap().unwrap();
        let canonical = signed.canonical_request(&parts, &sha256_hex(b""));
        assert_eq!(
            signed.expected(SECRET, &signed.string_to_sign(&canonical)),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    #[test]
    fn the_path_is_encoded_once_for_s3_and_twice_for_others() {
        let at = |service: &str| {
            let parts = parts(
                http::Request::get("/a%20b/c?z=1&a=%2F")
                    .header("host", "h")
                    .header("x-amz-date", "20150830T123600Z")
                    .header(
                        "authorization",
                        format!("AWS4-HMAC-SHA256 Credential=K/20150830/r/{service}/aws4_request, SignedHeaders=host, Signature=0"),
                    ),
            );
            Signed::read(&parts)
                .unwrap()
                .unwrap()
                .canonical_request(&parts, "hash")
        };
        assert_eq!(at("s3"), "GET\n/a%20b/c\na=%2F&z=1\nhost:h\n\nhost\nhash");
        assert_eq!(
            at("eks"),
            "GET\n/a%2520b/c\na=%2F&z=1\nhost:h\n\nhost\nhash"
        );
    }

    #[test]
    fn what_is_not_a_signature_is_none_or_unreadable() {
        let plain = parts(http::Request::get("/"));
        assert_eq!(Signed::read(&plain), Ok(None));
        let bearer = parts(http::Request::get("/").header("authorization", "Bearer x"));
        assert!(Signed::read(&bearer).is_err());
        let short = parts(
            http::Request::get("/")
                .header("x-amz-date", "20150830T123600Z")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
                ),
        );
        assert!(Signed::read(&short).is_err());
    }

    crate::corpus::fed!("signed-request", feed);

    /// Reads a request line and headers as the server gets them.
    fn feed(head: &[u8]) {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let mut request = http::Request::get(lines.next().unwrap_or_default());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            request = request.header(name.trim(), value.trim());
        }
        let Ok(request) = request.body(()) else {
            return;
        };
        let parts = request.into_parts().0;
        if let Ok(Some(signed)) = Signed::read(&parts) {
            let canonical = signed.canonical_request(&parts, &sha256_hex(b""));
            let expected = signed.expected(SECRET, &signed.string_to_sign(&canonical));
            assert_eq!(expected.len(), 64);
            assert_ne!(signed.signature, expected, "a forged signature");
        }
    }
}

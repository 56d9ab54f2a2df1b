//! Bodies in `aws-chunked` coding, with or without a signature on each chunk.
//!
//! Over plain HTTP the SDKs sign every chunk, so a streamed upload is checked like any other.

use bytes::Bytes;

use super::super::refusal::Refusal;
use super::super::sigv4::{Signed, sign};
use super::super::text::{hex, sha256_hex};
use super::{Ask, Proof};

/// The object's bytes, whatever coding they came in.
pub(super) fn plain(ask: &Ask<'_>, proof: &Proof<'_>) -> Result<Bytes, Refusal> {
    let kind = ask.header("x-amz-content-sha256").unwrap_or_default();
    if !kind.starts_with("STREAMING-") {
        return Ok(ask.body.clone());
    }
    let chain = kind
        .starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        .then(|| Chain::new(proof.signed, &proof.caller.secret));
    let body = unwrap(ask.body, chain)?;
    let length = ask
        .header("x-amz-decoded-content-length")
        .and_then(|text| text.parse().ok());
    if length == Some(body.len()) {
        Ok(body.into())
    } else {
        Err(Refusal::new(
            400,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the \
             x-amz-decoded-content-length HTTP header.",
        ))
    }
}

/// Each signature is made over the one before it; the first is the request's own.
struct Chain {
    key: Vec<u8>,
    at: String,
    scope: String,
    last: String,
}

impl Chain {
    fn new(signed: &Signed, secret: &str) -> Self {
        Self {
            key: signed.signing_key(secret),
            at: signed.at.clone(),
            scope: signed.scope(),
            last: signed.signature.clone(),
        }
    }

    fn check(&mut self, algorithm: &str, hashes: &str, given: Option<&str>) -> Result<(), Refusal> {
        let text = format!(
            "{algorithm}\n{}\n{}\n{}\n{hashes}",
            self.at, self.scope, self.last
        );
        self.last = hex(&sign(&self.key, &text));
        if given == Some(self.last.as_str()) {
            Ok(())
        } else {
            Err(Refusal::new(
                403,
                "SignatureDoesNotMatch",
                "The chunk signature we calculated does not match the signature you provided. \
                 Check your key and signing method.",
            ))
        }
    }
}

/// Takes `size;chunk-signature=…`, the bytes, and so on to the chunk of size 0 and the trailer.
fn unwrap(body: &[u8], mut chain: Option<Chain>) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let mut rest = body;
    loop {
        let (line, after) = line(rest).ok_or_else(incomplete)?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| incomplete())?;
        let data = after.get(..size).ok_or_else(incomplete)?;
        if let Some(chain) = &mut chain {
            let hashes = format!("{}\n{}", sha256_hex(b""), sha256_hex(data));
            let given = extension.strip_prefix("chunk-signature=");
            chain.check("AWS4-HMAC-SHA256-PAYLOAD", &hashes, given)?;
        }
        if size == 0 {
            check_trailer(after, chain.as_mut())?;
            return Ok(plain);
        }
        plain.extend_from_slice(data);
        rest = after[size..].strip_prefix(b"\r\n").ok_or_else(incomplete)?;
    }
}

fn check_trailer(mut rest: &[u8], chain: Option<&mut Chain>) -> Result<(), Refusal> {
    let mut signed = String::new();
    let mut given = None;
    while let Some((line, after)) = line(rest).filter(|(line, _)| !line.is_empty()) {
        match line.split_once(':') {
            Some(("x-amz-trailer-signature", signature)) => given = Some(signature.trim()),
            Some((name, value)) => {
                signed.extend([
                    name.trim(),
                    ":",
                    value.trim(),
                    "
",
                ]);
            }
            None => return Err(incomplete()),
        }
        rest = after;
    }
    match chain {
        Some(chain) if !signed.is_empty() => {
            let hash = sha256_hex(signed.as_bytes());
            chain.check("AWS4-HMAC-SHA256-TRAILER", &hash, given)
        }
        _ => Ok(()),
    }
}

/// The text up to the next line end, and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

fn incomplete() -> Refusal {
    Refusal::new(
        400,
        "IncompleteBody",
        "The request body terminated unexpectedly",
    )
}

/// What comes out is never more than what came in.
#[cfg(any(test, fuzzing))]
pub fn feed(body: &[u8]) {
    if let Ok(plain) = unwrap(body, None) {
        assert!(plain.len() <= body.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_the_trailer_is_left_out() {
        let body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(unwrap(body, None).unwrap(), b"abcde");
        assert_eq!(unwrap(b"0\r\n\r\n", None).unwrap(), b"");
    }

    #[test]
    fn a_torn_body_is_refused() {
        for body in [&b""[..], b"3\r\nab", b"3\r\nabcX\r\n0\r\n\r\n", b"zz\r\n"] {
            assert_eq!(unwrap(body, None).unwrap_err().code, "IncompleteBody");
        }
    }

    /// The worked example of the S3 documentation: 65 KiB and 1 KiB of the letter a.
    #[test]
    fn the_published_chunk_signatures_are_accepted_and_no_others() {
        let chain = || Chain {
            key: Signed {
                access_key: "AKIAIOSFODNN7EXAMPLE".into(),
                day: "20130524".into(),
                region: "us-east-1".into(),
                service: "s3".into(),
                headers: Vec::new(),
                signature: String::new(),
                at: String::new(),
                token: None,
                expires: None,
            }
            .signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            at: "20130524T000000Z".into(),
            scope: "20130524/us-east-1/s3/aws4_request".into(),
            last: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9".into(),
        };
        let body = |last: &str| {
            let mut body = b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n".to_vec();
            body.extend(vec![b'a'; 65536]);
            body.extend(b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
            body.extend([b'a'; 1024]);
            body.extend(format!("\r\n0;chunk-signature={last}\r\n\r\n").into_bytes());
            body
        };
        let right = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
        assert_eq!(unwrap(&body(right), Some(chain())).unwrap().len(), 66560);
        let wrong = unwrap(&body(&right.replace('b', "c")), Some(chain())).unwrap_err();
        assert_eq!(wrong.code, "SignatureDoesNotMatch");
    }

    crate::corpus::fed!("chunked", feed);
}

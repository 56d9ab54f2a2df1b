//! Requests that no client sends, over real HTTP: each gets an answer, and the server goes on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::practice::{KEY, Practice, REGION, SECRET};
use crate::corpus;
use crate::sandbox::aws::sigv4::Signed;
use crate::sandbox::aws::text::{encode, sha256_hex};

/// How long an answer may take. Generous: it decides when a hang becomes a failure.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
struct Sent {
    service: &'static str,
    method: &'static str,
    target: String,
    content: &'static str,
    body: Vec<u8>,
}

fn text(parser: &'static str) -> impl Strategy<Value = String> {
    corpus::inputs(parser).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Letters that a target cannot hold are encoded, so that the rest of it is read.
fn target(path: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/?&=%.-_~+:*".contains(letter);
    let mut target = String::from("/");
    for letter in path.chars().take(4_000) {
        if allowed(letter) {
            target.push(letter);
        } else {
            target += &encode(letter.encode_utf8(&mut [0; 4]));
        }
    }
    target
}

fn sent() -> impl Strategy<Value = Sent> {
    let methods = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "X"]);
    let contents = prop::sample::select(vec![
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "0",
    ]);
    let form = (
        prop::sample::select(vec!["sts", "iam"]),
        corpus::inputs("form"),
    )
        .prop_map(|(service, body)| Sent {
            service,
            method: "POST",
            target: "/".into(),
            content: "",
            body,
        });
    let rest = (
        prop::sample::select(vec!["s3", "eks", "iam", "sts", "nonesuch"]),
        methods,
        text("aws-target"),
        contents,
        corpus::inputs("chunked"),
    )
        .prop_map(|(service, method, path, content, body)| Sent {
            service,
            method,
            target: target(&path),
            content,
            body,
        });
    prop_oneof![form, rest]
}

/// The request as it goes over the wire, signed as the operator where its head can be read.
fn written(sent: &Sent, host: &str) -> Vec<u8> {
    let at = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let credential = format!("{KEY}/{}/{REGION}/{}/aws4_request", &at[..8], sent.service);
    let authorization = |signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, \
             Signature={signature}"
        )
    };
    let hash = if sent.content.is_empty() {
        sha256_hex(&sent.body)
    } else {
        sent.content.to_owned()
    };
    let request = http::Request::builder()
        .method(sent.method)
        .uri(&sent.target)
        .header("host", host)
        .header("x-amz-date", &at)
        .header("x-amz-content-sha256", &hash)
        .header("authorization", authorization("0"))
        .body(());
    let signature = request.ok().and_then(|request| {
        let parts = request.into_parts().0;
        let signed = Signed::read(&parts).ok()??;
        let canonical = signed.canonical_request(&parts, &hash);
        Some(signed.expected(SECRET, &signed.string_to_sign(&canonical)))
    });
    let mut written = format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {at}\r\nx-amz-content-sha256: {hash}\r\n\
         x-amz-decoded-content-length: 5\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         authorization: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        sent.method,
        sent.target,
        authorization(&signature.unwrap_or_default()),
        sent.body.len()
    )
    .into_bytes();
    written.extend_from_slice(&sent.body);
    written
}

/// Sends a request; `torn` says that nothing follows, whatever it promises.
async fn answered(host: &str, request: &[u8], torn: bool) -> Vec<u8> {
    let mut answer = Vec::new();
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        // It may refuse before it has read all.
        stream.write_all(request).await.ok();
        if torn {
            stream.shutdown().await.ok();
        }
        stream.read_to_end(&mut answer).await.ok();
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    answer
}

fn status(answer: &[u8]) -> Option<u16> {
    let head = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(head).ok()?.parse().ok()
}

#[test]
fn every_request_is_answered_and_the_world_stays_whole() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start());
    let endpoint = practice.server.endpoint();
    let host = endpoint.strip_prefix("http://").unwrap();
    let identity = Sent {
        service: "sts",
        method: "POST",
        target: "/".into(),
        content: "",
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
    };
    let asked = || runtime.block_on(answered(host, &written(&identity, host), false));
    assert_eq!(status(&asked()), Some(200));
    let seen = RefCell::new(BTreeMap::<u16, usize>::new());
    proptest!(|(sent in sent())| {
        let answer = runtime.block_on(answered(host, &written(&sent, host), false));
        let status = status(&answer);
        prop_assert!(status.is_some_and(|status| status != 500), "{:?}", String::from_utf8_lossy(&answer));
        *seen.borrow_mut().entry(status.unwrap()).or_default() += 1;
    });
    proptest!(|(garbage in proptest::collection::vec(any::<u8>(), 0..600))| {
        // It need not be HTTP; whoever stops in the middle of it may get no answer.
        runtime.block_on(answered(host, &garbage, true));
    });
    assert_eq!(status(&asked()), Some(200), "it goes on");
    let seen = seen.into_inner();
    assert!(
        seen.contains_key(&200) && seen.len() > 3,
        "not only refused at the door: {seen:?}"
    );
    let again = runtime.block_on(practice.restart("https://127.0.0.1:6443"));
    let roles = runtime.block_on(again.iam().list_roles().send());
    roles.expect("what it has kept can be read");
}

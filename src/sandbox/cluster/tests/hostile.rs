//! Requests that no client sends, over real HTTPS: each gets an answer, and the server goes on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use kube::client::Body;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use proptest::prelude::*;

use super::{client, start};
use crate::corpus;

/// How long an answer may take. Generous: it decides when a hang becomes a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a target cannot hold.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    target: String,
    content: &'static str,
    body: Vec<u8>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let methods = vec![
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X",
    ];
    let contents = vec![
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
        "text/html",
    ];
    (
        prop::sample::select(methods),
        corpus::inputs("cluster-target"),
        prop::sample::select(contents),
        corpus::inputs("cluster-body"),
    )
        .prop_map(|(method, path, content, body)| {
            let path = String::from_utf8_lossy(&path);
            let path: String = path.trim().chars().take(4_000).collect();
            let path = utf8_percent_encode(&path, ENCODED).to_string();
            Sent {
                method,
                target: format!("/{}", path.trim_start_matches('/')),
                content,
                body,
            }
        })
}

#[test]
fn every_request_is_answered_and_the_cluster_stays_whole() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = runtime.block_on(start(&directory));
    let client = runtime.block_on(client(&server));
    let version = || runtime.block_on(client.apiserver_version()).unwrap();
    version();
    let seen = RefCell::new(BTreeMap::<u16, usize>::new());
    proptest!(|(sent in sent())| {
        let request = Request::builder()
            .method(sent.method)
            .uri(&sent.target)
            .header("content-type", sent.content)
            .body(Body::from(sent.body.clone()));
        let Ok(request) = request else { return Ok(()) };
        let answer = runtime.block_on(async {
            let response = client.send(request).await?;
            let status = response.status();
            // A watch goes on for as long as it is listened to.
            let goes_on = ["watch", "follow"].iter().any(|word| sent.target.contains(word));
            if !goes_on {
                let body = response.into_body().collect_bytes();
                tokio::time::timeout(PATIENCE, body).await.expect("an end of the answer")?;
            }
            Ok::<_, kube::Error>(status)
        });
        let status = match answer {
            Ok(status) => status.as_u16(),
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        };
        prop_assert_ne!(status, 500);
        *seen.borrow_mut().entry(status).or_default() += 1;
    });
    version();
    let seen = seen.into_inner();
    assert!(
        seen.contains_key(&200) && seen.len() > 3,
        "not only refused at the door: {seen:?}"
    );
    runtime.block_on(server.stop());
    let again = runtime.block_on(start(&directory));
    let client = runtime.block_on(super::client(&again));
    runtime.block_on(client.apiserver_version()).unwrap();
}

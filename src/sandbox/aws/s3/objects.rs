//! Objects, small ones: they live in the state file.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};

use super::super::cloud::Cloud;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Object};
use super::super::text::{http_date, sha256_hex};
use super::{Ask, Proof, allow, chunked, empty, find};

/// What the practice cloud keeps of one object at most.
const LARGEST: usize = 4 << 20;

pub(super) fn put(cloud: &Cloud, ask: &Ask<'_>, proof: &Proof<'_>) -> Result<Response, Refusal> {
    let body = chunked::plain(ask, proof)?;
    if body.len() > LARGEST {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return Err(Refusal::new(400, "EntityTooLarge", message)
            .with("MaxSizeAllowed", LARGEST.to_string()));
    }
    let metadata: BTreeMap<String, String> = ask
        .parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let object = Object {
        content_type: ask
            .header("content-type")
            .unwrap_or_else(|| "binary/octet-stream".into()),
        // The shape of an MD5, which is what clients expect; AWS does not promise the digest.
        etag: format!("\"{}\"", &sha256_hex(&body)[..32]),
        modified: proof.now,
        metadata,
        body,
    };
    let etag = header_value(&object.etag);
    cloud.write(|state| {
        find(state, ask, proof)?;
        let bucket = state
            .buckets
            .get_mut(&ask.bucket)
            .expect("the bucket was just found");
        if ask.header("if-none-match").as_deref() == Some("*")
            && bucket.objects.contains_key(&ask.key)
        {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(
                Refusal::new(412, "PreconditionFailed", message).with("Condition", "If-None-Match")
            );
        }
        bucket.objects.insert(ask.key.clone(), object);
        Ok(())
    })?;
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert("etag", etag);
    Ok(response)
}

pub(super) fn get(state: &AwsState, ask: &Ask<'_>, proof: &Proof<'_>) -> Result<Response, Refusal> {
    let object = object(state, ask, proof)?;
    let mut response = head(state, ask, proof)?;
    *response.body_mut() = Body::from(object.body.clone());
    Ok(response)
}

pub(super) fn head(
    state: &AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<Response, Refusal> {
    let object = object(state, ask, proof)?;
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert("etag", header_value(&object.etag));
    headers.insert("content-type", header_value(&object.content_type));
    headers.insert("content-length", object.body.len().into());
    headers.insert("last-modified", header_value(&http_date(object.modified)));
    for (name, value) in &object.metadata {
        if let Ok(name) = HeaderName::try_from(format!("x-amz-meta-{name}")) {
            headers.insert(name, header_value(value));
        }
    }
    Ok(response)
}

/// Deleting what is not there succeeds, as it does on S3.
pub(super) fn delete(
    state: &mut AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<Response, Refusal> {
    find(state, ask, proof)?;
    if let Some(bucket) = state.buckets.get_mut(&ask.bucket) {
        bucket.objects.remove(&ask.key);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

fn object<'a>(
    state: &'a AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<&'a Object, Refusal> {
    let bucket = find(state, ask, proof)?;
    if let Some(object) = bucket.objects.get(&ask.key) {
        return Ok(object);
    }
    // Who may not list must not learn what is missing.
    allow(
        state,
        ask,
        proof,
        "s3:ListBucket",
        &format!("arn:aws:s3:::{}", ask.bucket),
    )?;
    Err(Refusal::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", &ask.key))
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

//! Block blobs: put as a whole, read as a whole or in part, removed.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::state::{Blob, StorageAccount};
use super::refusal::Refusal;
use super::{Answer, Call, containers, etag, http_date};

const METADATA: &str = "x-ms-meta-";

pub(super) fn put(call: &Call<'_>, account: &mut StorageAccount) -> Result<Answer, Refusal> {
    let container = account
        .containers
        .get_mut(call.target.container())
        .ok_or_else(Refusal::no_container)?;
    let kind = header(call, "x-ms-blob-type").ok_or_else(Refusal::missing_header)?;
    if kind != "BlockBlob" {
        return Err(Refusal::not_served());
    }
    let name = call.target.blob();
    let found = container.blobs.get(name);
    if header(call, "if-none-match") == Some("*") && found.is_some() {
        return Err(Refusal::exists("BlobAlreadyExists", "blob"));
    }
    let is_wrong_version =
        |wanted: &str| wanted != "*" && found.is_none_or(|found| found.etag != wanted);
    if header(call, "if-match").is_some_and(is_wrong_version) {
        return Err(Refusal::condition());
    }
    let content_type = header(call, "x-ms-blob-content-type")
        .or_else(|| header(call, "content-type"))
        .unwrap_or("application/octet-stream");
    let metadata: BTreeMap<String, String> = call
        .head
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA)?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let blob = Blob {
        body: call.body.to_vec(),
        content_type: content_type.to_owned(),
        etag: etag(),
        modified: call.now,
        metadata,
    };
    let mut headers = version(&blob);
    headers.push(("x-ms-request-server-encrypted", "true".into()));
    container.blobs.insert(name.to_owned(), blob);
    Ok(Answer {
        status: 201,
        headers,
        body: Vec::new(),
    })
}

pub(super) fn get(call: &Call<'_>, account: &StorageAccount) -> Result<Answer, Refusal> {
    let container = containers::find(call, account)?;
    let blob = container.blobs.get(call.target.blob());
    let blob = blob.ok_or_else(Refusal::no_blob)?;
    let mut headers = version(blob);
    headers.push(("content-type", blob.content_type.clone()));
    headers.push(("accept-ranges", "bytes".into()));
    headers.push(("x-ms-blob-type", "BlockBlob".into()));
    headers.push(("x-ms-creation-time", http_date(blob.modified)));
    headers.push(("x-ms-lease-status", "unlocked".into()));
    headers.push(("x-ms-server-encrypted", "true".into()));
    let size = blob.body.len();
    let wish = header(call, "x-ms-range").or_else(|| header(call, "range"));
    let Some(range) = wish.and_then(range) else {
        headers.push(("content-length", size.to_string()));
        return Ok(Answer {
            status: 200,
            headers,
            body: blob.body.clone(),
        });
    };
    if range.start >= size {
        return Err(Refusal::range());
    }
    let range = range.start..range.end.min(size);
    headers.push(("content-length", range.len().to_string()));
    headers.push((
        "content-range",
        format!("bytes {}-{}/{size}", range.start, range.end - 1),
    ));
    Ok(Answer {
        status: 206,
        headers,
        body: blob.body[range].to_vec(),
    })
}

pub(super) fn delete(call: &Call<'_>, account: &mut StorageAccount) -> Result<Answer, Refusal> {
    let container = account
        .containers
        .get_mut(call.target.container())
        .ok_or_else(Refusal::no_container)?;
    let removed = container.blobs.remove(call.target.blob());
    removed.ok_or_else(Refusal::no_blob)?;
    Ok(Answer {
        status: 202,
        headers: vec![("x-ms-delete-type-permanent", "true".into())],
        body: Vec::new(),
    })
}

/// The bytes of `bytes=5-9` or `bytes=5-`. What cannot be read is no wish.
fn range(wish: &str) -> Option<Range<usize>> {
    let (start, end) = wish.strip_prefix("bytes=")?.split_once('-')?;
    let start = start.parse().ok()?;
    let end = match end {
        "" => usize::MAX,
        end => end.parse::<usize>().ok()?.checked_add(1)?,
    };
    (start < end).then_some(start..end)
}

fn header<'a>(call: &'a Call<'_>, name: &str) -> Option<&'a str> {
    call.head.headers.get(name)?.to_str().ok()
}

fn version(blob: &Blob) -> Vec<(&'static str, String)> {
    vec![
        ("etag", blob.etag.clone()),
        ("last-modified", http_date(blob.modified)),
    ]
}

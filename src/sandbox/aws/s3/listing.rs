//! Lists of objects, and of their versions: without versioning each object has the one called `null`.

use axum::response::Response;

use super::super::refusal::Refusal;
use super::super::state::{Bucket, Object};
use super::super::text::{encode_path, iso_millis};
use super::super::xml::Xml;
use super::{Ask, document};

/// One line of a list: an object, or all that share a prefix up to the delimiter.
enum Line<'a> {
    Object(&'a str, &'a Object),
    Common(String),
}

struct Page<'a> {
    lines: Vec<Line<'a>>,
    truncated: bool,
}

pub(super) fn objects(bucket: &Bucket, ask: &Ask<'_>) -> Result<Response, Refusal> {
    let after = ask.query("continuation-token").or(ask.query("start-after"));
    let page = page(bucket, ask, after)?;
    let next = page.next_marker();
    let shown = head(ask)
        .text("KeyCount", page.lines.len())
        .text("MaxKeys", max_keys(ask)?)
        .text("IsTruncated", page.truncated)
        .maybe("ContinuationToken", ask.query("continuation-token"))
        .maybe("NextContinuationToken", next)
        .maybe("StartAfter", ask.query("start-after"))
        .and(page.render(ask, "Contents", |_, xml| xml));
    Ok(document("ListBucketResult", shown))
}

pub(super) fn versions(bucket: &Bucket, ask: &Ask<'_>) -> Result<Response, Refusal> {
    let page = page(bucket, ask, ask.query("key-marker"))?;
    let next = page.next_marker();
    let shown = head(ask)
        .text("KeyMarker", ask.query("key-marker").unwrap_or_default())
        .text(
            "VersionIdMarker",
            ask.query("version-id-marker").unwrap_or_default(),
        )
        .maybe("NextKeyMarker", next.as_ref().map(|key| name(ask, key)))
        .maybe("NextVersionIdMarker", next.as_ref().map(|_| "null"))
        .text("MaxKeys", max_keys(ask)?)
        .text("IsTruncated", page.truncated)
        .and(page.render(ask, "Version", |_, xml| {
            xml.text("VersionId", "null").text("IsLatest", true)
        }));
    Ok(document("ListVersionsResult", shown))
}

impl Page<'_> {
    fn next_marker(&self) -> Option<String> {
        self.lines
            .last()
            .filter(|_| self.truncated)
            .map(|line| match line {
                Line::Object(key, _) => (*key).to_owned(),
                Line::Common(prefix) => prefix.clone(),
            })
    }

    fn render(&self, ask: &Ask<'_>, element: &str, extend: impl Fn(&Object, Xml) -> Xml) -> Xml {
        self.lines.iter().fold(Xml::new(), |list, line| match line {
            Line::Object(key, object) => {
                let shown = Xml::new()
                    .text("Key", name(ask, key))
                    .text("LastModified", iso_millis(object.modified))
                    .text("ETag", &object.etag)
                    .text("Size", object.body.len())
                    .text("StorageClass", "STANDARD");
                list.node(element, extend(object, shown))
            }
            Line::Common(prefix) => list.node(
                "CommonPrefixes",
                Xml::new().text("Prefix", name(ask, prefix)),
            ),
        })
    }
}

fn head(ask: &Ask<'_>) -> Xml {
    Xml::new()
        .text("Name", &ask.bucket)
        .text("Prefix", name(ask, ask.query("prefix").unwrap_or_default()))
        .maybe(
            "Delimiter",
            ask.query("delimiter").map(|delimiter| name(ask, delimiter)),
        )
        .maybe("EncodingType", ask.query("encoding-type"))
}

/// Clients may ask for keys in percent-encoding, as XML cannot hold every letter.
fn name(ask: &Ask<'_>, key: &str) -> String {
    match ask.query("encoding-type") {
        Some("url") => encode_path(key),
        _ => key.to_owned(),
    }
}

fn max_keys(ask: &Ask<'_>) -> Result<usize, Refusal> {
    match ask.query("max-keys") {
        None => Ok(1000),
        Some(text) => text.parse().map(|max: usize| max.min(1000)).map_err(|_| {
            Refusal::new(
                400,
                "InvalidArgument",
                "Provided max-keys not an integer or within integer range",
            )
        }),
    }
}

fn page<'a>(bucket: &'a Bucket, ask: &Ask<'_>, after: Option<&str>) -> Result<Page<'a>, Refusal> {
    let max = max_keys(ask)?;
    let prefix = ask.query("prefix").unwrap_or_default();
    let delimiter = ask
        .query("delimiter")
        .filter(|delimiter| !delimiter.is_empty());
    let mut page = Page {
        lines: Vec::new(),
        truncated: false,
    };
    for (key, object) in bucket
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
    {
        let common = delimiter.and_then(|delimiter| {
            let end = key[prefix.len()..].find(delimiter)? + prefix.len() + delimiter.len();
            Some(key[..end].to_owned())
        });
        let shown = common.as_deref().unwrap_or(key);
        let is_shown_before = after.is_some_and(|after| shown <= after)
            || matches!((page.lines.last(), &common), (Some(Line::Common(last)), Some(common)) if last == common);
        if is_shown_before {
            continue;
        }
        if page.lines.len() == max {
            page.truncated = max > 0;
            break;
        }
        page.lines.push(match common {
            Some(common) => Line::Common(common),
            None => Line::Object(key, object),
        });
    }
    Ok(page)
}

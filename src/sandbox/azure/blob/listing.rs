//! Listings, page by page. A marker is the name that the next page begins with.

use std::collections::BTreeSet;

use super::super::state::{Blob, StorageAccount};
use super::refusal::Refusal;
use super::xml::{Xml, escaped};
use super::{Answer, Call, containers, http_date};

/// As many names as one page holds.
const MOST: usize = 5000;

/// What a listing asks for.
struct Wish<'a> {
    prefix: &'a str,
    marker: &'a str,
    most: usize,
}

impl<'a> Wish<'a> {
    fn of(call: &'a Call<'_>) -> Self {
        let text = |name: &str| call.query.get(name).unwrap_or_default();
        Self {
            prefix: text("prefix"),
            marker: text("marker"),
            most: text("maxresults").parse().unwrap_or(MOST).clamp(1, MOST),
        }
    }

    /// What is repeated at the head of the answer.
    fn head(&self, call: &Call<'_>) -> Xml {
        let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Xml::default()
            .maybe("Prefix", given(self.prefix))
            .maybe("Marker", given(self.marker))
            .maybe("MaxResults", call.query.get("maxresults"))
    }

    /// The names of one page, and the one that the next page begins with.
    fn page<T: AsRef<str>>(&self, names: impl Iterator<Item = T>) -> (Vec<T>, String) {
        let mut names = names
            .filter(|name| name.as_ref().starts_with(self.prefix) && name.as_ref() >= self.marker);
        let page: Vec<T> = names.by_ref().take(self.most).collect();
        let next = names.next().map(|name| name.as_ref().to_owned());
        (page, next.unwrap_or_default())
    }
}

pub(super) fn containers(call: &Call<'_>, account: &StorageAccount) -> Answer {
    let wish = Wish::of(call);
    let (page, next) = wish.page(account.containers.keys());
    let mut list = Xml::default();
    for name in page {
        let container = &account.containers[name];
        let properties = Xml::default()
            .text("Last-Modified", &http_date(container.created))
            .text("Etag", &container.etag)
            .text("LeaseStatus", "unlocked")
            .text("LeaseState", "available")
            .text("HasImmutabilityPolicy", "false")
            .text("HasLegalHold", "false");
        let container = Xml::default()
            .text("Name", name)
            .node("Properties", &properties);
        list = list.node("Container", &container);
    }
    let results = wish
        .head(call)
        .node("Containers", &list)
        .text("NextMarker", &next);
    results.document("EnumerationResults", &endpoint(call, account, ""), 200)
}

pub(super) fn blobs(call: &Call<'_>, account: &StorageAccount) -> Result<Answer, Refusal> {
    let container = containers::find(call, account)?;
    let wish = Wish::of(call);
    let delimiter = call.query.get("delimiter").unwrap_or_default();
    // Names that go on behind a delimiter are told by their common beginning.
    let shown: BTreeSet<String> = container
        .blobs
        .keys()
        .filter_map(|name| {
            let rest = name.strip_prefix(wish.prefix)?;
            let end = Some(delimiter)
                .filter(|delimiter| !delimiter.is_empty())
                .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
            Some(match end {
                Some(end) => format!("{}{}", wish.prefix, &rest[..end]),
                None => name.clone(),
            })
        })
        .collect();
    let (page, next) = wish.page(shown.into_iter());
    let mut list = Xml::default();
    for name in page {
        let whole = container.blobs.get(&name);
        list = match whole.filter(|_| delimiter.is_empty() || !name.ends_with(delimiter)) {
            Some(blob) => list.node("Blob", &entry(&name, blob)),
            None => list.node("BlobPrefix", &Xml::default().text("Name", &name)),
        };
    }
    let results = wish
        .head(call)
        .maybe(
            "Delimiter",
            Some(delimiter).filter(|delimiter| !delimiter.is_empty()),
        )
        .node("Blobs", &list)
        .text("NextMarker", &next);
    let of = format!(" ContainerName=\"{}\"", escaped(call.target.container()));
    Ok(results.document("EnumerationResults", &endpoint(call, account, &of), 200))
}

fn entry(name: &str, blob: &Blob) -> Xml {
    let modified = http_date(blob.modified);
    let properties = Xml::default()
        .text("Creation-Time", &modified)
        .text("Last-Modified", &modified)
        .text("Etag", blob.etag.trim_matches('"'))
        .text("Content-Length", &blob.body.len().to_string())
        .text("Content-Type", &blob.content_type)
        .text("BlobType", "BlockBlob")
        .text("AccessTier", "Hot")
        .text("AccessTierInferred", "true")
        .text("LeaseStatus", "unlocked")
        .text("LeaseState", "available")
        .text("ServerEncrypted", "true");
    Xml::default()
        .text("Name", name)
        .node("Properties", &properties)
        .text("OrMetadata", "")
}

/// The attribute that names the account as it was reached.
fn endpoint(call: &Call<'_>, account: &StorageAccount, more: &str) -> String {
    let host = call.head.headers.get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = match super::target::account_of_host(call.head) {
        Some(_) => String::new(),
        None => format!("{}/", account.name),
    };
    format!(
        " ServiceEndpoint=\"https://{}/{path}\"{more}",
        escaped(host)
    )
}

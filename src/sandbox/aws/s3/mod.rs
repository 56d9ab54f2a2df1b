//! S3: buckets and small objects, path style or `bucket.localhost`.

mod buckets;
mod chunked;
mod listing;
mod objects;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::authority::{authorize, context};
use super::caller::Caller;
use super::cloud::Cloud;
use super::policy::Request;
use super::refusal::Refusal;
use super::sigv4::{Signed, header, query_pairs};
use super::state::{AwsState, Bucket};
use super::text::decode;
use super::xml::Xml;
#[cfg(fuzzing)]
pub use chunked::feed;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What a request asks of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    DeleteBucket,
    GetBucketLocation,
    ListObjectVersions,
    ListObjectsV2,
    PutObject,
    GetObject,
    HeadObject,
    DeleteObject,
    Unknown,
}

/// One S3 request, taken apart.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) operation: Operation,
    pub(super) bucket: String,
    pub(super) key: String,
    query: Vec<(String, String)>,
    parts: &'a Parts,
    body: &'a Bytes,
}

/// The signed side of a request.
pub(super) struct Proof<'a> {
    pub(super) caller: &'a Caller,
    pub(super) signed: &'a Signed,
    pub(super) now: Timestamp,
}

impl Operation {
    pub(super) fn is_write(self) -> bool {
        matches!(
            self,
            Self::CreateBucket | Self::DeleteBucket | Self::PutObject | Self::DeleteObject
        )
    }

    /// The right that it takes; the names differ from the operations' where history says so.
    fn action(self) -> &'static str {
        match self {
            Self::ListBuckets => "s3:ListAllMyBuckets",
            Self::CreateBucket => "s3:CreateBucket",
            Self::HeadBucket | Self::ListObjectsV2 => "s3:ListBucket",
            Self::DeleteBucket => "s3:DeleteBucket",
            Self::GetBucketLocation => "s3:GetBucketLocation",
            Self::ListObjectVersions => "s3:ListBucketVersions",
            Self::PutObject => "s3:PutObject",
            Self::GetObject | Self::HeadObject => "s3:GetObject",
            Self::DeleteObject => "s3:DeleteObject",
            Self::Unknown => "s3:*",
        }
    }
}

impl<'a> Ask<'a> {
    pub(super) fn read(parts: &'a Parts, body: &'a Bytes) -> Self {
        let path = decode(parts.uri.path());
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = if let Some(bucket) = virtual_host(parts) {
            (bucket, path)
        } else {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (bucket.to_owned(), key)
        };
        let mut ask = Self {
            operation: Operation::Unknown,
            bucket,
            key: key.to_owned(),
            query: query_pairs(parts.uri.query().unwrap_or_default()),
            parts,
            body,
        };
        ask.operation = ask.route();
        ask
    }

    fn route(&self) -> Operation {
        let has = |name: &str| self.query(name).is_some();
        // A sub-resource that is not known must not fall through to the plain operation.
        let plain = self
            .query
            .iter()
            .all(|(name, _)| name == "x-id" || name.starts_with("X-Amz-"));
        let copies = self.parts.headers.contains_key("x-amz-copy-source");
        let method = &self.parts.method;
        match (self.bucket.is_empty(), self.key.is_empty()) {
            (true, _) if method == Method::GET => Operation::ListBuckets,
            (false, true) if method == Method::GET && has("location") => {
                Operation::GetBucketLocation
            }
            (false, true) if method == Method::GET && has("versions") => {
                Operation::ListObjectVersions
            }
            (false, true) if method == Method::GET && self.query("list-type") == Some("2") => {
                Operation::ListObjectsV2
            }
            (false, true) if method == Method::PUT && plain => Operation::CreateBucket,
            (false, true) if method == Method::HEAD => Operation::HeadBucket,
            (false, true) if method == Method::DELETE && plain => Operation::DeleteBucket,
            (false, false) if method == Method::PUT && plain && !copies => Operation::PutObject,
            (false, false) if method == Method::GET && plain => Operation::GetObject,
            (false, false) if method == Method::HEAD && plain => Operation::HeadObject,
            (false, false) if method == Method::DELETE && plain => Operation::DeleteObject,
            _ => Operation::Unknown,
        }
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1.as_str())
    }

    fn header(&self, name: &str) -> Option<String> {
        header(self.parts, name)
    }

    fn arn(&self) -> String {
        match (self.operation, self.key.as_str()) {
            (Operation::ListBuckets, _) => "arn:aws:s3:::*".into(),
            (_, "") => format!("arn:aws:s3:::{}", self.bucket),
            (_, key) => format!("arn:aws:s3:::{}/{key}", self.bucket),
        }
    }
}

pub(super) fn answer(cloud: &Cloud, ask: &Ask<'_>, proof: &Proof<'_>) -> Result<Response, Refusal> {
    if ask.operation == Operation::Unknown {
        return Err(Refusal::new(
            501,
            "NotImplemented",
            "A header or query you provided implies functionality that is not implemented.",
        ));
    }
    cloud
        .store
        .read(|state| allow(state, ask, proof, ask.operation.action(), &ask.arn()))?;
    match ask.operation {
        Operation::ListBuckets => cloud.store.read(|state| buckets::list(state, ask)),
        Operation::CreateBucket => cloud.write(|state| buckets::create(state, ask, proof)),
        Operation::HeadBucket => cloud.store.read(|state| buckets::head(state, ask, proof)),
        Operation::DeleteBucket => cloud.write(|state| buckets::delete(state, ask, proof)),
        Operation::GetBucketLocation => cloud.store.read(|state| buckets::location(state, ask)),
        Operation::ListObjectVersions => cloud
            .store
            .read(|state| listing::versions(find(state, ask, proof)?, ask)),
        Operation::ListObjectsV2 => cloud
            .store
            .read(|state| listing::objects(find(state, ask, proof)?, ask)),
        Operation::PutObject => objects::put(cloud, ask, proof),
        Operation::GetObject => cloud.store.read(|state| objects::get(state, ask, proof)),
        Operation::HeadObject => cloud.store.read(|state| objects::head(state, ask, proof)),
        Operation::DeleteObject => cloud.write(|state| objects::delete(state, ask, proof)),
        Operation::Unknown => unreachable!("refused above"),
    }
}

fn allow(
    state: &AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
    action: &str,
    resource: &str,
) -> Result<(), Refusal> {
    let prefix = ask.query("prefix").map(str::to_owned);
    let context = context(state, proof.caller, &proof.signed.region, proof.now)
        .with_all("s3:prefix", prefix)
        .with_all("s3:delimiter", ask.query("delimiter").map(str::to_owned))
        .with_all("s3:max-keys", ask.query("max-keys").map(str::to_owned));
    let request = Request {
        action,
        resource,
        context: &context,
    };
    authorize(state, proof.caller, proof.now, request)
        .map_err(|_| Refusal::new(403, "AccessDenied", "Access Denied"))
}

/// The bucket of the request, if it is there and the client signed for its region.
fn find<'a>(state: &'a AwsState, ask: &Ask<'_>, proof: &Proof<'_>) -> Result<&'a Bucket, Refusal> {
    let bucket = state
        .buckets
        .get(&ask.bucket)
        .ok_or_else(|| no_such_bucket(ask))?;
    let region = &proof.signed.region;
    if *region == bucket.region {
        return Ok(bucket);
    }
    let message = format!(
        "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
        bucket.region
    );
    Err(Refusal::new(400, "AuthorizationHeaderMalformed", message).with("Region", &bucket.region))
}

fn no_such_bucket(ask: &Ask<'_>) -> Refusal {
    Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist")
        .with("BucketName", &ask.bucket)
}

fn document(root: &str, xml: Xml) -> Response {
    let mut response = Response::new(Body::from(xml.document(root, Some(NAMESPACE))));
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/xml"),
    );
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// `bucket.localhost` and `bucket.s3.region.amazonaws.com` name the bucket in the host.
fn virtual_host(parts: &Parts) -> Option<String> {
    let host = header(parts, "host")?;
    let name = host.split(':').next()?;
    let bucket = name.strip_suffix(".localhost").or_else(|| {
        let rest = name.strip_suffix(".amazonaws.com")?;
        rest.rfind(".s3").map(|end| &rest[..end])
    })?;
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

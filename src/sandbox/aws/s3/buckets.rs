//! Buckets: names, regions, and who has them already.

use axum::response::Response;
use http::{HeaderValue, StatusCode};

use super::super::refusal::Refusal;
use super::super::state::{AwsState, Bucket};
use super::super::text::iso_millis;
use super::super::xml::{Xml, first_text};
use super::{Ask, Proof, document, empty, find, no_such_bucket};

/// The region whose buckets have no location constraint.
const FIRST_REGION: &str = "us-east-1";

pub(super) fn list(state: &AwsState, ask: &Ask<'_>) -> Result<Response, Refusal> {
    let prefix = ask.query("prefix").unwrap_or_default();
    let after = ask.query("continuation-token").unwrap_or_default();
    let region = ask.query("bucket-region");
    let max = match ask.query("max-buckets") {
        None => 10_000,
        Some(text) => text
            .parse()
            .ok()
            .filter(|max| (1..=10_000).contains(max))
            .ok_or_else(|| {
                let message = "Argument max-buckets must be an integer between 1 and 10000";
                Refusal::new(400, "InvalidArgument", message)
            })?,
    };
    let mut found = state
        .buckets
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after)
        .filter(|(_, bucket)| region.is_none_or(|region| region == bucket.region));
    let page: Vec<_> = found.by_ref().take(max).collect();
    let next = found.next().and(page.last()).map(|(name, _)| *name);
    let buckets = page.iter().fold(Xml::new(), |buckets, (name, bucket)| {
        let shown = Xml::new()
            .text("Name", name)
            .text("CreationDate", iso_millis(bucket.created))
            .text("BucketRegion", &bucket.region);
        buckets.node("Bucket", shown)
    });
    let owner = Xml::new().text("ID", owner_id(state));
    let shown = Xml::new()
        .node("Owner", owner)
        .node("Buckets", buckets)
        .maybe("ContinuationToken", next)
        .maybe("Prefix", ask.query("prefix"));
    Ok(document("ListAllMyBucketsResult", shown))
}

pub(super) fn create(
    state: &mut AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<Response, Refusal> {
    check_name(&ask.bucket)?;
    let endpoint = proof.signed.region.as_str();
    let body = String::from_utf8_lossy(ask.body);
    let constraint = first_text(&body, "LocationConstraint").filter(|text| !text.is_empty());
    check_location(endpoint, constraint)?;
    if state.buckets.contains_key(&ask.bucket) {
        // Only here may an owner say it twice.
        if endpoint != FIRST_REGION {
            let message = "Your previous request to create the named bucket succeeded and you \
                           already own it.";
            return Err(Refusal::new(409, "BucketAlreadyOwnedByYou", message)
                .with("BucketName", &ask.bucket));
        }
    } else {
        let bucket = Bucket {
            region: endpoint.into(),
            created: proof.now,
            objects: std::collections::BTreeMap::new(),
        };
        state.buckets.insert(ask.bucket.clone(), bucket);
    }
    let location = if endpoint == FIRST_REGION {
        format!("/{}", ask.bucket)
    } else {
        format!("http://{}.s3.amazonaws.com/", ask.bucket)
    };
    let location = HeaderValue::try_from(location).expect("a bucket's name is plain ASCII");
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert("location", location);
    Ok(response)
}

pub(super) fn head(
    state: &AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<Response, Refusal> {
    let bucket = find(state, ask, proof)?;
    let mut response = empty(StatusCode::OK);
    if let Ok(region) = HeaderValue::try_from(&bucket.region) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Ok(response)
}

pub(super) fn delete(
    state: &mut AwsState,
    ask: &Ask<'_>,
    proof: &Proof<'_>,
) -> Result<Response, Refusal> {
    if !find(state, ask, proof)?.objects.is_empty() {
        return Err(Refusal::new(
            409,
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty",
        )
        .with("BucketName", &ask.bucket));
    }
    state.buckets.remove(&ask.bucket);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The one call that any region answers: it is how clients find out.
pub(super) fn location(state: &AwsState, ask: &Ask<'_>) -> Result<Response, Refusal> {
    let bucket = state
        .buckets
        .get(&ask.bucket)
        .ok_or_else(|| no_such_bucket(ask))?;
    let region = if bucket.region == FIRST_REGION {
        ""
    } else {
        &bucket.region
    };
    Ok(document("LocationConstraint", Xml::value(region)))
}

pub(super) fn owner_id(state: &AwsState) -> String {
    super::super::text::sha256_hex(state.account.as_bytes())
}

fn check_location(endpoint: &str, constraint: Option<&str>) -> Result<(), Refusal> {
    let incompatible = |what: &str| {
        let message = format!(
            "The {what} location constraint is incompatible for the region specific endpoint \
             this request was sent to."
        );
        Err(Refusal::new(
            400,
            "IllegalLocationConstraintException",
            message,
        ))
    };
    match constraint {
        None if endpoint == FIRST_REGION => Ok(()),
        None => incompatible("unspecified"),
        Some(FIRST_REGION) if endpoint == FIRST_REGION => Err(Refusal::new(
            400,
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
        )
        .with("LocationConstraint", FIRST_REGION)),
        Some(region) if region == endpoint => Ok(()),
        Some(region) => incompatible(region),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = name
        .bytes()
        .all(|byte| fits(byte) || byte == b'-' || byte == b'.');
    let ends = name.bytes().next().is_some_and(fits) && name.bytes().last().is_some_and(fits);
    let address = name.parse::<std::net::Ipv4Addr>().is_ok();
    let reserved = name.starts_with("xn--") || name.contains("..") || name.ends_with("-s3alias");
    if (3..=63).contains(&name.len()) && inner && ends && !address && !reserved {
        Ok(())
    } else {
        Err(Refusal::new(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
        )
        .with("BucketName", name))
    }
}

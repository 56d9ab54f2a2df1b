//! The operations on buckets.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectVersion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::document::Document;
use super::options::Options;
use super::{Answer, AwsCli, Failure, USAGE};
use crate::sandbox::cluster::Process;

/// S3 as a process asks it, with buckets in the path: they have no host names on loopback.
async fn s3(cli: &AwsCli, options: &Options, process: &Process) -> Result<Client, Failure> {
    let config = cli.configured(options, process).await?;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
    Ok(Client::from_conf(config.build()))
}

pub(super) async fn list_object_versions(
    cli: &AwsCli,
    options: &Options,
    process: &Process,
) -> Answer {
    let bucket = options.required("bucket")?;
    let most = match options.get("max-items").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(most)) => most,
        Some(Err(_)) => {
            let words = "argument --max-items: expected an integer";
            return Err(Failure::usage(words));
        }
    };
    let mut pages = s3(cli, options, process)
        .await?
        .list_object_versions()
        .bucket(bucket)
        .set_prefix(options.get("prefix").map(str::to_owned));
    let mut versions: Vec<Value> = Vec::new();
    let mut is_cut = false;
    loop {
        let page = pages.clone().send().await;
        let page = page.map_err(|error| cli.refused("ListObjectVersions", error))?;
        for version in page.versions() {
            if versions.len() == most {
                is_cut = true;
                break;
            }
            versions.push(shown(version));
        }
        if is_cut || page.is_truncated() != Some(true) {
            break;
        }
        pages = pages
            .set_key_marker(page.next_key_marker)
            .set_version_id_marker(page.next_version_id_marker);
    }
    let mut document = Document::default();
    if is_cut {
        // The spaces are those of Python.
        let mark = format!(
            "{{\"KeyMarker\": null, \"VersionIdMarker\": null, \"boto_truncate_amount\": {most}}}"
        );
        document.0.push(("NextToken", STANDARD.encode(mark).into()));
    }
    if !versions.is_empty() {
        document.0.push(("Versions", versions.into()));
    }
    Ok(document)
}

fn shown(version: &ObjectVersion) -> Value {
    let modified = version.last_modified().map(|at| {
        let at = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
        at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    });
    json!({
        "ETag": version.e_tag(),
        "Size": version.size(),
        "StorageClass": version.storage_class().map(|class| class.as_str().to_owned()),
        "Key": version.key(),
        "VersionId": version.version_id(),
        "IsLatest": version.is_latest(),
        "LastModified": modified,
    })
}

pub(super) async fn create_bucket(cli: &AwsCli, options: &Options, process: &Process) -> Answer {
    let bucket = options.required("bucket")?;
    let configuration = match options.get("create-bucket-configuration") {
        None => None,
        Some(text) => {
            let location = text.strip_prefix("LocationConstraint=").ok_or_else(|| {
                let words = format!("Parameter validation failed:\nUnknown parameter in CreateBucketConfiguration: \"{text}\", must be one of: LocationConstraint");
                Failure(USAGE, words)
            })?;
            let location = BucketLocationConstraint::from(location);
            let configuration = CreateBucketConfiguration::builder();
            Some(configuration.location_constraint(location).build())
        }
    };
    let made = s3(cli, options, process)
        .await?
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(configuration)
        .send();
    let made = made
        .await
        .map_err(|error| cli.refused("CreateBucket", error))?;
    Ok(Document(vec![("Location", made.location.into())]))
}

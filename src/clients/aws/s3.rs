//! Buckets: the two calls that prove a workload's access, and the list for the wizard.

use aws_sdk_s3::config::{Builder, Region, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::connect::Aws;
use super::error::AwsError;
use super::sts::SessionCredentials;

/// Where buckets are made without saying where; naming it is an error.
const DEFAULT_LOCATION: &str = "us-east-1";

/// What the first page of a bucket's versions showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionListing {
    /// How many versions the page held; at most a thousand.
    pub versions: usize,
}

impl Aws {
    /// Returns the names of the caller's buckets.
    pub async fn list_buckets(&self) -> Result<Vec<String>, AwsError> {
        let buckets: Vec<_> = self
            .inner
            .s3
            .list_buckets()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("s3:ListBuckets"))?;
        Ok(buckets
            .into_iter()
            .filter_map(|bucket| bucket.name)
            .collect())
    }

    /// Lists the versions in `bucket`, as `session` when there is one. A bucket that does not exist
    /// is an error here, with the code `NoSuchBucket`: to a proof it says that listing is allowed.
    pub async fn list_object_versions(
        &self,
        bucket: &str,
        session: Option<&SessionCredentials>,
    ) -> Result<VersionListing, AwsError> {
        let listing = self
            .inner
            .s3
            .list_object_versions()
            .bucket(bucket)
            .customize()
            .config_override(on_behalf_of(session))
            .send()
            .await
            .map_err(self.failed("s3:ListObjectVersions"))?;
        Ok(VersionListing {
            versions: listing.versions().len(),
        })
    }

    /// Creates `bucket` in `region`, as `session` when there is one.
    pub async fn create_bucket(
        &self,
        bucket: &str,
        region: &str,
        session: Option<&SessionCredentials>,
    ) -> Result<(), AwsError> {
        let location = (region != DEFAULT_LOCATION).then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        self.inner
            .s3
            .create_bucket()
            .bucket(bucket)
            .set_create_bucket_configuration(location)
            .customize()
            .config_override(on_behalf_of(session).region(Region::new(region.to_owned())))
            .send()
            .await
            .map_err(self.failed("s3:CreateBucket"))?;
        Ok(())
    }
}

fn on_behalf_of(session: Option<&SessionCredentials>) -> Builder {
    let mut config = Builder::new();
    config.set_credentials_provider(
        session.map(|session| SharedCredentialsProvider::new(session.for_sdk())),
    );
    config
}

//! The EKS clusters of the account.

use super::connect::Aws;
use super::error::{AwsError, found};

/// An EKS cluster, as far as we need to know it. What EKS has not made yet is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EksCluster {
    /// Its name, unique in account and region.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`, `CREATING`, `UPDATING` and so on.
    pub status: String,
    /// The Kubernetes version, such as `1.33`.
    pub version: Option<String>,
    /// The URL of its API server.
    pub endpoint: Option<String>,
    /// The authority of its API server's certificate: PEM in base64, as in a kubeconfig.
    pub certificate_authority: Option<String>,
    /// The URL of its OIDC issuer.
    pub issuer: Option<String>,
}

impl Aws {
    /// Returns the names of the clusters in the region.
    pub async fn list_clusters(&self) -> Result<Vec<String>, AwsError> {
        self.inner
            .eks
            .list_clusters()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("eks:ListClusters"))
    }

    /// Returns one cluster of the region.
    pub async fn cluster(&self, name: &str) -> Result<Option<EksCluster>, AwsError> {
        const OPERATION: &str = "eks:DescribeCluster";
        let answer = self
            .inner
            .eks
            .describe_cluster()
            .name(name)
            .send()
            .await
            .map_err(self.failed(OPERATION));
        let Some(cluster) = found(answer)?.and_then(|answer| answer.cluster) else {
            return Ok(None);
        };
        Ok(Some(EksCluster {
            name: name.to_owned(),
            arn: cluster
                .arn
                .ok_or_else(|| AwsError::incomplete(OPERATION, "ARN"))?,
            status: cluster
                .status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            version: cluster.version,
            endpoint: cluster.endpoint,
            certificate_authority: cluster.certificate_authority.and_then(|ca| ca.data),
            issuer: cluster
                .identity
                .and_then(|identity| identity.oidc)
                .and_then(|oidc| oidc.issuer),
        }))
    }
}

//! The AWS half of a world: an account with a cluster of EKS.

use std::path::PathBuf;
use std::sync::Arc;

use super::{AWS, CLUSTER, Credentials, KUBERNETES, SandboxError, at, failed, start_cluster};
use crate::sandbox::aws::{self, AwsServer, KeySource};
use crate::sandbox::cluster::{self, ClusterServer};
use crate::sandbox::conduct::Conduct;
use crate::sandbox::programs::PracticePrograms;

pub(super) const ACCOUNT: &str = "123451234512";
pub(super) const REGION: &str = "us-west-2";
/// What the cluster's node is in AWS, and the role it has there.
const INSTANCE: &str = "i-0practice00000001";
const NODE_ROLE: &str = "eksctl-arrikto-cluster-nodegroup-workers-NodeInstanceRole";

/// Starts the cluster, and AWS around it.
pub(super) async fn open(
    directory: PathBuf,
    credentials: Credentials,
    conduct: Conduct,
) -> Result<(AwsServer, ClusterServer), SandboxError> {
    let seed = cluster::ClusterSeed {
        platform: cluster::Platform::Eks,
        name: CLUSTER.into(),
        issuer: None,
        region: REGION.into(),
        scale_set: None,
    };
    let cluster = start_cluster(&directory.join(KUBERNETES), seed, &conduct).await?;
    let seed = aws::Seed {
        account: ACCOUNT.into(),
        region: REGION.into(),
        access_key: credentials.access_key,
        secret_key: credentials.secret_key,
        clusters: vec![aws::ClusterSeed {
            name: CLUSTER.into(),
            endpoint: cluster.endpoint(),
            certificate_authority_pem: cluster.ca_pem(),
            issuer: cluster.issuer(),
            status: "ACTIVE".into(),
        }],
    };
    // Outside, STS fetches the keys from the issuer's URL; here that URL leads to our cluster.
    let (issuer, keys) = (cluster.issuer(), cluster.jwks());
    let keys: KeySource = Arc::new(move |asked| (asked == issuer).then(|| keys.clone()));
    let state_file = directory.join(AWS);
    let aws = AwsServer::start(&state_file, seed, keys, conduct)
        .await
        .map_err(failed("AWS"))?;
    let instance = aws.instance(INSTANCE, NODE_ROLE).map_err(at(&state_file))?;
    cluster.start_node(Arc::new(PracticePrograms::new(&aws.endpoint(), instance)));
    Ok((aws, cluster))
}

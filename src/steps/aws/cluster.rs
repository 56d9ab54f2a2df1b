//! The EKS cluster: its issuer, its endpoint, and whether it can be used.

use async_trait::async_trait;

use super::refused;
use crate::clients::aws::Aws;
use crate::engine::{Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::cluster::ChosenCluster;

/// The cluster's OIDC issuer without `https://`.
pub const ISSUER: FactKey<String> = FactKey::new("aws.issuer");
/// The URL of the cluster's API.
pub const ENDPOINT: FactKey<String> = FactKey::new("aws.cluster-endpoint");
/// The certificate authority of the cluster's API, in base64.
pub const CERTIFICATE_AUTHORITY: FactKey<String> = FactKey::new("aws.cluster-ca");

/// Describes the cluster.
pub struct Cluster {
    /// The account.
    pub aws: Aws,
    /// The cluster's name.
    pub name: String,
    /// The region, for messages.
    pub region: String,
    /// An issuer that the operator named, without `https://`.
    pub issuer: Option<String>,
    /// Whether another API server than the cluster's endpoint was accepted explicitly.
    pub accepts_other_server: bool,
}

#[async_trait]
impl Step for Cluster {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![ISSUER.name(), ENDPOINT.name(), CERTIFICATE_AUTHORITY.name()],
            ..StepMeta::new(
                "aws.cluster",
                "EKS cluster and its OIDC issuer",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let name = &self.name;
        let Some(cluster) = self.aws.cluster(name).await.map_err(refused)? else {
            return Err(self.unknown().await);
        };
        if cluster.status != "ACTIVE" {
            return Err(StepError::answers(format!(
                "EKS cluster `{name}` is {}; expected ACTIVE",
                cluster.status
            ))
            .hint(format!(
                "wait for it: `aws eks wait cluster-active --name {name} --region {}`",
                self.region
            )));
        }
        let Some(issuer) = &cluster.issuer else {
            return Err(StepError::answers(format!(
                "EKS cluster `{name}` has no OIDC issuer; expected one, as every cluster since 1.13 has"
            )));
        };
        let (Some(endpoint), Some(authority)) = (&cluster.endpoint, &cluster.certificate_authority)
        else {
            return Err(StepError::failed(format!(
                "EKS cluster `{name}` is ACTIVE without an endpoint"
            )));
        };
        let found = without_scheme(issuer);
        let version = cluster.version.as_deref().unwrap_or("unknown");
        let mut observation =
            Observation::satisfied(format!("ACTIVE, version {version}, issuer {found}"))
                .with(&ENDPOINT, endpoint)
                .with(&CERTIFICATE_AUTHORITY, authority);
        match &self.issuer {
            Some(named) if without_scheme(named) != found => {
                if !self.accepts_other_server {
                    return Err(StepError::answers(format!(
                        "`eks_cluster_oidc` is `{}`, the issuer of EKS cluster `{name}` is `{found}`",
                        without_scheme(named)
                    ))
                    .hint("leave `eks_cluster_oidc` out: it is discovered")
                    .hint("where another API server stands for the cluster, say so with `kube_context_accept=yes`"));
                }
                let named = without_scheme(named).to_owned();
                observation = observation
                    .notice(format!(
                        "uses issuer `{named}` as answered; EKS says `{found}`"
                    ))
                    .with(&ISSUER, &named);
            }
            _ => observation = observation.with(&ISSUER, &found.to_owned()),
        }
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Cluster {
    async fn unknown(&self) -> StepError {
        let error = StepError::answers(format!(
            "EKS cluster `{}` does not exist in region {}",
            self.name, self.region
        ));
        // What is there helps to choose; that it cannot be listed is no second error.
        match self.aws.list_clusters().await {
            Ok(names) if names.is_empty() => {
                error.hint("this region has no EKS cluster; is it the right one?")
            }
            Ok(names) => error.hint(format!("this region has: {}", names.join(", "))),
            Err(_) => error,
        }
    }
}

/// Returns what a kube context is held against.
pub fn chosen(name: &str, region: &str) -> ChosenCluster {
    ChosenCluster {
        title: format!("EKS cluster `{name}`"),
        makes_context: format!("aws eks update-kubeconfig --name {name} --region {region}"),
        endpoint: &ENDPOINT,
        certificate_authority: &CERTIFICATE_AUTHORITY,
        issuer: &ISSUER,
    }
}

/// The issuer as trust policies and provider ARNs name it.
pub(super) fn without_scheme(issuer: &str) -> &str {
    let rest = issuer
        .strip_prefix("https://")
        .or_else(|| issuer.strip_prefix("http://"));
    rest.unwrap_or(issuer).trim_end_matches('/')
}

//! What can be offered as an answer, from the clouds, the kubeconfig and the clone.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::aws::{AwsDiscovery, refused};
use super::azure::AzureDiscovery;
use super::cluster::Clusters;
use super::gitops::Remotes;
use crate::clients::cluster::contexts;
use crate::engine::{Answers, Candidate, Discovery, StepError};

/// Candidates for the questions of every recipe. Keys tell which cloud is asked.
pub struct Everywhere {
    /// Candidates about AWS.
    pub aws: AwsDiscovery,
    /// Candidates about Azure.
    pub azure: AzureDiscovery,
    /// The ways to clusters.
    pub cluster: Clusters,
    /// Whether the cluster may be asked.
    pub uses_cluster: bool,
    /// Repositories that are not cloned yet.
    pub remotes: Remotes,
}

#[async_trait]
impl Discovery for Everywhere {
    async fn candidates(&self, key: &str, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        match key {
            "kube_context" if self.uses_cluster => self.contexts(answers).await,
            "aws_default_region" => {
                let found = self.aws.candidates(key, answers).await?;
                Ok(if found.is_empty() {
                    self.regions_of_nodes().await
                } else {
                    found
                })
            }
            _ if is_of_azure(key) => self.azure.candidates(key, answers).await,
            _ => self.aws.candidates(key, answers).await,
        }
    }

    async fn stored(&self, answers: &Answers) -> Result<BTreeMap<String, String>, StepError> {
        self.remotes.choices(answers).await
    }
}

impl Everywhere {
    /// The context whose server is the chosen cluster's endpoint, else the current one.
    async fn contexts(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let found = contexts(self.cluster.kubeconfig())
            .map_err(|error| StepError::answers(error.to_string()))?;
        let servers = self.servers(answers).await?;
        let is_server = |server: &str| servers.iter().any(|known| is_same(known, server));
        let of_cluster = found
            .contexts
            .iter()
            .find(|context| is_server(&context.server));
        let preferred = of_cluster
            .map(|context| &context.name)
            .or(found.current.as_ref())
            .cloned();
        Ok(found
            .contexts
            .into_iter()
            .map(|context| {
                let is_preferred = preferred.as_ref() == Some(&context.name);
                Candidate::new(context.name, context.server).preferred(is_preferred)
            })
            .collect())
    }

    /// The addresses of the chosen cluster's API server, as its cloud tells them.
    async fn servers(&self, answers: &Answers) -> Result<Vec<String>, StepError> {
        let Some(name) = answers.get("eks_cluster") else {
            return self.azure.servers(answers).await;
        };
        let client = self.aws.connector.client(answers).await?;
        // That the cluster may not be described is told by the step that needs it.
        let cluster = unless_lasting(client.cluster(name).await.map_err(refused))?;
        let endpoint = cluster.and_then(|cluster| cluster.endpoint);
        Ok(endpoint.into_iter().collect())
    }

    /// The region that the cluster's nodes say they are in, when nothing else names one.
    async fn regions_of_nodes(&self) -> Vec<Candidate> {
        if !self.uses_cluster {
            return Vec::new();
        }
        let access = self.cluster.access(None);
        // No cluster to ask, or no right to: then this source has nothing to say.
        let Ok(client) = access.client().await else {
            return Vec::new();
        };
        let regions = client.node_regions().await.unwrap_or_default();
        regions
            .into_iter()
            .map(|region| Candidate::new(region, "from the nodes' labels"))
            .collect()
    }
}

/// What may not be known is said by the step that needs it; what fails otherwise is no answer.
pub(super) fn unless_lasting<T>(
    asked: Result<Option<T>, StepError>,
) -> Result<Option<T>, StepError> {
    match asked {
        Err(error) if !error.is_lasting() => Err(error),
        asked => Ok(asked.ok().flatten()),
    }
}

fn is_of_azure(key: &str) -> bool {
    ["az_", "aks_", "storage_"]
        .iter()
        .any(|start| key.starts_with(start))
}

/// Whether two addresses are of one server; the port of HTTPS may be left out.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |server: &str| {
        let server = server.trim_end_matches('/');
        server
            .strip_suffix(":443")
            .unwrap_or(server)
            .to_ascii_lowercase()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_with_and_without_the_usual_port() {
        assert!(is_same("https://A.azmk8s.io:443", "https://a.azmk8s.io/"));
        assert!(!is_same("https://127.0.0.1:1", "https://127.0.0.1:2"));
    }
}

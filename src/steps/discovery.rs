//! What can be offered as an answer, from AWS, the kubeconfig and the clone.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::aws::AwsDiscovery;
use super::cluster::Clusters;
use super::gitops::Remotes;
use crate::clients::cluster::contexts;
use crate::engine::{Answers, Candidate, Discovery, StepError};

/// Candidates for the questions of the EKS recipes.
pub struct EksDiscovery {
    /// Candidates about AWS.
    pub aws: AwsDiscovery,
    /// The ways to clusters.
    pub cluster: Clusters,
    /// Whether the cluster may be asked.
    pub uses_cluster: bool,
    /// Repositories that are not cloned yet.
    pub remotes: Remotes,
}

#[async_trait]
impl Discovery for EksDiscovery {
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
            _ => self.aws.candidates(key, answers).await,
        }
    }

    async fn stored(&self, answers: &Answers) -> Result<BTreeMap<String, String>, StepError> {
        self.remotes.choices(answers).await
    }
}

impl EksDiscovery {
    /// The context whose server is the chosen cluster's endpoint, else the current one.
    async fn contexts(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let found = contexts(self.cluster.kubeconfig())
            .map_err(|error| StepError::answers(error.to_string()))?;
        let endpoint: Option<String> = match answers.get("eks_cluster") {
            Some(name) => {
                let client = self.aws.connector.client(answers).await?;
                // That the cluster cannot be described is told by the step that needs it.
                client
                    .cluster(name)
                    .await
                    .ok()
                    .flatten()
                    .and_then(|cluster| cluster.endpoint)
            }
            None => None,
        };
        let of_cluster = found
            .contexts
            .iter()
            .find(|context| endpoint.as_deref() == Some(context.server.trim_end_matches('/')));
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

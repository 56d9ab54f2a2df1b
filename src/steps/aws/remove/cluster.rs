//! The EKS cluster of what is removed, which may be gone itself: people delete clusters first.

use async_trait::async_trait;

use crate::engine::{Context, ErrorKind, Facts, Observation, Step, StepError, StepMeta};
use crate::steps::aws::cluster::without_scheme;
use crate::steps::aws::{Cluster, ISSUER, refused};

/// Describes the cluster, and can do without.
pub struct FormerCluster {
    /// The cluster as it was.
    pub cluster: Cluster,
    /// Whether nothing in the cluster is to be looked at.
    pub is_left_out: bool,
}

#[async_trait]
impl Step for FormerCluster {
    fn meta(&self) -> StepMeta {
        self.cluster.meta()
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let error = match self.cluster.check(facts, context).await {
            Err(error) if error.kind == ErrorKind::Answers => error,
            seen => return seen,
        };
        if !self.is_left_out {
            return Err(error.hint(
                "if the cluster is gone, `--no-cluster` removes what is left in the account",
            ));
        }
        let name = &self.cluster.name;
        let found = self.cluster.aws.cluster(name).await.map_err(refused)?;
        let (note, issuer) = match found {
            Some(cluster) => (cluster.status, cluster.issuer),
            None => ("gone".into(), None),
        };
        let issuer = issuer.or_else(|| self.cluster.issuer.clone());
        let issuer = issuer.unwrap_or_default();
        let mut seen = Observation::satisfied(format!("`{name}` is {note}"))
            .with(&ISSUER, &without_scheme(&issuer).to_owned());
        if issuer.is_empty() {
            seen = seen.notice("its issuer is unknown, so the OIDC provider is found by our tags");
        }
        Ok(seen)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

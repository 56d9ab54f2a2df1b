//! The namespaces of Rok.

use async_trait::async_trait;
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::access::{ClusterAccess, refused};
use super::context::CLUSTER_UID;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// The field manager of everything this tool applies.
pub(in crate::steps) const FIELD_MANAGER: &str = "rok-deploy";

/// Creates the namespaces that are not there. Existing ones are used as they are.
pub struct Namespaces {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The namespaces' names.
    pub names: Vec<String>,
}

#[async_trait]
impl Step for Namespaces {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name()],
            settle: Settle::SHORT,
            ..StepMeta::new("rok.namespaces", "Namespaces of Rok", Phase::Apply)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let missing = self.missing().await?.into_iter();
        let create = |name| Change::new(Verb::Create, "namespace", name);
        Ok(Observation::of_changes(
            missing.map(create).collect(),
            format!("{} exist", self.names.join(", ")),
        ))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let client = self.access.client().await?;
        let creations = self.missing().await?.into_iter().map(async |name| {
            let creation = client.apply(&namespace(name), FIELD_MANAGER).await;
            creation.map(|_| ()).map_err(refused)
        });
        try_join_all(creations).await.map(|_| ())
    }
}

impl Namespaces {
    /// Returns the names of the namespaces that are not there.
    async fn missing(&self) -> Result<Vec<&str>, StepError> {
        let client = self.access.client().await?;
        let looks = self.names.iter().map(async |name| {
            let found = client.namespace(name).await.map_err(refused)?;
            Ok(found.is_none().then_some(name.as_str()))
        });
        let missing = try_join_all(looks).await?;
        Ok(missing.into_iter().flatten().collect())
    }
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

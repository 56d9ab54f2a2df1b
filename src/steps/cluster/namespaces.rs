//! The namespaces of Rok.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::access::{ClusterAccess, refused};
use super::context::CLUSTER_UID;
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};

/// The field manager of everything this tool applies.
pub(super) const FIELD_MANAGER: &str = "rok-deploy";

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
        let client = self.access.client().await?;
        let mut changes = Vec::new();
        for name in &self.names {
            if client.namespace(name).await.map_err(refused)?.is_none() {
                changes.push(Change::new(Verb::Create, "namespace", name));
            }
        }
        Ok(Observation::of_changes(
            changes,
            format!("{} exist", self.names.join(", ")),
        ))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let client = self.access.client().await?;
        for name in &self.names {
            if client.namespace(name).await.map_err(refused)?.is_none() {
                client
                    .apply(&namespace(name), FIELD_MANAGER)
                    .await
                    .map_err(refused)?;
            }
        }
        Ok(())
    }
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

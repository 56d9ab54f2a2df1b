//! Deletes the service account that we made, unless Pods run as it. One of others stays whole.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::azure::AzureIdentity;
use crate::steps::azure::service_account::is_ours;
use crate::steps::cluster::{CLUSTER_UID, ClusterAccess, refused};
use crate::steps::removal::stays;

/// Deletes the service account.
pub struct RemoveAccount {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// What it is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for RemoveAccount {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name()],
            after: vec!["rok.remove-proof"],
            settle: Settle::SHORT,
            ..StepMeta::new(
                "cluster.remove-service-account",
                "Service account is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let AzureIdentity {
            namespace,
            service_account: name,
            ..
        } = &self.identity;
        let place = format!("{namespace}/{name}");
        let what = format!("service account `{place}`");
        let client = self.access.client().await?;
        let found = client.service_account(namespace, name).await;
        Ok(match found.map_err(refused)? {
            None => Observation::satisfied("not there"),
            Some(account) if !is_ours(&account) => stays(&what, "rok-deploy did not make it"),
            Some(_) => match &self.pods().await?[..] {
                [] => {
                    Observation::differs(vec![Change::new(Verb::Delete, "service account", place)])
                }
                pods => stays(&what, &format!("Pods run as it: {}", pods.join(", "))),
            },
        })
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let AzureIdentity {
            namespace,
            service_account: name,
            ..
        } = &self.identity;
        let client = self.access.client().await?;
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": namespace },
        });
        client.delete(&account).await.map_err(refused)?;
        Ok(())
    }
}

impl RemoveAccount {
    /// Returns the Pods that run as the account.
    async fn pods(&self) -> Result<Vec<String>, StepError> {
        let client = self.access.client().await?;
        let all = BTreeMap::new();
        let pods = client.pods(&self.identity.namespace, &all).await;
        let runs_as = |pod: &&Value| {
            let account = pod["spec"]["serviceAccountName"].as_str();
            account == Some(self.identity.service_account.as_str())
        };
        let pods = pods.map_err(refused)?;
        let names = pods.iter().filter(runs_as);
        Ok(names
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .map(|name| format!("`{name}`"))
            .collect())
    }
}

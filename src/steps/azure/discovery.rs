//! What can be offered as an answer: tenant, subscription, resource group, cluster, location, storage
//! account.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::refused::refused;
use crate::clients::azure::{Azure, AzureSettings, ClusterSummary};
use crate::clients::wire::WireLog;
use crate::engine::{Answers, Candidate, ErrorKind, StepError};
use crate::steps::discovery::unless_lasting;

/// Makes one client for each tenant that answers name, and keeps it: questions and steps share what
/// it remembers. Clones share the clients.
#[derive(Clone)]
pub struct Connector {
    settings: AzureSettings,
    wire: WireLog,
    clients: Arc<Mutex<BTreeMap<Option<String>, Azure>>>,
}

impl Connector {
    /// Returns a connector; the tenant comes from the answers.
    pub fn new(settings: AzureSettings, wire: WireLog) -> Self {
        Self {
            settings,
            wire,
            clients: Arc::default(),
        }
    }

    /// Returns the client for the answers.
    pub async fn client(&self, answers: &Answers) -> Result<Azure, StepError> {
        let tenant = answers.get("az_tenant").map(str::to_owned);
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&tenant) {
            return Ok(client.clone());
        }
        let settings = AzureSettings {
            tenant: tenant.clone().or_else(|| self.settings.tenant.clone()),
            ..self.settings.clone()
        };
        let client = Azure::connect(&settings, self.wire.clone())
            .await
            .map_err(refused)?;
        clients.insert(tenant, client.clone());
        Ok(client)
    }

    /// The login's own tenant needs no client of its own.
    async fn is_of(&self, tenant: &str, client: &Azure) {
        let mut clients = self.clients.lock().await;
        let entry = clients.entry(Some(tenant.to_owned()));
        entry.or_insert_with(|| client.clone());
    }
}

/// Candidates for the questions about Azure.
#[derive(Clone)]
pub struct AzureDiscovery {
    /// The clients.
    pub connector: Connector,
}

impl AzureDiscovery {
    /// Returns the candidates; none for a key that is not about Azure.
    pub async fn candidates(
        &self,
        key: &str,
        answers: &Answers,
    ) -> Result<Vec<Candidate>, StepError> {
        match key {
            "az_tenant" => self.tenants(answers).await,
            "az_subscription" => self.subscriptions(answers).await,
            "az_resource_group" => self.groups(answers).await,
            "aks_cluster" => {
                let clusters = self.clusters(answers).await?.into_iter();
                let own = clusters.filter(|cluster| is_in(cluster, answers));
                Ok(own
                    .map(|cluster| Candidate::new(cluster.name, cluster.location))
                    .collect())
            }
            "az_location" => {
                let clusters = self.clusters(answers).await?.into_iter();
                let name = answers.text("aks_cluster");
                let own = clusters
                    .filter(|cluster| is_in(cluster, answers))
                    .find(|cluster| cluster.name.eq_ignore_ascii_case(&name));
                let candidate = |cluster: ClusterSummary| {
                    Candidate::new(cluster.location, "where the cluster is").preferred(true)
                };
                Ok(own.map(candidate).into_iter().collect())
            }
            "storage_account_name" => self.accounts(answers).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Those that the caller is in; the login's own is the one to take.
    async fn tenants(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let client = self.connector.client(answers).await?;
        let caller = client.caller().await.map_err(refused)?;
        self.connector.is_of(&caller.tenant, &client).await;
        let who = caller.name.or(caller.app_id).unwrap_or(caller.object_id);
        let own = Candidate::new(&caller.tenant, format!("of {who}, by {}", caller.source));
        // Who may not list tenants is in one at least.
        let others = client.tenants().await.unwrap_or_default().into_iter();
        let others = others.filter(|tenant| tenant.id != caller.tenant);
        let others = others.map(|tenant| {
            let name = tenant.name.or(tenant.domain);
            Candidate::new(tenant.id, name.unwrap_or_default())
        });
        Ok([own.preferred(true)].into_iter().chain(others).collect())
    }

    async fn subscriptions(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let client = self.connector.client(answers).await?;
        let found = client.subscriptions().await.map_err(refused)?.into_iter();
        let usable = found.filter(|subscription| subscription.state != "Disabled");
        Ok(usable
            .map(|subscription| Candidate::new(subscription.id, subscription.name))
            .collect())
    }

    /// Resource groups that hold a cluster.
    async fn groups(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for cluster in self.clusters(answers).await? {
            groups.entry(cluster.group).or_default().push(cluster.name);
        }
        let groups = groups.into_iter();
        Ok(groups
            .map(|(group, clusters)| Candidate::new(group, clusters.join(", ")))
            .collect())
    }

    /// The accounts of the subscription. One in the cluster's group is the one to take, if it is the
    /// only one there.
    async fn accounts(&self, answers: &Answers) -> Result<Vec<Candidate>, StepError> {
        let client = self.connector.client(answers).await?;
        let subscription = answers.text("az_subscription");
        let accounts = client.storage_accounts(&subscription).await;
        let accounts = accounts.map_err(refused)?;
        let group = answers.text("az_resource_group");
        let is_near = |found: &str| found.eq_ignore_ascii_case(&group);
        let near = accounts.iter().filter(|account| is_near(&account.group));
        let only = near.count() == 1;
        Ok(accounts
            .into_iter()
            .map(|account| {
                let preferred = only && is_near(&account.group);
                let place = format!("{}, {}", account.group, account.location);
                Candidate::new(account.name, place).preferred(preferred)
            })
            .collect())
    }

    async fn clusters(&self, answers: &Answers) -> Result<Vec<ClusterSummary>, StepError> {
        let client = self.connector.client(answers).await?;
        let subscription = answers.text("az_subscription");
        client.clusters(&subscription).await.map_err(refused)
    }

    /// Returns the addresses of the chosen cluster's API server, as a kube context may name them.
    pub(in crate::steps) async fn servers(
        &self,
        answers: &Answers,
    ) -> Result<Vec<String>, StepError> {
        let (Some(group), Some(name)) =
            (answers.get("az_resource_group"), answers.get("aks_cluster"))
        else {
            return Ok(Vec::new());
        };
        // Nothing is known of the cluster then, which is no reason to take another one's context.
        let failed = |error| StepError {
            kind: ErrorKind::Failed,
            ..error
        };
        let client = self.connector.client(answers).await.map_err(failed)?;
        let subscription = answers.text("az_subscription");
        let cluster = client.cluster(&subscription, group, name).await;
        let Some(cluster) = unless_lasting(cluster.map_err(refused))? else {
            return Ok(Vec::new());
        };
        let access = client.cluster_access(&cluster.id).await;
        let access = unless_lasting(access.map_err(refused))?;
        let told = access.map(|access| access.server);
        let fqdn = cluster.fqdn.map(|fqdn| format!("https://{fqdn}:443"));
        Ok(told.into_iter().chain(fqdn).collect())
    }
}

fn is_in(cluster: &ClusterSummary, answers: &Answers) -> bool {
    let group = answers.text("az_resource_group");
    cluster.group.eq_ignore_ascii_case(&group)
}

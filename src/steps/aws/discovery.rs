//! What can be offered as an answer: profiles, regions, the account, the region's clusters.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::refused;
use crate::clients::aws::{Aws, AwsSettings, profiles};
use crate::clients::wire::WireLog;
use crate::engine::{Answers, Candidate, StepError};

/// Profile and region.
type Choice = (Option<String>, Option<String>);

/// Makes one client for each profile and region that answers name, and keeps it: questions and
/// steps share what it remembers. Clones share the clients.
#[derive(Clone)]
pub struct Connector {
    settings: AwsSettings,
    wire: WireLog,
    clients: Arc<Mutex<BTreeMap<Choice, Aws>>>,
}

impl Connector {
    /// Returns a connector; profile and region come from the answers.
    pub fn new(settings: AwsSettings, wire: WireLog) -> Self {
        Self {
            settings,
            wire,
            clients: Arc::default(),
        }
    }

    /// Returns the client for the answers.
    pub async fn client(&self, answers: &Answers) -> Result<Aws, StepError> {
        let of = |key: &str| answers.get(key).map(str::to_owned);
        let key = (of("aws_profile"), of("aws_default_region"));
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let settings = AwsSettings {
            profile: key.0.clone().or_else(|| self.settings.profile.clone()),
            region: key.1.clone().or_else(|| self.settings.region.clone()),
            ..self.settings.clone()
        };
        let client = Aws::connect(&settings, self.wire.clone())
            .await
            .map_err(refused)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Whether the operator's own profiles have a say: not in the practice cloud.
    fn uses_profiles(&self) -> bool {
        self.settings.static_credentials.is_none()
    }
}

/// Candidates for the questions about AWS.
#[derive(Clone)]
pub struct AwsDiscovery {
    /// The clients.
    pub connector: Connector,
}

impl AwsDiscovery {
    /// Returns the candidates; none for a key that is not about AWS.
    pub async fn candidates(
        &self,
        key: &str,
        answers: &Answers,
    ) -> Result<Vec<Candidate>, StepError> {
        match key {
            "aws_profile" if self.connector.uses_profiles() => Ok(profiles()
                .into_iter()
                .map(|name| Candidate::new(name, ""))
                .collect()),
            "aws_default_region" => {
                let region = self
                    .connector
                    .client(answers)
                    .await?
                    .region()
                    .map(str::to_owned);
                Ok(region
                    .into_iter()
                    .map(|region| {
                        Candidate::new(region, "from the AWS configuration").preferred(true)
                    })
                    .collect())
            }
            "aws_account_id" => {
                let caller = self
                    .connector
                    .client(answers)
                    .await?
                    .caller_identity()
                    .await
                    .map_err(refused)?;
                Ok(vec![Candidate::new(caller.account, caller.arn)])
            }
            "eks_cluster" => {
                let client = self.connector.client(answers).await?;
                let names = client.list_clusters().await.map_err(refused)?;
                let region = answers.text("aws_default_region");
                Ok(names
                    .into_iter()
                    .map(|name| Candidate::new(name, region.clone()))
                    .collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

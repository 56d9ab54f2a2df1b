//! What a prober reads in the cluster, whatever the cloud.

use serde_json::{Value, json};

use super::place::Place;
use crate::clients::cluster::{Cluster, Token};
use crate::steps::cluster::ClusterAccess;

/// How long a token that is only looked at lives, in seconds: the shortest that Kubernetes gives.
const TOKEN_SECONDS: i64 = 600;

/// What was seen, or why it could not be looked at.
pub(super) type Seen<T> = Result<T, String>;

/// The cluster, as far as it may be looked at.
pub(super) struct InCluster<'a> {
    /// The way to it; none where it is left out.
    pub(super) access: Option<&'a ClusterAccess>,
    pub(super) place: &'a Place,
}

impl InCluster<'_> {
    async fn client(&self) -> Seen<&Cluster> {
        let access = self.access.ok_or("the cluster is left out")?;
        access.client().await.map_err(in_words)
    }

    /// Reads an object whole.
    pub(super) async fn object(&self, address: &Value) -> Seen<Option<Value>> {
        self.client().await?.read(address).await.map_err(in_words)
    }

    /// Reads the service account whole: `managedFields` tell when its annotation was set.
    pub(super) async fn account(&self) -> Seen<Option<Value>> {
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": self.place.service_account, "namespace": self.place.namespace },
        });
        self.object(&account).await
    }

    /// Returns a token of the service account.
    pub(super) async fn token(&self, audience: &str) -> Seen<Token> {
        let Place {
            namespace,
            service_account,
            ..
        } = self.place;
        let client = self.client().await?;
        client
            .request_token(namespace, service_account, audience, TOKEN_SECONDS)
            .await
            .map_err(in_words)
    }

    /// Returns what the cluster would make of an object, without making it.
    pub(super) async fn dry_run(&self, object: &Value) -> Seen<Value> {
        let client = self.client().await?;
        client.create_dry_run(object).await.map_err(in_words)
    }
}

/// Why something could not be looked at.
pub(super) fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}

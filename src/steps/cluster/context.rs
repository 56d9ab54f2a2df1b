//! Whether the kube context reaches the very cluster that was chosen.
//!
//! Installing into the wrong cluster is the mistake that hurts most, so a context is believed by
//! server and certificate authority, never by name.

use async_trait::async_trait;

use super::access::{ClusterAccess, refused};
use crate::clients::cluster::{Cluster, ClusterErrorKind};
use crate::engine::{Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta};

/// The UID of the namespace `kube-system`: the identity of the cluster itself.
pub const CLUSTER_UID: FactKey<String> = FactKey::new("cluster.uid");

/// Compares the context with the chosen cluster.
pub struct ClusterContext {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The chosen cluster.
    pub chosen: ChosenCluster,
    /// Whether another server than the cluster's endpoint was accepted explicitly.
    pub accepts_other_server: bool,
}

/// The chosen cluster, as its cloud describes it.
#[derive(Debug)]
pub struct ChosenCluster {
    /// What messages call it: "EKS cluster `arrikto-cluster`".
    pub title: String,
    /// The command that makes a context for it.
    pub makes_context: String,
    /// The fact that tells the URL of its API.
    pub endpoint: &'static FactKey<String>,
    /// The fact that tells its certificate authority, in base64; empty where nobody may know.
    pub certificate_authority: &'static FactKey<String>,
    /// The fact that tells its issuer; empty where it has none that others know.
    pub issuer: &'static FactKey<String>,
}

#[async_trait]
impl Step for ClusterContext {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![
                self.chosen.endpoint.name(),
                self.chosen.certificate_authority.name(),
                self.chosen.issuer.name(),
            ],
            gives: vec![CLUSTER_UID.name()],
            ..StepMeta::new(
                "cluster.context",
                "Kube context reaches that cluster",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let endpoint = facts.get(self.chosen.endpoint)?;
        let authority: String = facts.get(self.chosen.certificate_authority)?;
        let client = self.access.client().await?;
        let context = self.access.context().unwrap_or("current context");
        let same_server = canonical(client.server()) == canonical(&endpoint);
        let same_authority = client
            .certificate_authority()
            .is_none_or(|found| authority.is_empty() || found == authority);
        let mut notice = None;
        if !same_server || !same_authority {
            let what = if same_server {
                "has another certificate authority than".to_owned()
            } else {
                format!(
                    "reaches {}, which is not the endpoint {endpoint} of",
                    client.server()
                )
            };
            let text = format!("kube context `{context}` {what} {}", self.chosen.title);
            if !self.accepts_other_server {
                return Err(StepError::answers(text)
                    .hint(format!(
                        "`{}` makes a context; choose it with `--set kube_context=NAME`",
                        self.chosen.makes_context
                    ))
                    .hint("if a bastion or proxy stands before the cluster, say so with `--set kube_context_accept=yes`"));
            }
            let issuer: String = facts.get(self.chosen.issuer)?;
            self.compare_issuer(client, &issuer).await?;
            notice = Some(format!("{text}; accepted (`kube_context_accept` is `yes`)"));
        }
        let (uid, version) =
            tokio::try_join!(client.kube_system_uid(), client.server_version()).map_err(refused)?;
        let note = format!(
            "`{context}` at {}, {version}, kube-system {uid}",
            client.server()
        );
        let mut observation = Observation::satisfied(note).with(&CLUSTER_UID, &uid);
        observation.notices.extend(notice);
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl ClusterContext {
    /// Behind a bastion the cluster's own issuer tells it from another one, where it may be read;
    /// where it may not, the token of the proof tells, after the namespaces were made.
    async fn compare_issuer(&self, client: &Cluster, expected: &str) -> Result<(), StepError> {
        let found = match client.issuer().await {
            Ok(found) => found,
            Err(error) if error.kind == ClusterErrorKind::Forbidden => return Ok(()),
            Err(error) => return Err(refused(error)),
        };
        if expected.is_empty() || plain(&found) == plain(expected) {
            return Ok(());
        }
        Err(StepError::answers(format!(
            "kube context `{}` reaches another cluster than {}: its tokens come from {found}, expected https://{}",
            self.access.context().unwrap_or("current context"),
            self.chosen.title,
            plain(expected)
        ))
        .hint("`kube_context_accept=yes` is for another way to the same cluster"))
    }
}

/// The issuer without its scheme, which some name it without.
fn plain(issuer: &str) -> &str {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

fn canonical(server: &str) -> String {
    server
        .trim_end_matches('/')
        .trim_end_matches(":443")
        .to_ascii_lowercase()
}

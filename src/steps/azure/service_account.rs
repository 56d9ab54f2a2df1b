//! The service account that the managed identity believes, annotated with what the webhook needs to
//! know of it.
//!
//! An account that is there stays whose it is: only the annotations are ours. One that names another
//! identity belongs to a Rok of others.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::facts::{IDENTITY_CLIENT_ID, TENANT};
use super::identity::AzureIdentity;
use crate::clients::cluster::ServiceAccountInfo;
use crate::engine::{
    Change, Choice, Context, ErrorKind, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb, lines,
};
use crate::steps::cluster::{CLUSTER_UID, ClusterAccess, FIELD_MANAGER, refused};

/// The annotation that names the identity.
pub const CLIENT_ID_ANNOTATION: &str = "azure.workload.identity/client-id";
/// The annotation that names its tenant.
pub const TENANT_ANNOTATION: &str = "azure.workload.identity/tenant-id";
/// The label of what this tool made in a cluster, and its value.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "rok-deploy");

/// Creates the service account, or annotates the one that is there.
pub struct AnnotatedAccount {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// What it is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for AnnotatedAccount {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name(), IDENTITY_CLIENT_ID.name(), TENANT.name()],
            after: vec!["rok.namespaces"],
            settle: Settle::SHORT,
            ..StepMeta::new(
                "cluster.service-account",
                "Service account names the identity",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let place = self.place();
        let Some(account) = self.found().await? else {
            let create = Change::new(Verb::Create, "service account", place);
            return Ok(Observation::differs(vec![create.after(self.described())]));
        };
        let annotations = &account.annotations;
        let client = annotations.get(CLIENT_ID_ANNOTATION);
        let tenant = annotations.get(TENANT_ANNOTATION);
        let (own, home): (String, String) = (facts.get(&IDENTITY_CLIENT_ID)?, facts.get(&TENANT)?);
        // Without a tenant the webhook takes the cluster's own.
        let is_home = tenant.is_none_or(|tenant| *tenant == home);
        match client {
            Some(client) if *client == own && is_home => Ok(Observation::satisfied(format!(
                "`{place}` names client id {own}"
            ))),
            Some(other) if *other != own && !is_ours(&account) => Ok(self.in_the_way(other, &own)),
            client => {
                let found = [(CLIENT_ID_ANNOTATION, client), (TENANT_ANNOTATION, tenant)];
                let found = found.into_iter();
                let found = found.filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
                Ok(Observation::differs(vec![
                    Change::new(Verb::Update, "service account", place)
                        .before(lines(found))
                        .after(self.described()),
                ]))
            }
        }
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let found = self.found().await?;
        let own: String = facts.get(&IDENTITY_CLIENT_ID)?;
        let is_new = found.as_ref().is_none_or(is_ours);
        let others = found.as_ref().and_then(|account| {
            let annotated = account.annotations.get(CLIENT_ID_ANNOTATION);
            annotated.filter(|client| **client != own && !is_ours(account))
        });
        if others.is_some() {
            let text = format!(
                "service account `{}` was annotated by somebody else meanwhile",
                self.place()
            );
            return Err(StepError::new(ErrorKind::Conflict, text).retryable());
        }
        let account = self.manifest(&own, &facts.get(&TENANT)?, is_new);
        let client = self.access.client().await?;
        let applied = client.apply(&account, FIELD_MANAGER).await;
        applied.map(|_| ()).map_err(refused)
    }
}

impl AnnotatedAccount {
    fn place(&self) -> String {
        let AzureIdentity {
            namespace,
            service_account,
            ..
        } = &self.identity;
        format!("{namespace}/{service_account}")
    }

    async fn found(&self) -> Result<Option<ServiceAccountInfo>, StepError> {
        let AzureIdentity {
            namespace,
            service_account,
            ..
        } = &self.identity;
        let client = self.access.client().await?;
        let found = client.service_account(namespace, service_account).await;
        found.map_err(refused)
    }

    /// What it will say, in words that hold while the identity is still to be made.
    fn described(&self) -> String {
        lines([
            format!(
                "{CLIENT_ID_ANNOTATION}: that of managed identity {}",
                self.identity.name
            ),
            format!("{TENANT_ANNOTATION}: that of the subscription"),
        ])
    }

    fn manifest(&self, client: &str, tenant: &str, is_ours: bool) -> Value {
        let mut account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": self.identity.service_account,
                "namespace": self.identity.namespace,
                "annotations": { CLIENT_ID_ANNOTATION: client, TENANT_ANNOTATION: tenant },
            },
        });
        // One that others made stays theirs.
        if is_ours {
            account["metadata"]["labels"] = json!({ MANAGED_BY.0: MANAGED_BY.1 });
        }
        account
    }

    fn in_the_way(&self, found: &str, own: &str) -> Observation {
        let AzureIdentity {
            namespace,
            service_account,
            ..
        } = &self.identity;
        let place = self.place();
        let expected = if own.is_empty() {
            format!("that of managed identity `{}`", self.identity.name)
        } else {
            own.to_owned()
        };
        let reason = format!(
            "service account `{place}` names another identity: found client id {found}, expected \
             {expected}"
        );
        let choices = vec![Choice::new(
            "rok_cluster_name",
            format!("{service_account}2"),
            "leaves it alone and installs another Rok beside it",
        )];
        let hints = vec![
            format!(
                "if it is yours: `kubectl annotate serviceaccount {service_account} -n {namespace} \
                 {CLIENT_ID_ANNOTATION}-`, then run again"
            ),
            choices[0].hint(""),
        ];
        Observation::conflict(reason, Vec::new(), hints).offers(choices)
    }
}

/// Whether this tool made the account.
pub(super) fn is_ours(account: &ServiceAccountInfo) -> bool {
    account.labels.get(MANAGED_BY.0).map(String::as_str) == Some(MANAGED_BY.1)
}

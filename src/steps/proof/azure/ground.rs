//! The workload and its managed identity on Azure.

use async_trait::async_trait;

use super::questions::{TOKEN_FILE, questions};
use crate::clients::azure::Azure;
use crate::engine::{Chain, ChainKind, Context, FactKey, Facts, Link, LinkState, StepError};
use crate::steps::atlas::{
    AzurePlace, AzureProber, BINDING_LABEL, IDENTITY_WEBHOOK, Place, Prober, Symptom, wrong_label,
};
use crate::steps::azure::{
    AzureIdentity, BLOB_ENDPOINT, CLUSTER_PRINCIPAL, DATA_ROLE, IDENTITY_CLIENT_ID, IDENTITY_ID,
    IDENTITY_PRINCIPAL_ID, Method, NODE_GROUP, OIDC_ISSUER, STORAGE_ID, TENANT,
};
use crate::steps::cluster::CLUSTER_UID;
use crate::steps::proof::claims::Expected;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::injection::Injection;
use crate::steps::proof::probe::{Probe, TestPod};
use crate::steps::proof::workload::{POD, Workload};

/// What was proven without a Pod: who asks for more may start one.
pub(super) const PROVEN: FactKey<String> = FactKey::new("azure.verify.identity");

/// The workload, its identity and the subscription that it is in.
#[derive(Clone)]
pub struct AzureGround {
    /// The workload.
    pub workload: Workload,
    /// The subscription.
    pub azure: Azure,
    /// The identity as the answers name it.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Ground for AzureGround {
    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn area(&self) -> &'static str {
        "azure."
    }

    fn needs(&self) -> Vec<&'static str> {
        let mut needs = vec![
            CLUSTER_UID.name(),
            TENANT.name(),
            STORAGE_ID.name(),
            BLOB_ENDPOINT.name(),
            IDENTITY_ID.name(),
            IDENTITY_CLIENT_ID.name(),
            IDENTITY_PRINCIPAL_ID.name(),
        ];
        match self.identity.method {
            Method::WorkloadIdentity => needs.push(OIDC_ISSUER.name()),
            Method::PodIdentity => needs.extend([NODE_GROUP.name(), CLUSTER_PRINCIPAL.name()]),
        }
        needs
    }

    fn test_pod(&self) -> TestPod {
        let Workload {
            name, namespace, ..
        } = &self.workload;
        let (after, holds, odd) = match self.identity.method {
            Method::WorkloadIdentity => (
                "azure.storage-access",
                "identity, token file and volume are injected",
                format!(
                    "unless it is meant so, remove the annotation that changes it: `kubectl annotate serviceaccount {name} -n {namespace} azure.workload.identity/service-account-token-expiration-`"
                ),
            ),
            Method::PodIdentity => (
                "azure.verify-binding",
                "it carries the label of the identity's binding",
                "`kubectl get azureidentitybinding --all-namespaces` shows the labels that count"
                    .into(),
            ),
        };
        let container = self.identity.probe_container();
        TestPod {
            title: "Test Pod runs and holds the identity",
            manifest: "rok/rok-test/rok-verify-storage-access-aks.yaml",
            after,
            proven: Some(PROVEN.name()),
            holds,
            odd,
            questions: questions(self.identity.method, &self.identity.account, &container),
            heard: Symptom::of_az,
        }
    }

    fn faults(&self, probe: &Probe, facts: &Facts) -> Result<Vec<String>, StepError> {
        match self.identity.method {
            Method::WorkloadIdentity => Ok(self.injection(facts)?.faults(probe)),
            Method::PodIdentity => Ok(self.label_fault(probe).into_iter().collect()),
        }
    }

    fn prober(&self, facts: &Facts, context: &Context) -> Result<Box<dyn Prober>, StepError> {
        Ok(Box::new(AzureProber {
            azure: self.azure.clone(),
            access: Some(self.workload.access.clone()),
            kind: self.kind(),
            place: self.place(facts, &context.run)?,
        }))
    }

    fn without_pod(&self, facts: &Facts, why: &str) -> Result<Chain, StepError> {
        let mut chain = self.proven("", facts, "answers without a Pod")?;
        let link = match self.identity.method {
            Method::WorkloadIdentity => Link::Token,
            Method::PodIdentity => Link::Container,
        };
        let note = format!("no Pod holds it: {why}");
        chain.set(link, LinkState::Unknown, note);
        Ok(chain)
    }
}

impl AzureGround {
    /// Returns the kind of the chain.
    pub fn kind(&self) -> ChainKind {
        match self.identity.method {
            Method::WorkloadIdentity => ChainKind::WorkloadIdentity,
            Method::PodIdentity => ChainKind::PodIdentity,
        }
    }

    /// Returns what messages and commands may name.
    fn place(&self, facts: &Facts, run: &str) -> Result<Place, StepError> {
        // What a method has no use for nobody may have found out.
        let known = |fact: &FactKey<String>| {
            if facts.has(fact.name()) {
                facts.get(fact)
            } else {
                Ok(String::new())
            }
        };
        let (identity, workload) = (&self.identity, &self.workload);
        Ok(Place {
            cluster: identity.cluster.clone(),
            context: workload.access.context().map(str::to_owned),
            namespace: workload.namespace.clone(),
            service_account: workload.name.clone(),
            issuer: known(&OIDC_ISSUER)?,
            prefix: identity.prefix.clone(),
            run: run.to_owned(),
            pod: POD.into(),
            clone: workload.clone.display().to_string(),
            azure: AzurePlace {
                tenant: facts.get(&TENANT)?,
                exchange_audience: self.azure.cloud().exchange_audience.clone(),
                subscription: identity.subscription.clone(),
                group: identity.group.clone(),
                node_group: known(&NODE_GROUP)?,
                operator: known(&CLUSTER_PRINCIPAL)?,
                identity: identity.name.clone(),
                identity_id: facts.get(&IDENTITY_ID)?,
                client_id: facts.get(&IDENTITY_CLIENT_ID)?,
                principal: facts.get(&IDENTITY_PRINCIPAL_ID)?,
                credential: identity.credential.clone(),
                pod_identity: identity.pod_identity.clone(),
                storage: identity.account.clone(),
                storage_id: facts.get(&STORAGE_ID)?,
                blob_endpoint: facts.get(&BLOB_ENDPOINT)?,
            },
            ..Place::default()
        })
    }

    /// Returns what a token of the workload has to say.
    pub(super) fn expected(&self, facts: &Facts) -> Result<Expected, StepError> {
        let AzureIdentity { cluster, group, .. } = &self.identity;
        Ok(Expected {
            audience: self.azure.cloud().exchange_audience.clone(),
            issuer: facts.get(&OIDC_ISSUER)?,
            subject: self.workload.subject(),
            asks: format!(
                "`az aks show --name {cluster} --resource-group {group} --query oidcIssuerProfile.issuerUrl` tells which one Azure expects, with its trailing `/`"
            ),
        })
    }

    /// Returns the chain that a token of the identity and an answer of the storage account prove;
    /// `how` tells whether a Pod stood at its beginning.
    pub(super) fn proven(
        &self,
        how: &str,
        facts: &Facts,
        container: &str,
    ) -> Result<Chain, StepError> {
        let mut chain = Chain::unknown(self.kind(), "");
        let AzureIdentity {
            name,
            namespace,
            pod_identity,
            ..
        } = &self.identity;
        let client = facts.get(&IDENTITY_CLIENT_ID)?;
        let subject = self.workload.subject();
        // What a chain has no link for has no place in it.
        for (link, note) in [
            (
                Link::ServiceAccount,
                format!("{} names client id {client}", self.workload.place()),
            ),
            (Link::Token, how.to_owned()),
            (
                Link::Issuer,
                "the token comes from the cluster's own issuer".into(),
            ),
            (
                Link::FederatedCredential,
                format!("the identity trusts {subject}"),
            ),
            (
                Link::PodIdentity,
                format!("{namespace}/{pod_identity} is Assigned; no exceptions"),
            ),
            (
                Link::AzureIdentity,
                format!("{namespace}/{pod_identity} names the identity"),
            ),
            (
                Link::Binding,
                format!("selects Pods labelled `{BINDING_LABEL}: {pod_identity}`"),
            ),
            (Link::Node, "the nodes hold the identity".into()),
            (Link::ManagedIdentity, format!("became {name}")),
            (
                Link::RoleAssignment,
                format!("`{DATA_ROLE}` lets the identity in"),
            ),
            (Link::StorageAccount, facts.get(&BLOB_ENDPOINT)?),
            (Link::Container, container.to_owned()),
        ] {
            chain.set(link, LinkState::Proven, note);
        }
        Ok(chain)
    }

    /// What the webhook of workload identity has to give.
    fn injection(&self, facts: &Facts) -> Result<Injection, StepError> {
        Ok(Injection {
            webhook: &IDENTITY_WEBHOOK,
            variables: vec![
                ("AZURE_CLIENT_ID", facts.get(&IDENTITY_CLIENT_ID)?),
                ("AZURE_TENANT_ID", facts.get(&TENANT)?),
                ("AZURE_FEDERATED_TOKEN_FILE", TOKEN_FILE.into()),
            ],
            volume: "azure-identity-token",
            audience: self.azure.cloud().exchange_audience.clone(),
            seconds: 3600,
            path: "azure-identity-token",
        })
    }

    fn label_fault(&self, probe: &Probe) -> Option<String> {
        let expected = &self.identity.pod_identity;
        let found = wrong_label(expected, &probe.object)?;
        Some(format!(
            "label {BINDING_LABEL}: found {found}, expected {expected}"
        ))
    }
}

/// Says what the storage account told of the probe container: how much it holds, or that it is not
/// there.
pub(super) fn listed(container: &str, holds: Option<bool>) -> String {
    match holds {
        Some(true) => format!("lists `{container}`, which holds blobs"),
        Some(false) => format!("lists `{container}`, which is empty"),
        None => format!("may list `{container}`, which does not exist yet"),
    }
}

//! Looks at the chain of a managed identity, by either way to it.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::causes::{ACCOUNT_MISSING, NOT_ANNOTATED, OTHER_CLIENT, POD_OLDER, UNLABELLED, WEBHOOK};
use super::pods;
use crate::clients::azure::Azure;
use crate::engine::ChainKind;
use crate::steps::atlas::diagnosis::Diagnosis;
use crate::steps::atlas::in_cluster::InCluster;
use crate::steps::atlas::injection::Webhook;
use crate::steps::atlas::place::Place;
use crate::steps::atlas::prober::{Evidence, Prober};
use crate::steps::atlas::symptom::Symptom;
use crate::steps::azure::CLIENT_ID_ANNOTATION;
use crate::steps::cluster::ClusterAccess;

/// The webhook of workload identity.
pub(in crate::steps) const IDENTITY_WEBHOOK: Webhook = Webhook {
    label: Some(("azure.workload.identity/use", "true", &UNLABELLED)),
    annotation: CLIENT_ID_ANNOTATION,
    variables: &[
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST",
    ],
    volume: "azure-identity-token",
    account_missing: &ACCOUNT_MISSING,
    not_annotated: &NOT_ANNOTATED,
    other: &OTHER_CLIENT,
    older: &POD_OLDER,
    off: &WEBHOOK,
};

/// Looks at the chain and tells what is behind a failure.
pub struct AzureProber {
    /// The cloud.
    pub azure: Azure,
    /// The way to the cluster; none where it is left out.
    pub access: Option<ClusterAccess>,
    /// The way to the identity, one of Azure's two.
    pub kind: ChainKind,
    /// What messages and commands may name.
    pub place: Place,
}

impl AzureProber {
    pub(super) fn in_cluster(&self) -> InCluster<'_> {
        InCluster {
            access: self.access.as_ref(),
            place: &self.place,
        }
    }
}

#[async_trait]
impl Prober for AzureProber {
    fn place(&self) -> &Place {
        &self.place
    }

    async fn look(&self, about: Option<&Symptom>) -> Box<dyn Evidence> {
        Box::new(Box::pin(self.evidence(about)).await)
    }

    async fn diagnose_injection(&self, pod: &Value) -> Option<Diagnosis> {
        if self.kind == ChainKind::PodIdentity {
            return pods::diagnose_label(&self.place, pod);
        }
        let client = &self.place.azure.client_id;
        IDENTITY_WEBHOOK
            .diagnose(self.in_cluster(), pod, client)
            .await
    }
}

/// Returns what names the object that describes the identity in the cluster.
pub(super) fn identity_object(namespace: &str, pod_identity: &str) -> Value {
    object("AzureIdentity", namespace, pod_identity)
}

/// Returns what names the object that binds it to a label.
pub(super) fn binding(namespace: &str, pod_identity: &str) -> Value {
    let name = format!("{pod_identity}-binding");
    object("AzureIdentityBinding", namespace, &name)
}

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "aadpodidentity.k8s.io/v1",
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
    })
}

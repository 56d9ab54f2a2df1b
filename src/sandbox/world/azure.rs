//! The Azure half of a world: a tenant, a subscription, a cluster with workload identity.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{AKS, AZURE, BUNDLE, CLUSTER, Credentials, SandboxError, at, failed, start_cluster};
use crate::sandbox::azure::{self, AzureServer, KeySource};
use crate::sandbox::cluster::{
    self, ClusterServer, PodIdentities, PodIdentity, PodIdentityException,
};
use crate::sandbox::conduct::Conduct;
use crate::sandbox::environment::write_bundle;
use crate::sandbox::programs::{Network, PracticePrograms};
use crate::sandbox::random;

pub(super) const TENANT: &str = "c0ffee00-7e4a-4000-8000-000000000001";
pub(super) const SUBSCRIPTION: &str = "c0ffee00-50b5-4000-8000-000000000002";
/// The service principal `operator`.
pub(super) const CLIENT: &str = "c0ffee00-0be0-4000-8000-000000000003";
/// The cluster's context; its own name is taken by the one of EKS.
pub(super) const CONTEXT: &str = "arrikto-cluster-aks";
const GROUP: &str = "arrikto";
const LOCATION: &str = "eastus";
const STORAGE_ACCOUNT: &str = "rokpractice";
const VERSION: &str = "1.33.5";

/// Starts the cluster, and Azure around it, which may change the cluster.
pub(super) async fn open(
    directory: &Path,
    credentials: &Credentials,
    conduct: Conduct,
) -> Result<(AzureServer, ClusterServer), SandboxError> {
    let aks = start_cluster(&directory.join(AKS), cluster(), &conduct).await?;
    let mut seed = seed();
    seed.client_secret.clone_from(&credentials.client_secret);
    seed.cluster.endpoint = aks.endpoint();
    seed.cluster.certificate_authority_pem = aks.ca_pem();
    seed.cluster.issuer = aks.issuer();
    seed.cluster.token = aks.kubeconfig_user_token();
    let scale_set = seed.scale_set();
    // Outside, Entra fetches the keys from the issuer's URL; here that URL leads to our cluster.
    let (issuer, keys) = (aks.issuer(), aks.jwks());
    let keys: KeySource = Arc::new(move |asked| (asked == issuer).then(|| keys.clone()));
    let azure = AzureServer::start(&directory.join(AZURE), seed, keys, conduct)
        .await
        .map_err(failed("Azure"))?;
    let pods = aks.pod_identities();
    azure
        .on_cluster_change(Arc::new(move |properties| set(&pods, properties)))
        .map_err(failed("Azure"))?;
    // Programs in Pods find Azure, and the metadata service of their node.
    let imds = azure.imds(&scale_set, aks.pod_identities());
    let network = Network::new(azure.port(), &azure.ca_pem(), imds).map_err(failed("Azure"))?;
    aks.start_node(Arc::new(PracticePrograms::on_azure(network)));
    let bundle = directory.join(BUNDLE);
    write_bundle(&bundle, &azure.ca_pem()).map_err(at(&bundle))?;
    Ok((azure, aks))
}

/// How the cluster begins. Its issuer names the tenant, as all of AKS do.
fn cluster() -> cluster::ClusterSeed {
    let id = random::uuid();
    let issuer = format!("https://{LOCATION}.oic.prod-aks.azure.com/{TENANT}/{id}/");
    cluster::ClusterSeed {
        platform: cluster::Platform::Aks,
        name: CLUSTER.into(),
        issuer: Some(issuer),
        region: LOCATION.into(),
        scale_set: Some(seed().scale_set()),
    }
}

/// What the tenant begins with, besides the way to its cluster and the operator's secret.
fn seed() -> azure::Seed {
    azure::Seed {
        tenant: TENANT.into(),
        subscription: SUBSCRIPTION.into(),
        client_id: CLIENT.into(),
        client_secret: String::new(),
        group: GROUP.into(),
        location: LOCATION.into(),
        storage_account: STORAGE_ACCOUNT.into(),
        cluster: azure::ClusterSeed {
            name: CLUSTER.into(),
            endpoint: String::new(),
            certificate_authority_pem: String::new(),
            issuer: String::new(),
            token: String::new(),
            version: VERSION.into(),
        },
    }
}

/// Carries the Pod identities of a cluster's `properties` into the cluster.
fn set(pods: &PodIdentities, properties: &Value) -> std::io::Result<()> {
    let profile = &properties["podIdentityProfile"];
    let is_on = profile["enabled"] == Value::Bool(true);
    let entries = |name: &str| -> &[Value] {
        let entries = profile[name].as_array().filter(|_| is_on);
        entries.map_or(&[], Vec::as_slice)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let identities: Vec<PodIdentity> = entries("userAssignedIdentities")
        .iter()
        .map(|one| PodIdentity {
            name: text(&one["name"]),
            namespace: text(&one["namespace"]),
            resource_id: text(&one["identity"]["resourceId"]),
            client_id: text(&one["identity"]["clientId"]),
            binding_selector: one["bindingSelector"].as_str().map(str::to_owned),
        })
        .collect();
    let exceptions: Vec<PodIdentityException> = entries("userAssignedIdentityExceptions")
        .iter()
        .map(|one| PodIdentityException {
            name: text(&one["name"]),
            namespace: text(&one["namespace"]),
            pod_labels: serde_json::from_value(one["podLabels"].clone()).unwrap_or_default(),
        })
        .collect();
    pods.set(&identities, &exceptions)
}

#[cfg(test)]
mod tests;

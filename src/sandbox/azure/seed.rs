//! The subscription as it is when its world is new.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::authority::Authority;
use super::state::{
    Application, AzureState, Cluster, Identity, ResourceGroup, ScaleSet, StorageAccount,
    Subscription, Tags, key,
};
use super::{AUTHORITY, identities, providers};
use crate::sandbox::lagged::Lagged;
use crate::sandbox::random;
use crate::sandbox::tls;

/// The node pool of the cluster.
const POOL: &str = "workers";

/// What a new world begins with.
#[derive(Debug, Clone)]
pub struct Seed {
    pub tenant: String,
    pub subscription: String,
    /// The service principal `operator`, who owns the subscription.
    pub client_id: String,
    pub client_secret: String,
    /// The resource group of cluster and storage account.
    pub group: String,
    pub location: String,
    pub storage_account: String,
    pub cluster: ClusterSeed,
}

/// The AKS cluster that the subscription shows; its API server is elsewhere.
#[derive(Debug, Clone)]
pub struct ClusterSeed {
    pub name: String,
    pub endpoint: String,
    pub certificate_authority_pem: String,
    /// The URL that signs the cluster's service account tokens, with its last slash.
    pub issuer: String,
    /// Who has it may do everything in the cluster.
    pub token: String,
    pub version: String,
}

impl Seed {
    /// The id of the cluster's machines, which the seed knows before anything is made.
    pub fn scale_set(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachineScaleSets/\
             aks-{POOL}-10203040-vmss",
            self.subscription,
            self.node_group()
        )
    }

    fn node_group(&self) -> String {
        format!("MC_{}_{}_{}", self.group, self.cluster.name, self.location)
    }

    fn in_group(&self, kind: &str, name: &str) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/{kind}/{name}",
            self.subscription, self.group
        )
    }

    /// Makes the tenant.
    pub(super) fn grow(&self, now: Timestamp) -> AzureState {
        let root = format!("/subscriptions/{}", self.subscription);
        let mut state = AzureState {
            tenant: self.tenant.clone(),
            subscription: self.subscription.clone(),
            subscriptions: BTreeMap::from([(
                key(&self.subscription),
                Subscription {
                    name: "Practice".into(),
                    state: "Enabled".into(),
                },
            )]),
            certificates: tls::Authority::generate(AUTHORITY),
            tokens: Authority::generate(&self.tenant),
            applications: BTreeMap::new(),
            groups: BTreeMap::new(),
            identities: BTreeMap::new(),
            assignments: BTreeMap::new(),
            custom_roles: BTreeMap::new(),
            clusters: BTreeMap::new(),
            scale_sets: BTreeMap::new(),
            accounts: BTreeMap::new(),
            deployments: BTreeMap::new(),
            operations: BTreeMap::new(),
            locks: BTreeMap::new(),
            policies: Vec::new(),
            registered: providers::registered().collect(),
        };
        let operator = Application {
            name: "operator".into(),
            client_id: self.client_id.clone(),
            object_id: random::uuid(),
            secrets: vec![self.client_secret.clone()],
        };
        state.assign(&operator.object_id, "Owner", &root, now);
        state.applications.insert(key(&self.client_id), operator);
        self.add_groups(&mut state);
        self.add_cluster(&mut state, now);
        let id = self.in_group(super::storage::TYPE, &self.storage_account);
        let account = StorageAccount::new(&id, &self.location, now);
        state.accounts.insert(self.storage_account.clone(), account);
        state
    }

    fn add_groups(&self, state: &mut AzureState) {
        let cluster = self.in_group(super::clusters::TYPE, &self.cluster.name);
        let group = |name: &str, managed_by| ResourceGroup {
            subscription: self.subscription.clone(),
            name: name.into(),
            location: self.location.clone(),
            tags: Tags::new(),
            managed_by,
        };
        for group in [
            group(&self.group, None),
            group(&self.node_group(), Some(cluster)),
        ] {
            state.groups.insert(key(&group.id()), group);
        }
    }

    fn add_cluster(&self, state: &mut AzureState, now: Timestamp) {
        let node_group = self.node_group();
        let kubelet = Identity {
            id: identities::id(
                &self.subscription,
                &node_group,
                &format!("{}-agentpool", self.cluster.name),
            ),
            name: format!("{}-agentpool", self.cluster.name),
            location: self.location.clone(),
            tags: Tags::new(),
            client_id: random::uuid(),
            principal_id: random::uuid(),
            known: Lagged::settled(()),
            credentials: BTreeMap::new(),
        };
        let set = ScaleSet {
            id: self.scale_set(),
            name: super::path::name_of(&self.scale_set()).into(),
            location: self.location.clone(),
            tags: Tags::from([
                ("aks-managed-poolName".into(), POOL.into()),
                ("poolName".into(), POOL.into()),
            ]),
            identities: vec![kubelet.id.clone()],
        };
        let principal = random::uuid();
        let cluster = Cluster {
            id: self.in_group(super::clusters::TYPE, &self.cluster.name),
            name: self.cluster.name.clone(),
            location: self.location.clone(),
            tags: Tags::new(),
            identity: json!({
                "type": "SystemAssigned",
                "principalId": principal,
                "tenantId": self.tenant,
            }),
            properties: self.cluster_properties(&kubelet),
            etag: random::uuid(),
            endpoint: self.cluster.endpoint.clone(),
            certificate_authority_pem: self.cluster.certificate_authority_pem.clone(),
            token: self.cluster.token.clone(),
        };
        let scope = format!(
            "/subscriptions/{}/resourceGroups/{node_group}",
            self.subscription
        );
        state.identities.insert(key(&kubelet.id), kubelet);
        state.scale_sets.insert(key(&set.id), set);
        state.clusters.insert(key(&cluster.id), cluster);
        state.assign(&principal, "Contributor", &scope, now);
    }

    fn cluster_properties(&self, kubelet: &Identity) -> Value {
        let ClusterSeed {
            name,
            issuer,
            version,
            ..
        } = &self.cluster;
        let host = format!(
            "{name}-dns-{}",
            random::text(8, b"abcdefghijklmnopqrstuvwxyz0123456789")
        );
        json!({
            "provisioningState": "Succeeded",
            "powerState": { "code": "Running" },
            "kubernetesVersion": version,
            "currentKubernetesVersion": version,
            "dnsPrefix": format!("{name}-dns"),
            "fqdn": format!("{host}.hcp.{}.azmk8s.io", self.location),
            "azurePortalFQDN": format!("{host}.portal.hcp.{}.azmk8s.io", self.location),
            "nodeResourceGroup": self.node_group(),
            "enableRBAC": true,
            "disableLocalAccounts": false,
            "supportPlan": "KubernetesOfficial",
            "maxAgentPools": 100,
            "resourceUID": random::text(24, random::HEX),
            "agentPoolProfiles": [{
                "name": POOL,
                "count": 1,
                "mode": "System",
                "osType": "Linux",
                "osSKU": "Ubuntu",
                "type": "VirtualMachineScaleSets",
                "vmSize": "Standard_D4s_v5",
                "orchestratorVersion": version,
                "currentOrchestratorVersion": version,
                "provisioningState": "Succeeded",
                "powerState": { "code": "Running" },
            }],
            "servicePrincipalProfile": { "clientId": "msi" },
            "identityProfile": { "kubeletidentity": {
                "resourceId": kubelet.id,
                "clientId": kubelet.client_id,
                "objectId": kubelet.principal_id,
            } },
            "networkProfile": {
                "networkPlugin": "azure",
                "serviceCidr": "10.0.0.0/16",
                "dnsServiceIP": "10.0.0.10",
                "outboundType": "loadBalancer",
                "loadBalancerSku": "standard",
            },
            "oidcIssuerProfile": { "enabled": true, "issuerURL": issuer },
            "securityProfile": { "workloadIdentity": { "enabled": true } },
            "podIdentityProfile": { "enabled": true },
        })
    }

    /// Whether the API server is elsewhere than the stored world thinks.
    pub(super) fn is_moved(&self, state: &AzureState) -> bool {
        self.known_cluster(state).is_some_and(|known| {
            known.endpoint != self.cluster.endpoint
                || known.certificate_authority_pem != self.cluster.certificate_authority_pem
                || known.token != self.cluster.token
        })
    }

    /// Takes the way to the cluster from the seed: ports change between starts, all else is kept.
    pub(super) fn move_cluster(&self, state: &mut AzureState) {
        let id = key(&self.in_group(super::clusters::TYPE, &self.cluster.name));
        if let Some(known) = state.clusters.get_mut(&id) {
            known.endpoint.clone_from(&self.cluster.endpoint);
            known
                .certificate_authority_pem
                .clone_from(&self.cluster.certificate_authority_pem);
            known.token.clone_from(&self.cluster.token);
        }
    }

    fn known_cluster<'a>(&self, state: &'a AzureState) -> Option<&'a Cluster> {
        let id = self.in_group(super::clusters::TYPE, &self.cluster.name);
        state.clusters.get(&key(&id))
    }
}

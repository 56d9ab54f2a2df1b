//! The cloud identity that a run is about: one service account, or the Pods of one Pod identity, may
//! use the containers of one storage account, as one managed identity.

use super::adoption::{ADOPT, Decisions};
use crate::engine::{Answers, StepError};
use crate::steps::names::{self, AzureInputs};
use crate::steps::ownership::{Ownership, TagNames};

/// The role that opens the blobs.
pub const DATA_ROLE: &str = "Storage Blob Data Contributor";
/// The role that lets the cluster give an identity to its nodes.
pub const OPERATOR_ROLE: &str = "Managed Identity Operator";
/// How many federated credentials an identity may have.
pub const CREDENTIAL_LIMIT: usize = 20;

/// How the Pods of Rok get the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the token of their service account, which Entra exchanges.
    WorkloadIdentity,
    /// By the add-on for Pod identities, which Microsoft has retired.
    PodIdentity,
}

impl Method {
    /// Returns the method of an answer to `az_identity_method`.
    pub fn of(answers: &Answers) -> Self {
        match answers.get("az_identity_method") {
            Some("pod-identity") => Self::PodIdentity,
            _ => Self::WorkloadIdentity,
        }
    }
}

/// The identity as the answers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureIdentity {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group of cluster and identity.
    pub group: String,
    /// Where what is made is to be.
    pub location: String,
    /// The AKS cluster's name.
    pub cluster: String,
    /// The managed identity's name.
    pub name: String,
    /// The storage account's name.
    pub account: String,
    /// How Pods get it.
    pub method: Method,
    /// The namespace of the Rok cluster.
    pub namespace: String,
    /// The service account's name, which is the Rok cluster's.
    pub service_account: String,
    /// The name of the federated credential.
    pub credential: String,
    /// The name of the Pod identity, and what its Pods are labelled with.
    pub pod_identity: String,
    /// The prefix of containers.
    pub prefix: String,
    /// Our tags.
    pub ownership: Ownership,
    /// What was decided about objects of others.
    pub adopt: Decisions,
}

impl AzureIdentity {
    /// Returns the identity that complete answers of `recipe` describe.
    ///
    /// # Errors
    ///
    /// When [`ADOPT`] is no decision; its question has judged it before.
    pub fn of(answers: &Answers, recipe: &str) -> Result<Self, StepError> {
        let (cluster, namespace) = (
            answers.text("aks_cluster"),
            answers.text("rok_cluster_namespace"),
        );
        let name = answers.text("rok_cluster_name");
        let inputs = AzureInputs {
            cluster: &cluster,
            namespace: &namespace,
            name: &name,
        };
        let adopt = answers.get(ADOPT).unwrap_or_default();
        let adopt = Decisions::parse(adopt)
            .map_err(|problem| StepError::answers(format!("`{ADOPT}` {problem}")))?;
        Ok(Self {
            subscription: answers.text("az_subscription"),
            group: answers.text("az_resource_group"),
            location: answers.text("az_location"),
            name: answers.text("az_managed_identity"),
            account: answers.text("storage_account_name"),
            method: Method::of(answers),
            credential: inputs.credential(),
            pod_identity: answers
                .get("pod_identity_name")
                .map_or_else(|| inputs.pod_identity(), str::to_owned),
            prefix: answers.text("s3_bucket_prefix"),
            ownership: Ownership {
                cluster: cluster.clone(),
                recipe: recipe.into(),
                cloud: TagNames::Azure,
            },
            adopt,
            cluster,
            service_account: name,
            namespace,
        })
    }

    /// Returns the resource id of the resource group.
    pub fn group_id(&self) -> String {
        let Self {
            subscription,
            group,
            ..
        } = self;
        format!("/subscriptions/{subscription}/resourceGroups/{group}")
    }

    /// Returns the resource id of the managed identity.
    pub fn id(&self) -> String {
        let (group, name) = (self.group_id(), &self.name);
        format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}")
    }

    /// Returns the resource id that the storage account gets where it is still to be made.
    pub fn account_id(&self) -> String {
        let (group, name) = (self.group_id(), &self.account);
        format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}")
    }

    /// Returns the resource id of the cluster.
    pub fn cluster_id(&self) -> String {
        let (group, name) = (self.group_id(), &self.cluster);
        format!("{group}/providers/Microsoft.ContainerService/managedClusters/{name}")
    }

    /// Returns the subject of the service account's tokens.
    pub fn subject(&self) -> String {
        names::subject(&self.namespace, &self.service_account)
    }

    /// Returns the name of the binding that the add-on makes for the Pod identity.
    pub fn binding(&self) -> String {
        format!("{}-binding", self.pod_identity)
    }

    /// Returns the name of the container that proves access.
    pub fn probe_container(&self) -> String {
        names::probe_bucket(&self.prefix)
    }

    /// Returns what is written beside a role assignment, which cannot carry tags.
    pub fn assignment_description(&self) -> String {
        format!("Made by rok-deploy for Rok on AKS cluster {}", self.cluster)
    }
}

#[cfg(test)]
pub(in crate::steps) mod tests {
    use super::*;
    use crate::engine::Origin;
    use crate::steps::azure::adoption::Object;

    /// The documentation's example.
    pub(in crate::steps) fn sample() -> AzureIdentity {
        let mut answers = Answers::default();
        for (key, value) in [
            ("az_subscription", "3b63afce-113a-4798-a303-f37dada04319"),
            ("az_resource_group", "arrikto"),
            ("az_location", "eastus"),
            ("aks_cluster", "arrikto-cluster"),
            ("rok_cluster_namespace", "rok"),
            ("rok_cluster_name", "rok"),
            ("az_managed_identity", "rok-arrikto-cluster"),
            ("storage_account_name", "roka8eb022arriktoarrikto"),
            ("s3_bucket_prefix", "rok"),
            ("az_adopt", "identity, "),
        ] {
            answers.set(key, value, Origin::Set);
        }
        AzureIdentity::of(&answers, "rok-aks").unwrap()
    }

    #[test]
    fn ids_and_names_are_those_of_the_documentation() {
        let identity = sample();
        let group = "/subscriptions/3b63afce-113a-4798-a303-f37dada04319/resourceGroups/arrikto";
        assert_eq!(
            identity.id(),
            format!(
                "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok-arrikto-cluster"
            )
        );
        assert_eq!(identity.subject(), "system:serviceaccount:rok:rok");
        assert_eq!(identity.probe_container(), "rok-chocks-ca");
        assert_eq!(
            (identity.pod_identity.as_str(), identity.binding().as_str()),
            ("rok", "rok-binding")
        );
        assert_eq!(identity.credential, "rok-rok-rok");
        assert_eq!(identity.method, Method::WorkloadIdentity);
        assert!(identity.adopt.takes_over(Object::Identity));
    }
}

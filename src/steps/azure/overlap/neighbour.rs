//! Another installation of this tool on the same storage account, and which containers it takes.

use crate::clients::azure::{FederatedCredential, ManagedIdentity};
use crate::steps::azure::who::account;
use crate::steps::names::AzureInputs;
use crate::steps::ownership::Ownership;

/// Another installation, as its identity shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Neighbour {
    /// The identity's name.
    pub(super) name: String,
    /// The cluster that its tags name.
    pub(super) cluster: Option<String>,
    /// The prefixes that are computed for the service accounts it lets in.
    pub(super) prefixes: Vec<String>,
}

impl Neighbour {
    /// Returns the installation behind an identity. What prefix it was given is written nowhere on
    /// Azure; the one that is computed for it is as good as known, since most take it.
    pub(super) fn of(found: &ManagedIdentity, credentials: &[FederatedCredential]) -> Self {
        let cluster = Ownership::cluster_of(&found.tags).map(str::to_owned);
        let whose = cluster.as_deref().unwrap_or_default();
        let of = |namespace, name| AzureInputs {
            cluster: whose,
            namespace,
            name,
        };
        let accounts = credentials.iter().filter_map(|one| account(&one.subject));
        let mut prefixes: Vec<String> = accounts
            .map(|(namespace, name)| of(namespace, name).bucket_prefix())
            .collect();
        // By the add-on an identity lets in Pods by their label, and only its name tells whose it is.
        if prefixes.is_empty() && of("rok", "rok").identity() == found.name {
            prefixes.push(of("rok", "rok").bucket_prefix());
        }
        prefixes.sort();
        prefixes.dedup();
        Self {
            name: found.name.clone(),
            cluster,
            prefixes,
        }
    }

    /// Says how its containers and those under `own` meet, if they do.
    pub(super) fn meets(&self, own: &str, account: &str) -> Option<String> {
        let theirs = self
            .prefixes
            .iter()
            .find(|theirs| theirs.starts_with(own) || own.starts_with(theirs.as_str()))?;
        let relation = if theirs == own {
            "is the one that is computed for".to_owned()
        } else if theirs.starts_with(own) {
            format!("takes in `{theirs}`, which is computed for")
        } else {
            format!("lies within `{theirs}`, which is computed for")
        };
        let whose = match &self.cluster {
            Some(cluster) => format!("`{}` of cluster `{cluster}`", self.name),
            None => format!("`{}`", self.name),
        };
        Some(format!(
            "container prefix `{own}` {relation} managed identity {whose}, which may use storage account \
             `{account}` too"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::ownership::TagNames;

    fn found(name: &str, cluster: &str) -> ManagedIdentity {
        let ownership = Ownership {
            cluster: cluster.into(),
            recipe: "rok-aks".into(),
            cloud: TagNames::Azure,
        };
        ManagedIdentity {
            id: "i".into(),
            name: name.into(),
            location: "eastus".into(),
            client_id: "c".into(),
            principal_id: "p".into(),
            tenant_id: "t".into(),
            tags: ownership.tags("run"),
        }
    }

    fn lets_in(namespace: &str, name: &str) -> FederatedCredential {
        FederatedCredential {
            name: "c".into(),
            issuer: "https://i/".into(),
            subject: format!("system:serviceaccount:{namespace}:{name}"),
            audiences: Vec::new(),
        }
    }

    #[test]
    fn the_default_of_another_cluster_is_the_same() {
        let neighbour = Neighbour::of(&found("rok-west", "west"), &[lets_in("rok", "rok")]);
        assert_eq!(neighbour.prefixes, ["rok"]);
        let told = neighbour.meets("rok", "a").unwrap();
        assert!(told.contains("`rok-west` of cluster `west`"), "{told}");
        assert!(told.contains("is the one"), "{told}");
        let within = neighbour.meets("rok-east", "a").unwrap();
        assert!(within.contains("lies within `rok`"), "{within}");
        assert_eq!(neighbour.meets("east-rok", "a"), None);
    }

    #[test]
    fn one_that_lets_pods_in_is_known_by_its_name() {
        assert_eq!(
            Neighbour::of(&found("rok-west", "west"), &[]).prefixes,
            ["rok"]
        );
        let named = Neighbour::of(&found("mine", "west"), &[]);
        assert_eq!(named.prefixes, [""; 0]);
    }

    #[test]
    fn a_longer_prefix_is_taken_in() {
        let neighbour = Neighbour::of(&found("rok-west", "west"), &[lets_in("rok", "dev")]);
        let told = neighbour.meets("rok", "a").unwrap();
        assert!(told.contains("takes in `rok-rok-dev`"), "{told}");
    }
}

//! The chain of a proof: from a workload to its object store, link by link.
//!
//! Each link holds only if the ones before it hold; the first that is not proven is where to
//! look. Which links there are depends on how a workload gets its identity.

use std::fmt;
use std::ops::Index;

use serde::{Deserialize, Serialize};

/// How a workload gets its identity, and so which links its chain has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainKind {
    /// By a token that an IAM role trusts.
    IamRole,
    /// By a token that a managed identity of Azure trusts.
    WorkloadIdentity,
    /// By its node, which holds a managed identity of Azure for it.
    PodIdentity,
}

impl ChainKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::IamRole, Self::WorkloadIdentity, Self::PodIdentity];

    /// Returns the links of such a chain, in order.
    pub fn links(self) -> &'static [Link] {
        match self {
            Self::IamRole => &[
                Link::ServiceAccount,
                Link::Token,
                Link::Issuer,
                Link::Provider,
                Link::Trust,
                Link::Role,
                Link::Policy,
                Link::Prefix,
                Link::Bucket,
            ],
            Self::WorkloadIdentity => &[
                Link::ServiceAccount,
                Link::Token,
                Link::Issuer,
                Link::FederatedCredential,
                Link::ManagedIdentity,
                Link::RoleAssignment,
                Link::StorageAccount,
                Link::Container,
            ],
            Self::PodIdentity => &[
                Link::PodIdentity,
                Link::AzureIdentity,
                Link::Binding,
                Link::Node,
                Link::ManagedIdentity,
                Link::RoleAssignment,
                Link::StorageAccount,
                Link::Container,
            ],
        }
    }
}

/// A link of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The workload's service account, and the identity it is annotated with.
    ServiceAccount,
    /// The token that Kubernetes issues to it, and its way into a Pod.
    Token,
    /// Who signed the token: the cluster's own issuer.
    Issuer,
    /// The account's OIDC provider for that issuer, and its client ids.
    Provider,
    /// The role's trust policy.
    Trust,
    /// The session of the role.
    Role,
    /// The role's permissions policy, attached.
    Policy,
    /// The bucket prefix that the policy allows.
    Prefix,
    /// The answer of the object store.
    Bucket,
    /// The managed identity's word that it trusts the token.
    FederatedCredential,
    /// The cluster's own record that Pods of a label get the identity.
    PodIdentity,
    /// The object in the cluster that describes the identity.
    AzureIdentity,
    /// The object in the cluster that binds it to a label.
    Binding,
    /// The nodes, which hold the identity for their Pods.
    Node,
    /// The managed identity.
    ManagedIdentity,
    /// What the identity may do, and where.
    RoleAssignment,
    /// The storage account.
    StorageAccount,
    /// The answer of the object store about a container.
    Container,
}

impl Link {
    /// Returns the link's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service account",
            Self::Token => "token",
            Self::Issuer => "issuer",
            Self::Provider => "IAM provider",
            Self::Trust => "trust",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::Prefix => "prefix",
            Self::Bucket => "bucket",
            Self::FederatedCredential => "federated credential",
            Self::PodIdentity => "pod identity",
            Self::AzureIdentity => "AzureIdentity",
            Self::Binding => "binding",
            Self::Node => "node",
            Self::ManagedIdentity => "managed identity",
            Self::RoleAssignment => "role assignment",
            Self::StorageAccount => "storage account",
            Self::Container => "container",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What is known of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It was seen to hold.
    Proven,
    /// It was seen not to hold.
    Broken,
    /// Nothing tells: the proof did not get so far, or may not look.
    Unknown,
}

/// One link as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFound {
    /// Which one.
    pub link: Link,
    /// Whether it holds.
    pub state: LinkState,
    /// What was seen, or why nothing was.
    pub note: String,
}

/// All links, in order, each as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Every link of its kind once, in the order of [`ChainKind::links`].
    pub links: Vec<LinkFound>,
}

impl Chain {
    /// Nothing is known yet.
    pub fn unknown(kind: ChainKind, why: &str) -> Self {
        let unknown = |link: &Link| LinkFound {
            link: *link,
            state: LinkState::Unknown,
            note: why.to_owned(),
        };
        Self {
            links: kind.links().iter().map(unknown).collect(),
        }
    }

    /// Says what was found of a link. One that this chain does not have has no place in it: what a
    /// Pod lacks breaks the way of its token, and not every chain has a token.
    pub fn set(&mut self, link: Link, state: LinkState, note: impl Into<String>) {
        let mut links = self.links.iter_mut();
        if let Some(found) = links.find(|found| found.link == link) {
            (found.state, found.note) = (state, note.into());
        }
    }

    /// Returns what was found of a link, where the chain has it.
    pub fn get(&self, link: Link) -> Option<&LinkFound> {
        self.links.iter().find(|found| found.link == link)
    }

    /// Returns the first broken link, else the first unknown one; none when all are proven.
    pub fn weakest(&self) -> Option<&LinkFound> {
        let first = |state| self.links.iter().find(|found| found.state == state);
        first(LinkState::Broken).or_else(|| first(LinkState::Unknown))
    }
}

/// What was found of a link that the chain is known to have.
impl Index<Link> for Chain {
    type Output = LinkFound;

    fn index(&self, link: Link) -> &LinkFound {
        self.get(link).expect("the chain has the link")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_link_comes_before_an_unknown_one() {
        let mut chain = Chain::unknown(ChainKind::IamRole, "not looked at yet");
        assert_eq!(chain.weakest().unwrap().link, Link::ServiceAccount);
        chain.set(Link::Trust, LinkState::Broken, "another subject");
        assert_eq!(chain.weakest().unwrap().link, Link::Trust);
    }

    #[test]
    fn a_proven_chain_has_no_weakest_link() {
        for kind in ChainKind::ALL {
            let mut chain = Chain::unknown(kind, "");
            for link in kind.links() {
                chain.set(*link, LinkState::Proven, "seen");
                assert_eq!(chain[*link].link, *link);
            }
            assert_eq!(chain.weakest(), None);
        }
    }

    #[test]
    fn a_link_of_another_chain_has_no_place() {
        let mut chain = Chain::unknown(ChainKind::PodIdentity, "");
        let before = chain.clone();
        chain.set(Link::Token, LinkState::Broken, "not injected");
        assert_eq!(chain, before);
        assert_eq!(chain.get(Link::Token), None);
    }

    /// Journals hold these words for ever.
    #[test]
    fn what_is_written_down_of_a_chain() {
        let chain = Chain::unknown(ChainKind::IamRole, "");
        let written = serde_json::to_value(&chain).unwrap();
        let first =
            serde_json::json!({ "link": "service_account", "state": "unknown", "note": "" });
        assert_eq!(written["links"][0], first);
        assert_eq!(written.as_object().unwrap().len(), 1);
        let names: Vec<_> = ChainKind::ALL
            .iter()
            .flat_map(|kind| kind.links())
            .map(|link| serde_json::to_value(link).unwrap())
            .collect();
        let names: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
        let expected = "service_account token issuer provider trust role policy prefix bucket \
                        service_account token issuer federated_credential managed_identity \
                        role_assignment storage_account container \
                        pod_identity azure_identity binding node managed_identity \
                        role_assignment storage_account container";
        assert_eq!(names.join(" "), expected);
    }
}

//! The chain of a proof: from the service account to the bucket, link by link.
//!
//! Each link holds only if the ones before it hold; the first that is not proven is where to
//! look.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A link of the chain, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The workload's service account, and the role it is annotated with.
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
}

impl Link {
    /// Every link, in order.
    pub const ALL: [Self; 9] = [
        Self::ServiceAccount,
        Self::Token,
        Self::Issuer,
        Self::Provider,
        Self::Trust,
        Self::Role,
        Self::Policy,
        Self::Prefix,
        Self::Bucket,
    ];

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
    /// Every link once, in the order of [`Link::ALL`].
    pub links: Vec<LinkFound>,
}

impl Chain {
    /// Nothing is known yet.
    pub fn unknown(why: &str) -> Self {
        let unknown = |link| LinkFound {
            link,
            state: LinkState::Unknown,
            note: why.to_owned(),
        };
        Self {
            links: Link::ALL.map(unknown).into(),
        }
    }

    /// Says what was found of a link.
    pub fn set(&mut self, link: Link, state: LinkState, note: impl Into<String>) {
        let found = LinkFound {
            link,
            state,
            note: note.into(),
        };
        self.links[link as usize] = found;
    }

    /// Returns what was found of a link.
    pub fn get(&self, link: Link) -> &LinkFound {
        &self.links[link as usize]
    }

    /// Returns the first broken link, else the first unknown one; none when all are proven.
    pub fn weakest(&self) -> Option<&LinkFound> {
        let first = |state| self.links.iter().find(|found| found.state == state);
        first(LinkState::Broken).or_else(|| first(LinkState::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_link_comes_before_an_unknown_one() {
        let mut chain = Chain::unknown("not looked at yet");
        assert_eq!(chain.weakest().unwrap().link, Link::ServiceAccount);
        chain.set(Link::Trust, LinkState::Broken, "another subject");
        assert_eq!(chain.weakest().unwrap().link, Link::Trust);
    }

    #[test]
    fn a_proven_chain_has_no_weakest_link() {
        let mut chain = Chain::unknown("");
        for link in Link::ALL {
            chain.set(link, LinkState::Proven, "seen");
            assert_eq!(chain.get(link).link, link);
        }
        assert_eq!(chain.weakest(), None);
    }
}

//! What on Azure may be there already, for the answer `az_adopt`.

use super::identity::AzureIdentity;
use crate::engine::Choice;
use crate::steps::adoption::{self, Adoptable};
use crate::steps::in_the_way::{self, Installation};
use crate::steps::names;
use crate::steps::ownership::Ownership;

/// The key of the answer.
pub const ADOPT: &str = "az_adopt";

/// The decisions of an answer: `assignment,identity@3fa9c1d2e4b5`.
pub type Decisions = adoption::Decisions<Object>;

/// What was found where ours would be.
pub type InTheWay<'a> = in_the_way::InTheWay<'a, Object>;

/// What may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The managed identity.
    Identity,
    /// The federated credential of our name, in an identity that others made.
    Credential,
    /// The role assignment, under a condition.
    Assignment,
    /// The Pod identity.
    PodIdentity,
}

impl Adoptable for Object {
    const KEY: &'static str = ADOPT;
    const EXPECTED: &'static str = "`identity`, `credential`, `assignment` or `pod-identity`; or \
                                    `identity` or `assignment` with the digest of what it is now, as \
                                    in `identity@3fa9c1d2e4b5`";
    const ALL: &'static [Self] = &[
        Self::Identity,
        Self::Credential,
        Self::Assignment,
        Self::PodIdentity,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Credential => "credential",
            Self::Assignment => "assignment",
            Self::PodIdentity => "pod-identity",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Identity => "managed identity",
            Self::Credential => "federated credential",
            Self::Assignment => "role assignment",
            Self::PodIdentity => "Pod identity",
        }
    }

    fn instead_of_keeping(self) -> Option<&'static str> {
        match self {
            Self::Identity | Self::Assignment => None,
            Self::Credential => {
                Some("`credential`: one that lets the service account in is used as it is")
            }
            Self::PodIdentity => {
                Some("`pod-identity`: one that stands for our identity is used as it is")
            }
        }
    }

    fn keeping(self) -> &'static str {
        match self {
            Self::Assignment => "uses it as it is now, under its condition",
            _ => "uses it as it is now: it gets no tags, only Rok's own role and credential",
        }
    }
}

impl Installation<Object> for AzureIdentity {
    fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    fn adopt(&self) -> &Decisions {
        &self.adopt
    }

    fn other_name(&self, object: Object, name: &str) -> Option<Choice> {
        let key = match object {
            Object::Identity | Object::Credential => "az_managed_identity",
            Object::PodIdentity => "pod_identity_name",
            Object::Assignment => return None,
        };
        // A credential has no name of its own to choose: another identity has others.
        let name = match object {
            Object::Credential => &self.name,
            _ => name,
        };
        let whose = format!("{}\n{}", self.ownership.cluster, self.subject());
        let label = "leaves it alone and takes another name";
        Some(Choice::new(key, names::beside(name, &whose), label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_read_back_as_they_were_written() {
        for text in [
            "",
            "identity",
            "identity@3fa9c1d2e4b5,credential,assignment",
        ] {
            assert_eq!(Decisions::parse(text).unwrap().to_string(), text);
        }
        for (text, said) in [
            ("role", "expected `identity`"),
            ("identity@", "12 hexadecimal digits"),
            ("credential@3fa9c1d2e4b5", "expected `credential`"),
            ("pod-identity@3fa9c1d2e4b5", "expected `pod-identity`"),
            ("identity,identity", "twice"),
        ] {
            let problem = Decisions::parse(text).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }
}

//! What removals have in common, whatever the cloud: whose an object is, and that it stays.

use std::collections::BTreeMap;

use super::ownership::Ownership;
use crate::engine::Observation;

/// An object of our name, and whether it is ours.
pub(in crate::steps) enum Found<T> {
    /// It is not there.
    Absent,
    /// It is ours and this cluster's.
    Ours(T),
    /// Somebody else's, and what tells so.
    Foreign(String),
}

impl<T> Found<T> {
    /// Returns whose an object is, by its tags.
    pub(in crate::steps) fn judged(
        found: Option<T>,
        ownership: &Ownership,
        tags: impl Fn(&T) -> &BTreeMap<String, String>,
    ) -> Self {
        match found {
            None => Self::Absent,
            Some(found) if ownership.is_ours(tags(&found)) => Self::Ours(found),
            Some(found) => Self::Foreign(match Ownership::cluster_of(tags(&found)) {
                Some(cluster) => format!("its tags name cluster `{cluster}`"),
                None => "it carries no tag of this tool".into(),
            }),
        }
    }

    /// Whether it is there and ours.
    pub(in crate::steps) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }
}

/// Says that something stays, and why: in the plan, and again at the end.
pub(in crate::steps) fn stays(what: &str, why: &str) -> Observation {
    let text = format!("{what} stays: {why}");
    Observation::satisfied(format!("stays: {why}"))
        .notice(text.clone())
        .next(text)
}

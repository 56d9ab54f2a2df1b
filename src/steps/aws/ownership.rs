//! Whose an object is: what this tool made carries its tags.

use std::collections::BTreeMap;

use crate::engine::{Change, Verb};

/// The tags that mark what this tool makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The cluster's name, for `rok-deploy/cluster`.
    pub cluster: String,
    /// The recipe's name, for `rok-deploy/recipe`.
    pub recipe: String,
}

const CLUSTER: &str = "rok-deploy/cluster";
const RECIPE: &str = "rok-deploy/recipe";
/// Information, never a difference.
const RUN: &str = "rok-deploy/run";

impl Ownership {
    /// Returns the tags of an object made by `run`.
    pub fn tags(&self, run: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            (CLUSTER.to_owned(), self.cluster.clone()),
            (RECIPE.to_owned(), self.recipe.clone()),
            (RUN.to_owned(), run.to_owned()),
        ])
    }

    /// Whether the object is ours and this cluster's.
    pub fn is_ours(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(CLUSTER) == Some(&self.cluster) && tags.get(RECIPE) == Some(&self.recipe)
    }

    /// Whether the object carries no mark of this tool at all, neither ours nor another cluster's.
    pub fn is_unmarked(tags: &BTreeMap<String, String>) -> bool {
        !tags.contains_key(CLUSTER) && !tags.contains_key(RECIPE)
    }

    /// Returns the cluster that the tags name, when they are this tool's.
    pub fn cluster_of(tags: &BTreeMap<String, String>) -> Option<&str> {
        tags.get(CLUSTER).map(String::as_str)
    }

    /// Returns which marks of this tool were found, in words.
    pub fn found(tags: &BTreeMap<String, String>) -> String {
        let marks: Vec<_> = tags
            .iter()
            .filter(|(key, _)| [CLUSTER, RECIPE].contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if marks.is_empty() {
            "no tag of this tool".into()
        } else {
            marks.join(", ")
        }
    }

    /// Returns which marks of this tool are expected, in words.
    pub fn expected(&self) -> String {
        format!("{CLUSTER}={}, {RECIPE}={}", self.cluster, self.recipe)
    }

    /// Returns the change that marks an object of others as ours.
    pub fn marking(&self, target: &str, name: &str, tags: &BTreeMap<String, String>) -> Change {
        Change::new(Verb::Adopt, format!("{target} tags"), name)
            .before(Self::found(tags))
            .after(self.expected())
    }
}

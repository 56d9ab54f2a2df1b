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
    /// How a tag's name is written in that cloud.
    pub cloud: TagNames,
}

/// How the names of our tags are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagNames {
    /// `rok-deploy/cluster`.
    Aws,
    /// `rok-deploy-cluster`: Azure takes no slash.
    Azure,
}

const CLUSTER: &str = "cluster";
const RECIPE: &str = "recipe";
/// Information, never a difference.
const RUN: &str = "run";

impl TagNames {
    fn name(self, what: &str) -> String {
        let separator = match self {
            Self::Aws => '/',
            Self::Azure => '-',
        };
        format!("rok-deploy{separator}{what}")
    }

    /// Returns the name of the tag that holds the recipe.
    pub fn recipe(self) -> String {
        self.name(RECIPE)
    }

    /// Returns the value of one of our tags, however its cloud writes it.
    fn any<'a>(tags: &'a BTreeMap<String, String>, what: &str) -> Option<(String, &'a str)> {
        let names = [Self::Aws, Self::Azure].map(|cloud| cloud.name(what));
        names.into_iter().find_map(|name| {
            let value = tags.get(&name)?;
            Some((name, value.as_str()))
        })
    }
}

impl Ownership {
    /// Returns the tags that say whose an object is, without the run that made it.
    pub fn marks(&self) -> [(String, String); 2] {
        [
            (self.cloud.name(CLUSTER), self.cluster.clone()),
            (self.cloud.name(RECIPE), self.recipe.clone()),
        ]
    }

    /// Returns the tags of an object made by `run`.
    pub fn tags(&self, run: &str) -> BTreeMap<String, String> {
        let run = (self.cloud.name(RUN), run.to_owned());
        self.marks().into_iter().chain([run]).collect()
    }

    /// Whether the object is ours and this cluster's.
    pub fn is_ours(&self, tags: &BTreeMap<String, String>) -> bool {
        let is = |what, value: &String| tags.get(&self.cloud.name(what)) == Some(value);
        is(CLUSTER, &self.cluster) && is(RECIPE, &self.recipe)
    }

    /// Whether the object carries no mark of this tool at all, neither ours nor another cluster's.
    pub fn is_unmarked(tags: &BTreeMap<String, String>) -> bool {
        [CLUSTER, RECIPE]
            .iter()
            .all(|what| TagNames::any(tags, what).is_none())
    }

    /// Returns the cluster that the tags name, when they are this tool's.
    pub fn cluster_of(tags: &BTreeMap<String, String>) -> Option<&str> {
        TagNames::any(tags, CLUSTER).map(|(_, cluster)| cluster)
    }

    /// Returns which marks of this tool were found, in words.
    pub fn found(tags: &BTreeMap<String, String>) -> String {
        let marks = [CLUSTER, RECIPE]
            .iter()
            .filter_map(|what| TagNames::any(tags, what));
        let marks: Vec<_> = marks.map(|(key, value)| format!("{key}={value}")).collect();
        if marks.is_empty() {
            "no tag of this tool".into()
        } else {
            marks.join(", ")
        }
    }

    /// Returns which marks of this tool are expected, in words.
    pub fn expected(&self) -> String {
        let (cluster, recipe) = (self.cloud.name(CLUSTER), self.cloud.name(RECIPE));
        format!("{cluster}={}, {recipe}={}", self.cluster, self.recipe)
    }

    /// Returns the change that marks an object of others as ours.
    pub fn marking(&self, target: &str, name: &str, tags: &BTreeMap<String, String>) -> Change {
        Change::new(Verb::Adopt, format!("{target} tags"), name)
            .before(Self::found(tags))
            .after(self.expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_way_to_write_the_same_marks() {
        for (cloud, name) in [
            (TagNames::Aws, "rok-deploy/cluster"),
            (TagNames::Azure, "rok-deploy-cluster"),
        ] {
            let ownership = Ownership {
                cluster: "c".into(),
                recipe: "r".into(),
                cloud,
            };
            let tags = ownership.tags("run");
            assert!(ownership.is_ours(&tags) && !Ownership::is_unmarked(&tags));
            assert_eq!(tags.get(name).map(String::as_str), Some("c"));
            assert_eq!(Ownership::cluster_of(&tags), Some("c"));
            assert_eq!(Ownership::found(&tags), ownership.expected());
        }
    }
}

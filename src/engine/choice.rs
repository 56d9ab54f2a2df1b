//! Ways out of a conflict: answers that settle it, for hints and for screens that offer them.

use serde::{Deserialize, Serialize};

/// An answer that settles a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The key of the answer.
    pub key: String,
    /// The answer; where it joins others, its own item of their list.
    pub value: String,
    /// What it does, in the present tense: "takes it over".
    pub label: String,
    /// Whether the answer is a list, separated by commas, that holds one item for each thing it is
    /// about. What an item is about stands before its `@`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joins: bool,
}

impl Choice {
    /// Returns a choice that is the whole answer.
    pub fn new(key: &str, value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            label: label.into(),
            joins: false,
        }
    }

    /// Returns a choice that is an item of a list.
    pub fn item(key: &str, value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            joins: true,
            ..Self::new(key, value, label)
        }
    }

    /// Returns the whole answer, where `held` was answered so far. An item takes the place of the
    /// one about the same thing.
    pub fn answer(&self, held: &str) -> String {
        if !self.joins {
            return self.value.clone();
        }
        let about = |item: &str| item.split('@').next().unwrap_or_default().to_owned();
        let mut items: Vec<&str> = held.split(',').map(str::trim).collect();
        items.retain(|item| !item.is_empty() && about(item) != about(&self.value));
        items.push(&self.value);
        items.join(",")
    }

    /// Returns what to do, as a hint.
    pub fn hint(&self, held: &str) -> String {
        let Self { key, label, .. } = self;
        format!("`--set {key}={}` {label}", self.answer(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_joins_the_others_and_replaces_its_like() {
        let take = Choice::item("adopt", "role", "takes it over");
        assert_eq!(take.answer(""), "role");
        assert_eq!(take.answer("policy"), "policy,role");
        assert_eq!(take.answer("role@12, policy@34"), "policy@34,role");
        assert_eq!(
            take.hint("policy"),
            "`--set adopt=policy,role` takes it over"
        );
        let name = Choice::new("name", "rok-2", "takes another name");
        assert_eq!(name.answer("rok"), "rok-2");
    }
}

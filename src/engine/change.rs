//! One line of the plan, one hunk of the diff, one line of the log: they are the same value.

use serde::{Deserialize, Serialize};

/// What is done to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// It is not there and will be.
    Create,
    /// It is there and will be different.
    Update,
    /// It is there, without our mark, and will be taken as it is.
    Adopt,
    /// Two things that exist will be connected.
    Attach,
    /// It is there and will not be.
    Delete,
    /// Files become a commit.
    Commit,
    /// A commit gets a tag.
    Tag,
    /// Commits and tags go to the remote.
    Push,
}

impl Verb {
    /// Returns the word for a sentence in the present tense: "creates role `rok`".
    pub fn present(self) -> &'static str {
        match self {
            Self::Create => "creates",
            Self::Update => "updates",
            Self::Adopt => "adopts",
            Self::Attach => "attaches",
            Self::Delete => "deletes",
            Self::Commit => "commits",
            Self::Tag => "tags",
            Self::Push => "pushes",
        }
    }

    /// Returns the mark that stands before a line of the plan; a mark, since colour may be off.
    pub fn mark(self) -> char {
        match self {
            Self::Create | Self::Attach | Self::Commit | Self::Tag => '+',
            Self::Update | Self::Adopt => '~',
            Self::Delete => '-',
            Self::Push => '>',
        }
    }
}

/// A change of one thing: what it is, what it was, what it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What is done.
    pub verb: Verb,
    /// The sort of thing in the field's words: `role`, `policy`, `file`, `tag`.
    pub target: String,
    /// Its name, ARN or path.
    pub name: String,
    /// What was found; a whole text (a policy, a file) or a short value. Absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What will be there. Absent when nothing will, or when there is nothing to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Change {
    /// Returns a change without texts.
    pub fn new(verb: Verb, target: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            verb,
            target: target.into(),
            name: name.into(),
            before: None,
            after: None,
        }
    }

    /// Adds what was found.
    #[must_use]
    pub fn before(mut self, text: impl Into<String>) -> Self {
        self.before = Some(text.into());
        self
    }

    /// Adds what will be there.
    #[must_use]
    pub fn after(mut self, text: impl Into<String>) -> Self {
        self.after = Some(text.into());
        self
    }

    /// Returns the sentence: "creates role `rok-us-west-2-arrikto-cluster`".
    pub fn sentence(&self) -> String {
        format!("{} {} `{}`", self.verb.present(), self.target, self.name)
    }

    /// Whether someone who approved `self` has thereby approved `other`: the same thing becomes
    /// the same, wherever it came from.
    pub fn covers(&self, other: &Self) -> bool {
        self.target == other.target && self.name == other.name && self.after == other.after
    }
}

/// Returns the items as the lines of a text, for [`Change::before`] and [`Change::after`].
pub fn lines<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(item.as_ref());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approving_a_result_covers_any_way_to_it_and_no_other_result() {
        let create = Change::new(Verb::Create, "file", "a").after("x");
        let update = Change::new(Verb::Update, "file", "a")
            .before("old")
            .after("x");
        assert!(create.covers(&update));
        assert!(!create.covers(&update.clone().after("y")));
        assert!(!create.covers(&Change::new(Verb::Create, "file", "b").after("x")));
    }
}

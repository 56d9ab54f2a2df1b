//! A file taken apart: its values with their paths and places, and its metadata.
//!
//! Both formats come to this, so what is encrypted, and in which order, is decided once.

use std::ops::Range;

use super::metadata::Tree;
use super::scalar::{Clear, Kind};
use super::{dotenv, yaml};

/// How a value is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The rest of a line of dotenv.
    Line,
    /// What follows the `#` of a comment.
    Comment,
    /// A plain scalar of YAML; inside of brackets fewer texts can be plain.
    Plain { in_brackets: bool },
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// `|` or `>` with lines below.
    Block,
}

/// A value, or a comment.
pub(super) struct Leaf {
    /// Where it is in the text.
    pub(super) place: Range<usize>,
    /// The names that lead to it; of a comment, to what it stands in.
    pub(super) path: Vec<String>,
    /// The value as it is written there.
    pub(super) clear: Clear,
    /// How it is written.
    pub(super) style: Style,
}

impl Leaf {
    /// Returns what an encrypted value is bound to.
    pub(super) fn bound(&self) -> String {
        bound(&self.path)
    }

    /// Returns the path as a person reads it.
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }

    pub(super) fn is_comment(&self) -> bool {
        self.clear.kind == Kind::Comment
    }

    /// Returns another value as it is written in this place.
    pub(super) fn written(&self, clear: &Clear) -> String {
        match self.style {
            Style::Line => dotenv::written(&clear.text),
            Style::Comment => clear.text.to_string(),
            style => yaml::written(clear, style),
        }
    }
}

/// Returns what a value under that path is bound to.
pub(super) fn bound(path: &[String]) -> String {
    format!("{}:", path.join(":"))
}

/// A file taken apart.
pub(super) struct Parts {
    /// Values and comments, in order.
    pub(super) leaves: Vec<Leaf>,
    /// The metadata, where it is encrypted.
    pub(super) metadata: Option<Tree>,
    /// Where the metadata is in the text.
    pub(super) cut: Vec<Range<usize>>,
}

impl Parts {
    /// Returns the text with other values in it, and without its metadata. What is `None` stays.
    pub(super) fn with(&self, text: &str, values: &[Option<String>]) -> String {
        let replaced = self.leaves.iter().zip(values);
        let replaced = replaced.filter_map(|(leaf, value)| Some((&leaf.place, value.as_deref()?)));
        let mut changes: Vec<_> = replaced
            .chain(self.cut.iter().map(|place| (place, "")))
            .collect();
        changes.sort_by_key(|(place, _)| place.start);
        let (mut result, mut from) = (String::with_capacity(text.len()), 0);
        for (place, value) in changes {
            result.push_str(&text[from..place.start]);
            result.push_str(value);
            from = place.end;
        }
        result.push_str(&text[from..]);
        result
    }
}

//! The difference between what was found and what will be there, line by line.

use similar::{ChangeTag, TextDiff};

use super::words::clean;
use crate::engine::Change;

/// How a line of a diff takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It is on both sides.
    Both,
    /// It goes.
    Removed,
    /// It comes.
    Added,
    /// It stands between two hunks and counts the lines left out.
    Gap,
}

impl Side {
    /// Returns the mark that stands before the line.
    pub fn mark(self) -> char {
        match self {
            Self::Both | Self::Gap => ' ',
            Self::Removed => '-',
            Self::Added => '+',
        }
    }
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it takes part.
    pub side: Side,
    /// Its text, without line break and control characters.
    pub text: String,
}

/// A diff: its lines, and how many come and go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// The lines, unchanged ones only around a difference.
    pub lines: Vec<Line>,
    /// How many lines come.
    pub added: usize,
    /// How many lines go.
    pub removed: usize,
}

/// Unchanged lines that are shown around a difference.
const CONTEXT: usize = 3;

impl Diff {
    /// Returns the difference that the change makes. Texts that come or go are whole.
    pub fn of(change: &Change) -> Self {
        let before = change.before.as_deref().unwrap_or_default();
        let after = change.after.as_deref().unwrap_or_default();
        let mut diff = Self::default();
        let text_diff = TextDiff::from_lines(before, after);
        let mut shown = 0;
        for group in text_diff.grouped_ops(CONTEXT) {
            let start = group
                .first()
                .map_or(0, |operation| operation.old_range().start);
            if start > shown {
                let gap = super::words::count(start - shown, "equal line", "equal lines");
                diff.push(Side::Gap, &format!("… {gap}"));
            }
            shown = group
                .last()
                .map_or(shown, |operation| operation.old_range().end);
            for operation in &group {
                for line in text_diff.iter_changes(operation) {
                    let side = match line.tag() {
                        ChangeTag::Equal => Side::Both,
                        ChangeTag::Delete => Side::Removed,
                        ChangeTag::Insert => Side::Added,
                    };
                    diff.push(side, line.value());
                }
            }
        }
        diff
    }

    /// Returns the counts, "+12 −3 lines", or nothing for a diff of one short value.
    pub fn counts(&self) -> Option<String> {
        (self.added + self.removed > 2).then(|| format!("+{} −{} lines", self.added, self.removed))
    }

    fn push(&mut self, side: Side, text: &str) {
        match side {
            Side::Added => self.added += 1,
            Side::Removed => self.removed += 1,
            Side::Both | Side::Gap => {}
        }
        let text = clean(text.trim_end_matches(['\n', '\r'])).into_owned();
        self.lines.push(Line { side, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Verb;

    fn shown(before: &str, after: &str) -> String {
        let change = Change::new(Verb::Update, "file", "a")
            .before(before)
            .after(after);
        let lines = Diff::of(&change).lines;
        let lines = lines.iter();
        let lines = lines.map(|line| format!("{}{}", line.side.mark(), line.text));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_new_text_is_shown_whole() {
        let change = Change::new(Verb::Create, "file", "a").after("one\ntwo\nthree");
        let diff = Diff::of(&change);
        assert_eq!((diff.added, diff.removed, diff.lines.len()), (3, 0, 3));
        assert_eq!(diff.counts().as_deref(), Some("+3 −0 lines"));
    }

    #[test]
    fn equal_lines_are_counted_and_left_out() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        assert_eq!(
            shown(before, &before.replace("9\n", "nine\n")),
            " … 5 equal lines\n 6\n 7\n 8\n-9\n+nine\n 10\n 11\n 12"
        );
    }

    #[test]
    fn a_missing_line_break_at_the_end_is_no_difference_of_lines_before_it() {
        assert_eq!(shown("a\nb\n", "a\nc"), " a\n-b\n+c");
    }
}

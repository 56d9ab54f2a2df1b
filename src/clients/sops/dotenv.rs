//! Lines of `NAME=value`, as SOPS reads them: everything after the `=` is the value, and `\n` in it is a
//! line break.

use super::error::Trouble;
use super::metadata::Tree;
use super::parts::{Leaf, Parts, Style};
use super::scalar::{Clear, Kind};
use super::tree;

/// What the names of metadata begin with.
pub(super) const PREFIX: &str = "sops_";

/// Takes a file apart.
pub(super) fn parse(text: &str) -> Result<Parts, Trouble> {
    let (mut leaves, mut cut) = (Vec::new(), Vec::new());
    let mut flat = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let whole = start..start + line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let end = start + line.len();
        if let Some(comment) = line.strip_prefix('#') {
            leaves.push(Leaf {
                place: start + 1..end,
                path: Vec::new(),
                clear: Clear::new(Kind::Comment, comment),
                style: Style::Comment,
            });
        } else if !line.is_empty() {
            let (name, value) = line.split_once('=').ok_or_else(|| Trouble::Syntax {
                line: index + 1,
                what: "found a line without `=`, expected `NAME=value`".into(),
            })?;
            if let Some(field) = name.strip_prefix(PREFIX) {
                flat.push((field.to_owned(), read(value)));
                cut.push(whole.clone());
            } else {
                leaves.push(Leaf {
                    place: start + name.len() + 1..end,
                    path: vec![name.to_owned()],
                    clear: Clear::new(Kind::Text, read(value)),
                    style: Style::Line,
                });
            }
        }
        start = whole.end;
    }
    let metadata: Option<Tree> = if flat.is_empty() {
        None
    } else {
        Some(tree::unflattened(flat)?)
    };
    Ok(Parts {
        leaves,
        metadata,
        cut,
    })
}

fn read(value: &str) -> String {
    value.replace("\\n", "\n")
}

/// Returns a value as it stands in a line.
pub(super) fn written(value: &str) -> String {
    value.replace('\n', "\\n")
}

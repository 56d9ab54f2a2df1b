//! Values of a file in clear, by their paths: read, replaced where they stand, and taken out with their lines.

use super::error::{SopsError, Trouble};
use super::file::Format;
use super::parts::{Leaf, Parts, Style};
use super::scalar::{Clear, Kind};
use crate::clients::secret::Secret;

fn parts(format: Format, name: &str, text: &str) -> Result<Parts, SopsError> {
    format.parse(text).map_err(|trouble| trouble.of(name))
}

fn at<'a>(parts: &'a Parts, path: &[String]) -> impl Iterator<Item = &'a Leaf> {
    let is_it = move |leaf: &&Leaf| !leaf.is_comment() && leaf.path == path;
    parts.leaves.iter().filter(is_it)
}

/// Returns the text under each path, where there is one. Of several the last counts.
///
/// # Errors
///
/// When the file cannot be read.
pub fn values(
    format: Format,
    name: &str,
    text: &str,
    paths: &[Vec<String>],
) -> Result<Vec<Option<Secret>>, SopsError> {
    let parts = parts(format, name, text)?;
    let value = |path: &Vec<String>| {
        let leaf = at(&parts, path).last()?;
        Some(Secret::new(leaf.clear.text.as_str()))
    };
    Ok(paths.iter().map(value).collect())
}

/// Returns the file with other texts under these paths, where there are any.
///
/// # Errors
///
/// When the file cannot be read.
pub fn with_values(
    format: Format,
    name: &str,
    text: &str,
    values: &[(Vec<String>, &str)],
) -> Result<String, SopsError> {
    let parts = parts(format, name, text)?;
    let written = parts.leaves.iter().map(|leaf| {
        let new = values.iter().find(|(path, _)| *path == leaf.path);
        let (_, new) = new.filter(|_| !leaf.is_comment())?;
        let is_same = leaf.clear.kind == Kind::Text && leaf.clear.text.as_str() == *new;
        (!is_same).then(|| quoted(leaf).written(&Clear::new(Kind::Text, *new)))
    });
    let written: Vec<_> = written.collect();
    Ok(parts.with(text, &written))
}

/// A text that may look like a number is quoted, whatever stood there.
fn quoted(leaf: &Leaf) -> Leaf {
    Leaf {
        place: leaf.place.clone(),
        path: Vec::new(),
        clear: Clear::new(Kind::Text, ""),
        style: match leaf.style {
            Style::Plain { .. } | Style::Block => Style::Double,
            style => style,
        },
    }
}

/// Returns where another line under that path would stand, and what it begins with; `None` when
/// there is no line yet.
///
/// # Errors
///
/// When the file cannot be read.
pub fn end_of(
    format: Format,
    name: &str,
    text: &str,
    above: &[String],
) -> Result<Option<(usize, String)>, SopsError> {
    let parts = parts(format, name, text)?;
    let is_under = |leaf: &&Leaf| {
        !leaf.is_comment() && leaf.path.len() == above.len() + 1 && leaf.path.starts_with(above)
    };
    let Some(last) = parts.leaves.iter().rfind(is_under) else {
        return Ok(None);
    };
    let start = text[..last.place.start]
        .rfind('\n')
        .map_or(0, |end| end + 1);
    let line = &text[start..];
    let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
    let rest = &text[last.place.end..];
    let end = rest
        .find('\n')
        .map_or(text.len(), |at| last.place.end + at + 1);
    Ok(Some((end, indent.to_owned())))
}

/// Returns the file without the lines of these values.
///
/// # Errors
///
/// When the file cannot be read, or a line holds more than its value.
pub fn without_lines(
    format: Format,
    name: &str,
    text: &str,
    paths: &[Vec<String>],
) -> Result<String, SopsError> {
    let parts = parts(format, name, text)?;
    let (mut result, mut from) = (String::with_capacity(text.len()), 0);
    for leaf in parts
        .leaves
        .iter()
        .filter(|leaf| !leaf.is_comment() && paths.contains(&leaf.path))
    {
        let start = text[..leaf.place.start]
            .rfind('\n')
            .map_or(0, |end| end + 1);
        let rest = &text[leaf.place.end..];
        let end = rest
            .find('\n')
            .map_or(text.len(), |at| leaf.place.end + at + 1);
        if matches!(leaf.style, Style::Plain { in_brackets: true }) || start < from {
            return Err(Trouble::unsupported("a value that shares its line with others").of(name));
        }
        result.push_str(&text[from..start]);
        from = end;
    }
    result.push_str(&text[from..]);
    Ok(result)
}

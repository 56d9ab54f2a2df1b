//! How the metadata is laid out: as SOPS writes it in YAML, and under flat names in dotenv.

use serde_yaml::Value;

use super::dotenv::{self, PREFIX};
use super::error::Trouble;
use super::metadata::Tree;
use super::parts::Style;
use super::scalar::{Clear, Kind};
use super::yaml;

/// The highest place in a list: a flat name could say any.
const LONGEST: usize = 1_000;

/// Writes a mapping as SOPS lays it out.
pub(super) fn write_mapping(mapping: &Tree, indent: usize, text: &mut String) {
    for (name, value) in mapping {
        text.extend(std::iter::repeat_n(' ', indent));
        write_entry(name, value, indent, text);
    }
}

fn write_entry(name: &Value, value: &Value, indent: usize, text: &mut String) {
    text.push_str(&scalar(name));
    text.push(':');
    match value {
        Value::Mapping(mapping) if !mapping.is_empty() => {
            text.push('\n');
            write_mapping(mapping, indent + 4, text);
        }
        Value::Sequence(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                text.extend(std::iter::repeat_n(' ', indent + 4));
                text.push_str("- ");
                match item {
                    Value::Mapping(entry) if !entry.is_empty() => {
                        for (index, (name, value)) in entry.iter().enumerate() {
                            if index > 0 {
                                text.extend(std::iter::repeat_n(' ', indent + 6));
                            }
                            write_entry(name, value, indent + 6, text);
                        }
                    }
                    item => {
                        text.push_str(&scalar(item));
                        text.push('\n');
                    }
                }
            }
        }
        Value::String(lines) if is_lines(lines) => {
            text.push_str(" |\n");
            let inner = (indent / 4 + 1) * 4;
            for line in lines.lines() {
                text.extend(std::iter::repeat_n(' ', inner));
                text.push_str(line);
                text.push('\n');
            }
        }
        value => {
            text.push(' ');
            text.push_str(&scalar(value));
            text.push('\n');
        }
    }
}

/// Whether a text can be the lines of a block, as an armored key is.
fn is_lines(text: &str) -> bool {
    let is_line = |line: &str| {
        !line.is_empty()
            && !line.starts_with(' ')
            && line.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    text.ends_with('\n') && text.lines().count() > 1 && text.split_terminator('\n').all(is_line)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Sequence(_) => "[]".into(),
        Value::Mapping(_) => "{}".into(),
        Value::Tagged(tagged) => scalar(&tagged.value),
        Value::String(text) => {
            let clear = Clear::new(Kind::Text, text.as_str());
            yaml::written(&clear, Style::Plain { in_brackets: false })
        }
    }
}

/// Returns the lines of dotenv that say the same, in the order of their names.
pub(super) fn flat(tree: &Tree) -> String {
    let mut flat = Vec::new();
    flatten(&Value::Mapping(tree.clone()), String::new(), &mut flat);
    flat.sort();
    let line =
        |(name, value): (String, String)| format!("{PREFIX}{name}={}\n", dotenv::written(&value));
    flat.into_iter().map(line).collect()
}

/// Gives every text a flat name, such as `age__list_0__map_recipient`.
fn flatten(value: &Value, name: String, flat: &mut Vec<(String, String)>) {
    let inner = |part: &str| {
        if name.is_empty() {
            part.to_owned()
        } else {
            format!("{name}__map_{part}")
        }
    };
    match value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping {
                flatten(value, inner(key.as_str().unwrap_or_default()), flat);
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(item, format!("{name}__list_{index}"), flat);
            }
        }
        Value::Null => {}
        Value::Bool(value) => flat.push((name, value.to_string())),
        Value::Number(number) => flat.push((name, number.to_string())),
        Value::String(text) => flat.push((name, text.clone())),
        Value::Tagged(tagged) => flatten(&tagged.value, name, flat),
    }
}

/// Makes a tree of flat names.
pub(super) fn unflattened(flat: Vec<(String, String)>) -> Result<Tree, Trouble> {
    let mut tree = Value::Mapping(Tree::new());
    for (name, text) in flat {
        put(&mut tree, &name, text).ok_or_else(|| Trouble::Metadata {
            field: format!("{PREFIX}{name}"),
            found: "a name that fits to no other".into(),
            expected: "a flat name such as `sops_age__list_0__map_enc`".into(),
        })?;
    }
    match tree {
        Value::Mapping(tree) => Ok(tree),
        _ => unreachable!("it stays the mapping it was"),
    }
}

fn put(tree: &mut Value, name: &str, text: String) -> Option<()> {
    let next = |rest: &str| {
        let places = [rest.find("__map_"), rest.find("__list_")];
        places.into_iter().flatten().min().unwrap_or(rest.len())
    };
    let (mut at, end) = (tree, next(name));
    let (first, mut rest) = name.split_at(end);
    at = child(at, first)?;
    while !rest.is_empty() {
        if let Some(list) = rest.strip_prefix("__list_") {
            let (index, others) = list.split_at(next(list));
            let index = index
                .parse::<usize>()
                .ok()
                .filter(|index| *index < LONGEST)?;
            if at.is_null() {
                *at = Value::Sequence(Vec::new());
            }
            let items = at.as_sequence_mut()?;
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            (at, rest) = (&mut items[index], others);
        } else {
            let map = rest.strip_prefix("__map_")?;
            let (key, others) = map.split_at(next(map));
            if at.is_null() {
                *at = Value::Mapping(Tree::new());
            }
            (at, rest) = (child(at, key)?, others);
        }
    }
    if !at.is_null() {
        return None;
    }
    *at = Value::String(text);
    Some(())
}

fn child<'a>(at: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    let mapping = at.as_mapping_mut()?;
    Some(mapping.entry(key.into()).or_insert(Value::Null))
}

//! Edits a YAML file in place: what is not meant stays as it is, comments and order too.
//!
//! The editor keeps a file's text and understands less of YAML than a parser does. So the same edit is
//! made to the parsed value as well, and the new text counts only if it means just that.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use serde::Deserialize as _;
use serde_yaml::{Mapping as ValueMapping, Value};
use yaml_edit::{Document, Mapping, YamlFile, YamlValue};

use super::yaml::within_bounds;

/// Why a file was not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlEditError {
    /// Nobody can read it.
    #[error("is no YAML: {0}")]
    NotYaml(String),
    /// It holds several documents, and which one is meant is unclear.
    #[error("holds {0} YAML documents; expected one")]
    Documents(usize),
    /// What stands where something is to be put cannot hold it.
    #[error("has something else at `{0}`; expected a mapping, a list, or nothing")]
    Shape(String),
    /// The editor could not say it.
    #[error("cannot be edited without changing more than `{0}`")]
    NotFaithful(String),
}

/// A file's text and its meaning, while it is edited.
pub struct YamlEdit {
    file: YamlFile,
    value: Value,
}

impl YamlEdit {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or holds more than one document.
    pub fn new(text: &str) -> Result<Self, YamlEditError> {
        let value = meaning(text)?;
        let file =
            YamlFile::from_str(text).map_err(|error| YamlEditError::NotYaml(error.to_string()))?;
        Ok(Self { file, value })
    }

    /// Returns what the file means so far.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Sets a text, and makes the mappings on the way to it.
    ///
    /// # Errors
    ///
    /// When something other than a mapping is on the way.
    pub fn set(&mut self, path: &[&str], text: &str) -> Result<(), YamlEditError> {
        let shape = || YamlEditError::Shape(path.join("."));
        set_value(&mut self.value, path, text).ok_or_else(shape)?;
        self.root()
            .and_then(|root| set_text(&root, path, text))
            .ok_or_else(shape)
    }

    /// Takes a key out of the mapping that it is in; one that is not there is fine.
    pub fn unset(&mut self, path: &[&str]) {
        let Some((key, way)) = path.split_last() else {
            return;
        };
        let parent = way
            .iter()
            .try_fold(&mut self.value, |value, key| value.get_mut(*key));
        let parent = parent.and_then(Value::as_mapping_mut);
        if parent.is_none_or(|parent| parent.remove(*key).is_none()) {
            return;
        }
        let parent = way.iter().fold(self.root(), |mapping, key| {
            mapping.and_then(|mapping| mapping.get_mapping(*key))
        });
        // What is left in the text all the same shows when both are compared.
        parent.and_then(|parent| parent.remove(*key));
    }

    /// Adds an item to a list of the root, at its end; makes the list where there is none.
    ///
    /// # Errors
    ///
    /// When something other than a list is there.
    pub fn push(&mut self, key: &str, item: &Item<'_>) -> Result<(), YamlEditError> {
        let shape = || YamlEditError::Shape(key.to_owned());
        let root = self.value.as_mapping_mut().ok_or_else(shape)?;
        let list = root
            .entry(key.into())
            .or_insert_with(|| Value::Sequence(Vec::new()));
        if list.is_null() {
            *list = Value::Sequence(Vec::new());
        }
        list.as_sequence_mut().ok_or_else(shape)?.push(item.value());
        let document = self.document().ok_or_else(shape)?;
        match document.get_sequence(key) {
            Some(found) => found.push(item.node()),
            None => {
                document.set(key, YamlValue::Sequence(vec![item.node()]));
            }
        }
        Ok(())
    }

    /// Puts another text in the place of an item of a list of the root.
    ///
    /// # Errors
    ///
    /// When there is no such item.
    pub fn replace(&mut self, key: &str, index: usize, text: &str) -> Result<(), YamlEditError> {
        let shape = || YamlEditError::Shape(key.to_owned());
        let list = self.value.get_mut(key).and_then(Value::as_sequence_mut);
        let item = list.and_then(|list| list.get_mut(index));
        *item.ok_or_else(shape)? = Value::from(text);
        let list = self
            .document()
            .and_then(|document| document.get_sequence(key));
        let replaced = list.is_some_and(|list| list.set(index, text));
        if replaced { Ok(()) } else { Err(shape()) }
    }

    /// Takes an item out of a list of the root.
    ///
    /// # Errors
    ///
    /// When there is no such item.
    pub fn remove(&mut self, key: &str, index: usize) -> Result<(), YamlEditError> {
        let shape = || YamlEditError::Shape(key.to_owned());
        let list = self.value.get_mut(key).and_then(Value::as_sequence_mut);
        let list = list.filter(|list| index < list.len()).ok_or_else(shape)?;
        list.remove(index);
        let list = self
            .document()
            .and_then(|document| document.get_sequence(key));
        list.and_then(|list| list.remove(index)).ok_or_else(shape)?;
        Ok(())
    }

    /// Returns the new text; `what` says what was edited.
    ///
    /// # Errors
    ///
    /// When it would mean something else than the edits.
    pub fn finish(self, what: &str) -> Result<String, YamlEditError> {
        let text = self.file.to_string();
        let unfaithful = || YamlEditError::NotFaithful(what.to_owned());
        let found = meaning(&text).map_err(|_| unfaithful())?;
        if found == self.value {
            Ok(text)
        } else {
            Err(unfaithful())
        }
    }

    fn document(&self) -> Option<Document> {
        let document = self.file.ensure_document();
        document.as_mapping().is_some().then_some(document)
    }

    fn root(&self) -> Option<Mapping> {
        self.file.ensure_document().as_mapping()
    }
}

/// An item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A text.
    Text(&'a str),
    /// A mapping.
    Fields(&'a [(&'a str, Item<'a>)]),
}

impl Item<'_> {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(*text),
            Self::Fields(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, item)| (Value::from(*key), item.value()));
                Value::Mapping(fields.collect::<ValueMapping>())
            }
        }
    }

    fn node(&self) -> YamlValue {
        match self {
            Self::Text(text) => YamlValue::from(*text),
            Self::Fields(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, item)| ((*key).to_owned(), item.node()));
                YamlValue::Mapping(fields.collect())
            }
        }
    }
}

/// Returns what the one document of a text means.
fn meaning(text: &str) -> Result<Value, YamlEditError> {
    let not_yaml = |error: serde_yaml::Error| YamlEditError::NotYaml(error.to_string());
    within_bounds(text.as_bytes()).map_err(not_yaml)?;
    let documents: Result<Vec<_>, _> = serde_yaml::Deserializer::from_str(text)
        .map(Value::deserialize)
        .collect();
    let mut documents = documents.map_err(not_yaml)?;
    match documents.len() {
        0 => Ok(Value::Null),
        1 => Ok(documents.remove(0)),
        several => Err(YamlEditError::Documents(several)),
    }
}

fn set_value(value: &mut Value, path: &[&str], text: &str) -> Option<()> {
    let Some((key, rest)) = path.split_first() else {
        *value = Value::from(text);
        return Some(());
    };
    if value.is_null() {
        *value = Value::Mapping(ValueMapping::new());
    }
    let entry = value.as_mapping_mut()?.entry((*key).into());
    set_value(entry.or_insert(Value::Null), rest, text)
}

fn set_text(mapping: &Mapping, path: &[&str], text: &str) -> Option<()> {
    let (key, rest) = path.split_first()?;
    if rest.is_empty() {
        mapping.set(*key, text);
    } else if let Some(inner) = mapping.get_mapping(*key).filter(|inner| !inner.is_empty()) {
        return set_text(&inner, rest, text);
    } else {
        let nested = rest.iter().rev().fold(YamlValue::from(text), |inner, key| {
            YamlValue::Mapping(BTreeMap::from([((*key).to_owned(), inner)]))
        });
        mapping.set(*key, nested);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut YamlEdit)) -> String {
        let mut yaml = YamlEdit::new(text).unwrap();
        edit(&mut yaml);
        yaml.finish("it").unwrap()
    }

    #[test]
    fn a_label_is_set_and_everything_else_stays() {
        let text = "# ours\nspec:\n  template:\n    metadata:\n      labels:\n        app: x  # theirs\n        aadpodidbinding: old  # <-- update\n    spec: {}\n";
        let path = ["spec", "template", "metadata", "labels", "aadpodidbinding"];
        let new = edited(text, |yaml| yaml.set(&path, "rok").unwrap());
        assert_eq!(new, text.replace("old", "rok"));
        let path = [
            "spec",
            "template",
            "metadata",
            "labels",
            "azure.workload.identity/use",
        ];
        let new = edited(text, |yaml| yaml.set(&path, "true").unwrap());
        assert!(
            new.contains("azure.workload.identity/use: 'true'")
                || new.contains("azure.workload.identity/use: \"true\""),
            "{new}"
        );
        for line in text.lines() {
            assert!(new.contains(line), "{line} of {new}");
        }
    }

    #[test]
    fn a_label_that_is_taken_out_takes_nothing_along() {
        let text = "spec:\n  labels:\n    # ours\n    a: 1\n    b: 2  # theirs\n";
        let new = edited(text, |yaml| yaml.unset(&["spec", "labels", "a"]));
        assert!(
            !new.contains("a: 1") && new.contains("b: 2  # theirs\n"),
            "{new}"
        );
        assert_eq!(edited(text, |yaml| yaml.unset(&["spec", "x", "a"])), text);
    }

    #[test]
    fn mappings_on_the_way_are_made() {
        let path = ["spec", "template", "metadata", "labels", "a"];
        for text in [
            "kind: X\n",
            "kind: X\nspec:\n",
            "kind: X\nspec: {}\n",
            "kind: X\nspec:\n  template:\n    spec:\n      x: 1\n",
        ] {
            let new = edited(text, |yaml| yaml.set(&path, "b").unwrap());
            let value: Value = serde_yaml::from_str(&new).unwrap();
            let found = &value["spec"]["template"]["metadata"]["labels"]["a"];
            assert_eq!(found, &Value::from("b"), "{new}");
        }
        let mut yaml = YamlEdit::new("spec: [1]\n").unwrap();
        assert!(matches!(yaml.set(&path, "b"), Err(YamlEditError::Shape(_))));
    }

    #[test]
    fn lists_are_edited_in_place() {
        let text = "bases:\n- ../eks  # the parent\n- other\npatches:\n  - path: a.yaml\n    target:\n      kind: X\n  # about b\n  - path: b.yaml\n";
        let new = edited(text, |yaml| yaml.replace("bases", 0, "../aks").unwrap());
        assert_eq!(new, text.replace("../eks", "../aks"));
        let target = Item::Fields(&[("kind", Item::Text("X"))]);
        let fields = [("path", Item::Text("c.yaml")), ("target", target)];
        let item = Item::Fields(&fields);
        let new = edited(text, |yaml| yaml.push("patches", &item).unwrap());
        assert!(
            new.strip_prefix(text) == Some("  - path: c.yaml\n    target:\n      kind: X\n"),
            "{new}"
        );
        let new = edited(text, |yaml| yaml.remove("patches", 0).unwrap());
        assert!(!new.contains("a.yaml") && new.contains("b.yaml"), "{new}");
        let new = edited("a: 1\n", |yaml| {
            yaml.push("resources", &Item::Text("../aks")).unwrap();
        });
        let value: Value = serde_yaml::from_str(&new).unwrap();
        assert_eq!(value["resources"][0], Value::from("../aks"));
    }

    #[test]
    fn what_is_not_one_plain_document_is_left_alone() {
        for text in ["a: 1\n---\nb: 2\n", "a: 1\na: 2\n", "a: [1\n", "\ta: 1\n"] {
            assert!(YamlEdit::new(text).is_err(), "{text:?}");
        }
    }
}

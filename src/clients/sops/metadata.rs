//! What a file says of its own encryption: for whom, since when, by which rule, and the MAC.
//!
//! Fields that others put in (keys of clouds, of PGP) are kept as they are, since the data key that they
//! hold stays the same.

use serde_yaml::{Mapping, Value};

use super::Format;
use super::error::Trouble;
use super::rule::{FIELDS, Rule};
use super::tree;

/// The metadata as a tree.
pub(super) type Tree = Mapping;

/// The version of SOPS whose format this is, for files that are new.
const VERSION: &str = "3.9.4";

/// Keys that are not ours to use.
const OTHERS: [&str; 6] = ["kms", "gcp_kms", "azure_kv", "hc_vault", "hckms", "pgp"];

/// Rules that nobody of us writes.
const UNKNOWN_RULES: [&str; 2] = ["encrypted_comment_regex", "unencrypted_comment_regex"];

/// The metadata of a file.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    tree: Tree,
    pub(super) rule: Rule,
    /// Whether the MAC is over encrypted values only.
    pub(super) is_mac_narrow: bool,
}

/// The data key, encrypted for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrapped {
    pub(super) recipient: String,
    /// The data key, encrypted and armored.
    pub(super) enc: String,
}

/// Returns for whom a file of that format is encrypted, `None` when it is not.
///
/// # Errors
///
/// When it cannot be read.
pub fn recipients_of(format: Format, text: &str) -> Result<Option<Vec<String>>, Trouble> {
    let Some(tree) = format.parse(text)?.metadata else {
        return Ok(None);
    };
    let wrapped = Metadata::read(tree)?.wrapped()?;
    Ok(Some(wrapped.into_iter().map(|key| key.recipient).collect()))
}

impl Metadata {
    /// Returns that of a new file.
    pub(super) fn new(rule: &Rule) -> Self {
        let (field, text) = rule.field();
        let mut tree = Tree::new();
        for (name, value) in [
            ("age", Value::Sequence(Vec::new())),
            ("lastmodified", "".into()),
            ("mac", "".into()),
            (field, text.into()),
            ("version", VERSION.into()),
        ] {
            tree.insert(name.into(), value);
        }
        Self {
            tree,
            rule: rule.clone(),
            is_mac_narrow: false,
        }
    }

    /// Reads that of a file.
    pub(super) fn read(tree: Tree) -> Result<Self, Trouble> {
        // Some programs that write the format say no version.
        let version = is_given(&tree, "version").then(|| text_of(&tree, "version"));
        if let Some(version) = version.transpose()?
            && version.split('.').next() != Some("3")
        {
            return Err(Trouble::Version { found: version });
        }
        if let Some(rule) = UNKNOWN_RULES.iter().find(|rule| is_given(&tree, rule)) {
            return Err(Trouble::unsupported(format!("the rule `{rule}`")));
        }
        let mut rules = FIELDS.iter().filter(|field| is_given(&tree, field));
        let rule = match rules.next() {
            Some(field) => Rule::read(field, &text_of(&tree, field)?)?,
            None => Rule::default(),
        };
        if let Some(second) = rules.next() {
            return Err(Trouble::Metadata {
                field: (*second).to_owned(),
                found: "a second rule".into(),
                expected: "one of the rules".into(),
            });
        }
        let narrow = tree.get("mac_only_encrypted");
        let is_mac_narrow = narrow
            .is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"));
        Ok(Self {
            tree,
            rule,
            is_mac_narrow,
        })
    }

    pub(super) fn mac(&self) -> Result<String, Trouble> {
        text_of(&self.tree, "mac")
    }

    /// Returns when it was written, as the MAC is bound to it.
    pub(super) fn last_modified(&self) -> Result<String, Trouble> {
        let text = text_of(&self.tree, "lastmodified")?;
        if text.parse::<jiff::Timestamp>().is_err() {
            return Err(Trouble::Metadata {
                field: "lastmodified".into(),
                found: "something else".into(),
                expected: "a time of RFC 3339".into(),
            });
        }
        // Fractions of seconds are not part of it.
        let (head, tail) = match text.split_once('.') {
            Some((head, tail)) => (head, tail.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => (text.as_str(), ""),
        };
        Ok(format!("{head}{tail}"))
    }

    /// Returns the data key for each of its age recipients.
    pub(super) fn wrapped(&self) -> Result<Vec<Wrapped>, Trouble> {
        let shape = |found: &str| Trouble::Metadata {
            field: "age".into(),
            found: found.into(),
            expected: "a list of recipients, each with its `enc`".into(),
        };
        let holder = match self.groups()? {
            Some(group) => group,
            None => &self.tree,
        };
        let list = match holder.get("age") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Sequence(list)) => list,
            Some(_) => return Err(shape("something else")),
        };
        let wrapped = list.iter().map(|key| {
            let text = |name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
            let recipient = text("recipient")?;
            text("enc").map(|enc| Wrapped { recipient, enc })
        });
        wrapped
            .collect::<Option<_>>()
            .ok_or_else(|| shape("an entry without one"))
    }

    /// Returns the one group of keys, where keys are in groups.
    fn groups(&self) -> Result<Option<&Tree>, Trouble> {
        let groups = match self.tree.get("key_groups") {
            Some(Value::Sequence(groups)) if !groups.is_empty() => groups,
            _ => return Ok(None),
        };
        match groups.as_slice() {
            [Value::Mapping(group)] => Ok(Some(group)),
            groups => Err(Trouble::Groups {
                groups: groups.len(),
            }),
        }
    }

    /// Returns the sorts of keys in it that are not age's.
    pub(super) fn others(&self) -> Vec<&'static str> {
        let is_used = |name: &&&str| {
            let list = self.tree.get(**name).and_then(Value::as_sequence);
            list.is_some_and(|list| !list.is_empty())
        };
        OTHERS.iter().filter(is_used).copied().collect()
    }

    pub(super) fn set_wrapped(&mut self, keys: Vec<Wrapped>) {
        let entries = keys.into_iter().map(|key| {
            let mut entry = Tree::new();
            entry.insert("recipient".into(), key.recipient.into());
            entry.insert("enc".into(), key.enc.into());
            Value::Mapping(entry)
        });
        let list = Value::Sequence(entries.collect());
        let groups = self.tree.get_mut("key_groups");
        match groups.and_then(|groups| groups.as_sequence_mut()?.first_mut()?.as_mapping_mut()) {
            Some(group) => group.insert("age".into(), list),
            None => self.tree.insert("age".into(), list),
        };
    }

    pub(super) fn set_mac(&mut self, last_modified: &str, mac: String) {
        self.tree
            .insert("lastmodified".into(), last_modified.into());
        self.tree.insert("mac".into(), mac.into());
    }

    /// Returns the text that follows the values in the file.
    pub(super) fn written(&self, format: Format) -> String {
        match format {
            Format::Yaml => {
                let mut text = String::from("sops:\n");
                tree::write_mapping(&self.tree, 4, &mut text);
                text
            }
            Format::Dotenv => tree::flat(&self.tree),
        }
    }
}

fn is_given(tree: &Tree, field: &str) -> bool {
    let value = tree.get(field);
    value.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

fn text_of(tree: &Tree, field: &str) -> Result<String, Trouble> {
    let found = match tree.get(field) {
        Some(Value::String(text)) if !text.is_empty() => return Ok(text.clone()),
        Some(Value::Number(number)) => return Ok(number.to_string()),
        None | Some(Value::Null | Value::String(_)) => "nothing",
        Some(_) => "something else",
    };
    Err(Trouble::Metadata {
        field: field.into(),
        found: found.into(),
        expected: "a text".into(),
    })
}

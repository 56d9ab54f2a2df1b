//! What the AWS CLI prints.

use serde::Serialize;
use serde_json::Value;

use super::options::Options;
use crate::sandbox::cluster::Output;
use crate::sandbox::programs::tools::printed;

/// What is printed: members in the order of the real CLI, which is not that of the alphabet.
#[derive(Default)]
pub(super) struct Document(pub(super) Vec<(&'static str, Value)>);

impl Serialize for Document {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Prints a document. One member of it can be asked for with `--query`.
pub(super) fn show(options: &Options, document: &Document) -> Output {
    let is_text = options.get("output") == Some("text");
    let chosen = match options.get("query") {
        None if document.0.is_empty() => return Output::default(),
        None if is_text => {
            let fields = document.0.iter().map(|(_, value)| plain(value));
            return printed(fields.collect::<Vec<_>>().join("\t") + "\n");
        }
        None => return printed(pretty(document)),
        Some(query) => document.0.iter().find(|(name, _)| *name == query),
    };
    let value = chosen.map_or(&Value::Null, |(_, value)| value);
    if is_text {
        printed(plain(value) + "\n")
    } else {
        printed(pretty(value))
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "None".into(),
        other => other.to_string(),
    }
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value
        .serialize(&mut serializer)
        .expect("texts and numbers are JSON");
    bytes.push(b'\n');
    bytes
}

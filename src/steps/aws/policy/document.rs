//! Documents as values and as text.

use serde_json::{Value, json};

/// Returns the policy that gives full access to every bucket with the prefix.
pub fn bucket_policy(partition: &str, prefix: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [
                format!("arn:{partition}:s3:::{prefix}*"),
                format!("arn:{partition}:s3:::{prefix}*/*"),
            ]
        }]
    })
}

/// Returns the document as people and diffs like it: sorted keys, a line for each value.
pub fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("a document is plain values");
    text.push('\n');
    text
}

/// Parses a document that the cloud holds; one that is no JSON is kept as a string, which equals
/// nothing we write.
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()))
}

/// A string against a list of one makes no difference.
pub(in crate::steps) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// The text of a value. Numbers and booleans are quoted or not, as the writer likes.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

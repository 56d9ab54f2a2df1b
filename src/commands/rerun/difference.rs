//! The first difference between a recording and its rerun, in words.

use serde_json::Value;

use crate::clients::recording::CallLine;
use crate::engine::Event;

/// How much of a value is shown.
const SHOWN: usize = 200;

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference(String);

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Difference {
    /// A call that the recording does not have.
    pub(super) fn call(
        after: u64,
        step: Option<&str>,
        (client, operation): (&str, &str),
        next: Option<&CallLine>,
        is_known: bool,
    ) -> Self {
        let who = step.map_or_else(String::new, |step| format!(", step `{step}`"));
        let recorded = match next {
            Some(next) if next.client == client && next.operation == operation => {
                "the recording has it with another input".to_owned()
            }
            Some(next) => format!(
                "the recording has {} `{}` there",
                next.client, next.operation
            ),
            None if is_known => "the recording has it less often, or with another input".into(),
            None => "the recording has no such call".into(),
        };
        Self(format!(
            "after event {after}{who}: now {client} `{operation}` is called; {recorded}"
        ))
    }

    /// A call whose answer was not kept.
    pub(super) fn too_large(line: &CallLine) -> Self {
        Self(format!(
            "after event {}: the answer to {} `{}` was too large to be kept, so nothing after it can be done again",
            line.position, line.client, line.operation
        ))
    }

    /// A change that nobody asks for any more.
    pub(super) fn left(line: &CallLine) -> Self {
        let step = line.step.as_deref();
        let who = step.map_or_else(String::new, |step| format!(", step `{step}`"));
        Self(format!(
            "after event {}{who}: the recording has {} `{}`, which is not called now",
            line.position, line.client, line.operation
        ))
    }

    /// An event that does not come.
    pub(super) fn stuck(next: &Event) -> Self {
        let value = serde_json::to_value(&next.event).unwrap_or_default();
        Self(format!("event {}{} does not come", next.seq, named(&value)))
    }

    /// An event that is not as it was recorded; `at` says where in it, and how.
    pub(super) fn event(recorded: Option<&Event>, now: &Value, at: Option<String>) -> Self {
        let Some(recorded) = recorded else {
            return Self(format!(
                "behind the last event of the recording: now comes{}",
                named(now)
            ));
        };
        let value = serde_json::to_value(&recorded.event).unwrap_or_default();
        let place = format!("event {}{}", recorded.seq, named(&value));
        Self(match at {
            Some(at) if value["kind"] == now["kind"] => format!("{place}: {at}"),
            _ => {
                let why = now["error"]["message"].as_str();
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                format!("{place} was recorded, and now comes{}{why}", named(now))
            }
        })
    }
}

/// ` (step_observed, step aws.iam-role)`
fn named(event: &Value) -> String {
    let words = ["kind", "task", "step"].into_iter().filter_map(|name| {
        let text = event[name].as_str()?;
        Some(if name == "kind" {
            text.to_owned()
        } else {
            format!("{name} `{text}`")
        })
    });
    format!(" ({})", words.collect::<Vec<_>>().join(", "))
}

/// Says where two values differ first, and how; nothing when they are equal.
pub(super) fn first_in(recorded: &Value, now: &Value) -> Option<String> {
    differing("", recorded, now)
}

fn differing(path: &str, recorded: &Value, now: &Value) -> Option<String> {
    match (recorded, now) {
        _ if recorded == now => None,
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            let field = |name: &String| {
                let (one, other) = (one.get(name), other.get(name));
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                differing(
                    &path,
                    one.unwrap_or(&Value::Null),
                    other.unwrap_or(&Value::Null),
                )
            };
            names.into_iter().find_map(field)
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            let mut found = pairs.filter_map(|(place, (one, other))| {
                differing(&format!("{path}[{place}]"), one, other)
            });
            found.next()
        }
        _ => Some(format!(
            "`{path}` was {}, and is {}",
            shown(recorded),
            shown(now)
        )),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(SHOWN).collect();
    format!("{beginning}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let recorded = json!({"kind": "step_done", "facts": {"a": ["x", "y"]}, "note": "n"});
        let mut now = recorded.clone();
        assert_eq!(first_in(&recorded, &now), None);
        now["facts"]["a"][1] = "z".into();
        assert_eq!(
            first_in(&recorded, &now).unwrap(),
            "`facts.a[1]` was \"y\", and is \"z\""
        );
        now["facts"] = json!({});
        assert_eq!(
            first_in(&recorded, &now).unwrap(),
            "`facts.a` was [\"x\",\"y\"], and is null"
        );
    }
}

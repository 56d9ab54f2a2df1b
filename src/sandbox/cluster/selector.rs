//! Label and field selectors: which objects of a list are meant.

use serde_json::Value;

use super::kinds::Kind;
use super::refusal::Refusal;

/// Everything an object must fulfil. The empty selector takes all.
#[derive(Debug, Default)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug)]
struct Requirement {
    /// Where the value is found in the object.
    path: Vec<String>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
    /// A field is compared with its text; one that is not set has an empty one.
    Is(String),
    IsNot(String),
}

impl Selector {
    pub(super) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Refusal> {
        let mut requirements = Vec::new();
        for part in split(labels) {
            requirements.push(label_requirement(part)?);
        }
        for part in split(fields) {
            requirements.push(field_requirement(kind, part)?);
        }
        Ok(Self(requirements))
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| requirement.holds(object))
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let value = self
            .path
            .iter()
            .try_fold(object, |value, step| value.get(step))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), Into::into));
        match &self.test {
            Test::In(wanted) => value.is_some_and(|value| wanted.contains(&value)),
            Test::NotIn(unwanted) => value.is_none_or(|value| !unwanted.contains(&value)),
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::Is(wanted) => value.unwrap_or_default() == *wanted,
            Test::IsNot(unwanted) => value.unwrap_or_default() != *unwanted,
        }
    }
}

/// Parts between commas; those inside parentheses belong to a set.
fn split(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, letter) in selector.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&selector[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn label_requirement(part: &str) -> Result<Requirement, Refusal> {
    let part = part.trim();
    let (key, test) = if let Some((key, equal, value)) = equality(part) {
        let values = vec![value];
        let test = if equal {
            Test::In(values)
        } else {
            Test::NotIn(values)
        };
        (key, test)
    } else if let Some((key, set)) = part.split_once(" notin ") {
        (key.trim(), Test::NotIn(values(part, set)?))
    } else if let Some((key, set)) = part.split_once(" in ") {
        (key.trim(), Test::In(values(part, set)?))
    } else if let Some(key) = part.strip_prefix('!') {
        (key.trim(), Test::Missing)
    } else {
        (part, Test::Exists)
    };
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(unreadable(part));
    }
    Ok(Requirement {
        path: vec!["metadata".into(), "labels".into(), key.into()],
        test,
    })
}

fn field_requirement(kind: &Kind, part: &str) -> Result<Requirement, Refusal> {
    let (key, equal, value) = equality(part).ok_or_else(|| {
        Refusal::bad_request(format!(
            "invalid selector: '{part}'; can't understand '{part}'"
        ))
    })?;
    let known = key == "metadata.name" || kind.namespaced && key == "metadata.namespace";
    if !known && !kind.selectable.contains(&key) {
        return Err(Refusal::bad_request(format!(
            "field label not supported: {key}"
        )));
    }
    Ok(Requirement {
        path: key.split('.').map(Into::into).collect(),
        test: if equal {
            Test::Is(value)
        } else {
            Test::IsNot(value)
        },
    })
}

/// The key, whether it must or must not have the value, and the value.
fn equality(part: &str) -> Option<(&str, bool, String)> {
    let (key, equal, value) = if let Some((key, value)) = part.split_once("!=") {
        (key, false, value)
    } else {
        let (key, value) = part.split_once("==").or_else(|| part.split_once('='))?;
        (key, true, value)
    };
    Some((key.trim(), equal, value.trim().to_owned()))
}

fn values(part: &str, set: &str) -> Result<Vec<String>, Refusal> {
    let inner = set
        .trim()
        .strip_prefix('(')
        .and_then(|set| set.strip_suffix(')'))
        .ok_or_else(|| unreadable(part))?;
    Ok(inner
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect())
}

fn unreadable(part: &str) -> Refusal {
    Refusal::bad_request(format!(
        "unable to parse requirement: found '{part}', expected: a label selector"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::cluster::kinds::PODS;

    #[test]
    fn selectors_choose_as_kubernetes_does() {
        let pod = json!({
            "metadata": { "name": "a", "labels": { "app": "web", "tier": "front" } },
            "status": { "phase": "Running" },
        });
        for (labels, fields, expected) in [
            ("", "", true),
            ("app=web", "", true),
            ("app==web,tier=front", "", true),
            ("app=web,tier=back", "", false),
            ("app!=web", "", false),
            ("zone!=b", "", true),
            ("app in (api, web)", "", true),
            ("app notin (api,web),tier", "", false),
            ("zone notin (b)", "", true),
            ("tier", "", true),
            ("!tier", "", false),
            ("!zone", "", true),
            ("", "metadata.name=a", true),
            ("", "metadata.name!=a", false),
            ("app=web", "status.phase=Running,metadata.name=a", true),
            ("", "status.phase=Pending", false),
            ("", "spec.nodeName=", true),
            ("", "spec.nodeName!=", false),
        ] {
            let selector = Selector::parse(&PODS, labels, fields).unwrap();
            assert_eq!(selector.matches(&pod), expected, "{labels} {fields}");
        }
    }

    #[test]
    fn a_selector_that_makes_no_sense_is_refused() {
        for (labels, fields) in [
            ("app in web", ""),
            ("a b", ""),
            ("", "spec.colour=red"),
            ("", "metadata.name"),
        ] {
            assert!(
                Selector::parse(&PODS, labels, fields).is_err(),
                "{labels} {fields}"
            );
        }
    }

    crate::corpus::fed!("selector", feed);

    fn feed(text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let query = crate::sandbox::cluster::query::Query::parse(&text);
        for (labels, fields) in [
            (&*text, ""),
            ("", &*text),
            (&*query.label_selector, &*query.field_selector),
        ] {
            if let Ok(selector) = Selector::parse(&PODS, labels, fields) {
                selector.matches(&json!({ "metadata": { "labels": { "app": "web" } } }));
            }
        }
    }
}

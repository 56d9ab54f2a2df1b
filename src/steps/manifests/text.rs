//! Objects as a person reads them in a plan: without what the server keeps for itself, and without
//! what a Secret keeps.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::object;
use crate::clients::recording::redact::is_dotted_secret;

/// Fields of `metadata` that the server sets.
const SERVERS: [&str; 6] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The whole object as kubectl applied it once; of a Secret, with what it keeps.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields that stand first.
const HEAD: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What stands in the place of a value of a Secret.
const HIDDEN: &str = "***";

/// Returns the part of an object that its owners decide about: two that are equal in it are equal.
pub(super) fn intended(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = fields(&mut object, "metadata") {
        for name in SERVERS {
            metadata.remove(name);
        }
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
        }
        metadata.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    }
    object
}

/// Returns the text of a new object.
pub(super) fn new_text(object: &Value) -> String {
    let mut new = intended(object);
    hide(&mut new, &Value::Null, "");
    hide_settings(&mut new, &Value::Null, "");
    yaml(&new)
}

/// Returns the texts of an object before and after. Values of a Secret are hidden; which of them
/// change is not.
pub(super) fn texts(before: &Value, after: &Value) -> (String, String) {
    let (mut old, mut new) = (intended(before), intended(after));
    hide(&mut old, after, " (before)");
    hide(&mut new, before, " (after)");
    hide_settings(&mut old, after, " (before)");
    hide_settings(&mut new, before, " (after)");
    (yaml(&old), yaml(&new))
}

/// Hides the values of a Secret, and marks those that `other` has not.
fn hide(object: &mut Value, other: &Value, mark: &str) {
    if object::kind(object) != "Secret" || !object::group(object).is_empty() {
        return;
    }
    for field in ["data", "stringData"] {
        for (name, value) in fields(object, field).into_iter().flatten() {
            let mark = if other[field][name] == *value {
                ""
            } else {
                mark
            };
            *value = format!("{HIDDEN}{mark}").into();
        }
    }
}

/// Hides settings of Rok's daemons that are secrets, wherever they stand.
fn hide_settings(object: &mut Value, other: &Value, mark: &str) {
    match object {
        Value::Object(fields) => {
            for (name, value) in fields {
                let other = &other[name.as_str()];
                if value.is_string() && is_dotted_secret(name) {
                    let mark = if value == other { "" } else { mark };
                    *value = format!("{HIDDEN}{mark}").into();
                } else {
                    hide_settings(value, other, mark);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                hide_settings(item, &other[index], mark);
            }
        }
        _ => {}
    }
}

fn fields<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    object.get_mut(name)?.as_object_mut()
}

/// Writes an object in the order that people write it in.
fn yaml(object: &Value) -> String {
    let rank = |name: &str| {
        HEAD.iter()
            .position(|head| *head == name)
            .unwrap_or(HEAD.len())
    };
    let fields = object.as_object().into_iter().flatten();
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|(name, _)| rank(name));
    let text =
        |(name, value): (&String, &Value)| serde_yaml::to_string(&BTreeMap::from([(name, value)]));
    let texts: Result<Vec<_>, _> = fields.into_iter().map(text).collect();
    texts.expect("JSON can be written as YAML").concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_keeps_for_itself_is_no_difference() {
        let built = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "rok", "annotations": {}}});
        let stored = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "rok", "uid": "u", "resourceVersion": "1", "generation": 2,
                "creationTimestamp": "2030-01-01T00:00:00Z", "managedFields": [{}],
                "annotations": {(LAST_APPLIED): "{}"}},
            "status": {"phase": "Active"}});
        assert_eq!(intended(&built), intended(&stored));
        assert_eq!(
            new_text(&stored),
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: rok\n"
        );
    }

    #[test]
    fn settings_that_are_secrets_are_hidden_and_their_change_is_not() {
        let cluster = |key: &str| {
            json!({"apiVersion": "rok.arrikto.com/v1alpha1", "kind": "RokCluster", "metadata": {"name": "rok"},
                "spec": {"configVars": {"daemons.s3d.bucket_prefix": "p", "daemons.s3d.aws.access_key_id": "canary",
                    "daemons.s3d.aws.secret_access_key": key}}})
        };
        let (old, new) = texts(&cluster("canary-1"), &cluster("canary-2"));
        assert!(
            old.contains("access_key_id: '***'") && new.contains("bucket_prefix: p"),
            "{new}"
        );
        assert!(
            old.contains("*** (before)") && new.contains("*** (after)"),
            "{old}{new}"
        );
        for text in [old, new, new_text(&cluster("canary"))] {
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn a_secret_shows_which_values_change_and_none_of_them() {
        let secret = |data: Value| {
            let last = json!({(LAST_APPLIED): "canary"});
            json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "s", "annotations": last}, "data": data})
        };
        let before = secret(json!({"same": "canary", "changed": "canary-1", "gone": "canary"}));
        let after = secret(json!({"same": "canary", "changed": "canary-2", "new": "canary"}));
        let (old, new) = texts(&before, &after);
        assert!(
            old.contains("changed: '*** (before)'\n  gone: '*** (before)'\n  same: '***'\n"),
            "{old}"
        );
        assert!(
            new.contains("changed: '*** (after)'\n  new: '*** (after)'\n  same: '***'\n"),
            "{new}"
        );
        let plain = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"password": "canary"}});
        let (bare, first) = (
            json!({"apiVersion": "v1", "kind": "Secret"}),
            new_text(&plain),
        );
        assert!(first.contains("password: '***'"), "{first}");
        let (_, filled) = texts(&bare, &before);
        assert!(
            first.starts_with("apiVersion: v1\nkind: Secret\nmetadata:\n"),
            "{first}"
        );
        for text in [old, new, first, filled] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

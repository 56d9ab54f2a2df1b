//! The ways to change an object in part.
//!
//! A strategic merge patch is taken as a plain merge patch: lists are replaced as a whole, and
//! the directives with which a client describes list elements are left out of the object.

use serde_json::{Map, Value, json};

use super::objects::timestamp;

/// Merges `patch` into `target`: null removes, objects merge, all else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().expect("it is an object now");
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else if !name.starts_with('$') {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Merges what `manager` applies and notes which fields it set.
pub(super) fn apply(target: &mut Value, applied: &Value, manager: &str) {
    merge(target, applied);
    let fields = managed(applied, &["apiVersion", "kind"]);
    let entries = &mut target["metadata"]["managedFields"];
    if !entries.is_array() {
        *entries = json!([]);
    }
    let entries = entries.as_array_mut().expect("it is an array now");
    let is_ours = |entry: &Value| entry["manager"] == manager && entry["operation"] == "Apply";
    let same = |entry: &Value| is_ours(entry) && entry["fieldsV1"] == fields;
    if entries.iter().any(same) {
        return;
    }
    entries.retain(|entry| !is_ours(entry));
    entries.push(json!({
        "manager": manager,
        "operation": "Apply",
        "apiVersion": applied["apiVersion"],
        "time": timestamp(jiff::Timestamp::now()),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }));
}

/// The set of fields in `value`, in the notation of `managedFields`. Lists count as one field.
fn managed(value: &Value, without: &[&str]) -> Value {
    let Value::Object(fields) = value else {
        return json!({});
    };
    let set: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .map(|(name, value)| {
            // Who an object is, is not a field that anyone manages.
            let identity: &[&str] = match name.as_str() {
                "metadata" if !without.is_empty() => &["name", "namespace"],
                _ => &[],
            };
            (format!("f:{name}"), managed(value, identity))
        })
        .filter(|(name, set)| name != "f:metadata" || set != &json!({}))
        .collect();
    Value::Object(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_replaces_and_removes() {
        let mut target = json!({ "a": { "x": 1, "y": 2 }, "list": [1, 2], "gone": true });
        let patch = json!({
            "a": { "y": 3, "z": { "deep": true } },
            "list": [3],
            "gone": null,
            "$setElementOrder/list": [3],
        });
        merge(&mut target, &patch);
        let expected = json!({ "a": { "x": 1, "y": 3, "z": { "deep": true } }, "list": [3] });
        assert_eq!(target, expected);
    }

    #[test]
    fn applying_twice_changes_nothing_the_second_time() {
        let applied = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": "rok", "labels": { "team": "storage" } },
        });
        let mut target = json!({});
        apply(&mut target, &applied, "rok-deploy");
        let entry = &target["metadata"]["managedFields"][0];
        assert_eq!(entry["manager"], "rok-deploy");
        let fields = json!({ "f:metadata": { "f:labels": { "f:team": {} } } });
        assert_eq!(entry["fieldsV1"], fields);
        let first = target.clone();
        apply(&mut target, &applied, "rok-deploy");
        assert_eq!(target, first);
    }
}

//! The ways to change an object in part, besides applying.

use serde_json::{Map, Value};

use super::compare::{elements, is_merged};
use super::refusal::Refusal;
use super::schema::{ListType, Schema};

/// Merges `patch` into `target`: null removes, objects merge, all else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let target = as_map(target);
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Merges `patch` into `target` as its schema says: lists with keys element by element. `$patch`
/// replaces or deletes what it stands in, `$retainKeys` and `$deleteFromPrimitiveList` remove.
pub(super) fn merge_strategically(schema: Schema<'_>, target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if patch.get("$patch").is_some_and(|verb| verb == "replace") {
        *target = Value::Object(without_directives(patch));
        return;
    }
    let target = as_map(target);
    if let Some(Value::Array(names)) = patch.get("$retainKeys") {
        target.retain(|name, _| names.iter().any(|kept| kept == name));
    }
    for (name, gone) in patch {
        if let (Some(name), Value::Array(gone)) =
            (name.strip_prefix("$deleteFromPrimitiveList/"), gone)
            && let Some(Value::Array(list)) = target.get_mut(name)
        {
            list.retain(|element| !gone.contains(element));
        }
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        if value.is_null() || value.get("$patch").is_some_and(|verb| verb == "delete") {
            target.remove(name);
        } else {
            let schema = schema.field(name);
            let target = target.entry(name).or_insert(Value::Null);
            match value {
                Value::Array(list) => merge_list(schema, target, list),
                value => merge_strategically(schema, target, value),
            }
        }
    }
    for (name, order) in patch {
        if let (Some(name), Value::Array(order)) = (name.strip_prefix("$setElementOrder/"), order)
            && let Some(Value::Array(list)) = target.get_mut(name)
        {
            put_in_order(schema.field(name), list, order);
        }
    }
}

fn merge_list(schema: Schema<'_>, target: &mut Value, patch: &[Value]) {
    let verb = |element: &Value| element["$patch"].as_str().unwrap_or_default().to_owned();
    let replaces = patch.iter().any(|element| verb(element) == "replace");
    let whole = Value::Array(patch.to_vec());
    if replaces || !is_merged(schema, &whole) {
        let kept = patch.iter().filter(|element| verb(element).is_empty());
        *target = kept.cloned().collect();
        return;
    }
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let list = target.as_array_mut().expect("it is an array now");
    for element in patch {
        let at = list
            .iter()
            .position(|there| is_same_element(schema, there, element));
        match (at, verb(element).as_str()) {
            (Some(at), "delete") => {
                list.remove(at);
            }
            (None, "delete") => {}
            (Some(at), _) => merge_strategically(schema.element(), &mut list[at], element),
            (None, _) => {
                let mut made = Value::Null;
                merge_strategically(schema.element(), &mut made, element);
                list.push(made);
            }
        }
    }
}

/// Strategic merges tell elements apart by the first key only.
fn is_same_element(schema: Schema<'_>, one: &Value, other: &Value) -> bool {
    match schema.list_type() {
        ListType::Map(keys) => one[keys[0]] == other[keys[0]],
        ListType::Set | ListType::Atomic => one == other,
    }
}

/// Elements that the order does not name stay behind those that it does.
fn put_in_order(schema: Schema<'_>, list: &mut [Value], order: &[Value]) {
    if elements(schema, order).is_none() {
        return;
    }
    list.sort_by_key(|element| {
        order
            .iter()
            .position(|place| is_same_element(schema, place, element))
            .unwrap_or(order.len())
    });
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    patch
        .iter()
        .filter(|(name, value)| !name.starts_with('$') && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is an object now")
}

/// Carries out the operations of a JSON patch, or none of them.
pub(super) fn operate(target: &Value, operations: &Value) -> Result<Value, Refusal> {
    let mut changed = target.clone();
    for operation in operations.as_array().ok_or_else(Refusal::unfit_patch)? {
        operate_once(&mut changed, operation).ok_or_else(Refusal::unfit_patch)?;
    }
    Ok(changed)
}

fn operate_once(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    match operation["op"].as_str()? {
        "add" => add(target, path, operation.get("value")?.clone()),
        "remove" => remove(target, path).map(|_| ()),
        "replace" => {
            *target.pointer_mut(path)? = operation.get("value")?.clone();
            Some(())
        }
        "test" => {
            (target.pointer(path).unwrap_or(&Value::Null) == operation.get("value")?).then_some(())
        }
        "move" => {
            let value = remove(target, operation["from"].as_str()?)?;
            add(target, path, value)
        }
        "copy" => {
            let value = target.pointer(operation["from"].as_str()?)?.clone();
            add(target, path, value)
        }
        _ => None,
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    let (parent, name) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => {
            map.insert(name, value);
        }
        Value::Array(list) if name == "-" => list.push(value),
        Value::Array(list) => {
            let at = name.parse().ok().filter(|at| *at <= list.len())?;
            list.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&name),
        Value::Array(list) => {
            let at = name.parse().ok().filter(|at| *at < list.len())?;
            Some(list.remove(at))
        }
        _ => None,
    }
}

/// The path to what holds a value, and the value's name in there.
fn split(path: &str) -> Option<(&str, String)> {
    let (parent, name) = path.rsplit_once('/')?;
    Some((parent, name.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merging_keeps_replaces_and_removes() {
        let mut target = json!({ "a": { "x": 1, "y": 2 }, "list": [1, 2], "gone": true });
        let patch = json!({
            "a": { "y": 3, "z": { "deep": true } },
            "list": [3],
            "gone": null,
        });
        merge(&mut target, &patch);
        let expected = json!({ "a": { "x": 1, "y": 3, "z": { "deep": true } }, "list": [3] });
        assert_eq!(target, expected);
    }

    #[test]
    fn lists_with_keys_are_merged_strategically() {
        let mut target = json!({ "spec": {
            "containers": [
                { "name": "a", "image": "1", "args": ["x"], "env": [{ "name": "E", "value": "1" }] },
                { "name": "b", "image": "1" },
            ],
            "volumes": [{ "name": "v", "emptyDir": {} }],
            "tolerations": [{ "key": "k" }],
        } });
        let patch = json!({ "spec": {
            "$setElementOrder/containers": [{ "name": "c" }, { "name": "a" }],
            "containers": [
                { "name": "a", "image": "2", "args": ["y"], "env": [{ "name": "E", "value": null, "valueFrom": {} }] },
                { "name": "b", "$patch": "delete" },
                { "name": "c", "image": "1" },
            ],
            "volumes": [{ "name": "v", "$retainKeys": ["name", "secret"], "secret": {} }],
            "tolerations": [],
        } });
        merge_strategically(Schema::BUILT_IN, &mut target, &patch);
        let expected = json!({ "spec": {
            "containers": [
                { "name": "c", "image": "1" },
                { "name": "a", "image": "2", "args": ["y"], "env": [{ "name": "E", "valueFrom": {} }] },
            ],
            "volumes": [{ "name": "v", "secret": {} }],
            "tolerations": [],
        } });
        assert_eq!(target, expected);
    }

    #[test]
    fn operations_are_carried_out_all_or_none() {
        let target = json!({ "a/b": [1, 2], "c": { "d": 1 } });
        let done = operate(
            &target,
            &json!([
                { "op": "test", "path": "/c/d", "value": 1 },
                { "op": "add", "path": "/a~1b/1", "value": 9 },
                { "op": "add", "path": "/a~1b/-", "value": 3 },
                { "op": "remove", "path": "/a~1b/0" },
                { "op": "move", "from": "/c/d", "path": "/e" },
                { "op": "copy", "from": "/e", "path": "/c/f" },
                { "op": "replace", "path": "/e", "value": null },
            ]),
        );
        assert_eq!(
            done.unwrap(),
            json!({ "a/b": [9, 2, 3], "c": { "f": 1 }, "e": null })
        );
        for unfit in [
            json!([{ "op": "test", "path": "/c/d", "value": 2 }]),
            json!([{ "op": "remove", "path": "/x" }]),
            json!([{ "op": "add", "path": "/x/y", "value": 1 }]),
            json!([{ "op": "dance", "path": "/c" }]),
            json!({ "c": 1 }),
        ] {
            assert!(operate(&target, &unfit).is_err(), "{unfit}");
        }
    }
}

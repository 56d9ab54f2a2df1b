//! What two states of an object have in common and what not, field by field.

use serde_json::{Map, Value};

use super::fields::{FieldSet, element, field, keyed};
use super::schema::{ListType, Schema};

/// The difference between an object before and after.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Comparison {
    pub(super) fn of(schema: Schema<'_>, before: &Value, after: &Value) -> Self {
        let mut all = Self::default();
        if before == after {
            return all;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) if !schema.is_atomic_map() => {
                all.maps(schema, before, after);
            }
            (Value::Array(before), Value::Array(after)) => all.lists(schema, before, after),
            _ => {}
        }
        all
    }

    /// What is there now and was not there so before.
    pub(super) fn changed(&self) -> FieldSet {
        self.added.union(&self.modified)
    }

    fn maps(
        &mut self,
        schema: Schema<'_>,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        for (name, value) in after {
            self.child(
                schema.field(name),
                field(name),
                before.get(name),
                Some(value),
            );
        }
        for (name, value) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
            self.child(schema.field(name), field(name), Some(value), None);
        }
    }

    fn lists(&mut self, schema: Schema<'_>, before: &[Value], after: &[Value]) {
        let steps = |list| elements(schema, list).unwrap_or_default();
        let (before, after) = (steps(before), steps(after));
        let find = |list: &[(String, &Value)], wanted: &String| {
            let found = list.iter().find(|(step, _)| step == wanted);
            found.map(|(_, value)| (*value).clone())
        };
        for (step, value) in &after {
            let old = find(&before, step);
            self.child(schema.element(), step.clone(), old.as_ref(), Some(value));
        }
        for (step, value) in &before {
            if find(&after, step).is_none() {
                self.child(schema.element(), step.clone(), Some(value), None);
            }
        }
    }

    fn child(
        &mut self,
        schema: Schema<'_>,
        step: String,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after))
                if is_merged(schema, before) && is_merged(schema, after) =>
            {
                let below = Self::of(schema, before, after);
                self.added.add_below(step.clone(), below.added);
                self.modified.add_below(step.clone(), below.modified);
                self.removed.add_below(step, below.removed);
            }
            (Some(_), Some(_)) => self.modified.add(step),
            (None, Some(after)) => add_whole(&mut self.added, schema, step, after),
            (Some(before), None) => add_whole(&mut self.removed, schema, step, before),
            (None, None) => {}
        }
    }
}

/// Adds a field with everything in it. A part that was nobody's choice is left out itself.
fn add_whole(set: &mut FieldSet, schema: Schema<'_>, step: String, value: &Value) {
    let below = whole(schema, value);
    if !schema.is_always_there() || below.is_empty() {
        set.add(step.clone());
    }
    set.add_below(step, below);
}

/// All fields in a value, the maps and lists among them as fields of their own, too.
pub(super) fn whole(schema: Schema<'_>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    for (step, schema, value) in children(schema, value) {
        add_whole(&mut set, schema, step, value);
    }
    set
}

/// The fields that someone sets who applies `value`: the leaves, and the elements of lists.
pub(super) fn applied(schema: Schema<'_>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    for (step, schema, value) in children(schema, value) {
        let below = applied(schema, value);
        if below.is_empty() || !step.starts_with("f:") {
            set.add(step.clone());
        }
        set.add_below(step, below);
    }
    set
}

/// Whether a value is merged part by part, and not one value.
pub(super) fn is_merged(schema: Schema<'_>, value: &Value) -> bool {
    match value {
        Value::Object(_) => !schema.is_atomic_map(),
        Value::Array(_) => schema.list_type() != ListType::Atomic,
        _ => false,
    }
}

/// The parts of a value that is merged part by part.
fn children<'a>(schema: Schema<'a>, value: &'a Value) -> Vec<(String, Schema<'a>, &'a Value)> {
    match value {
        Value::Object(map) if !schema.is_atomic_map() => map
            .iter()
            .map(|(name, value)| (field(name), schema.field(name), value))
            .collect(),
        Value::Array(list) => elements(schema, list)
            .unwrap_or_default()
            .into_iter()
            .map(|(step, value)| (step, schema.element(), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// The elements of a list with the steps to them; `None` when the list is one value.
pub(super) fn elements<'a>(
    schema: Schema<'_>,
    list: &'a [Value],
) -> Option<Vec<(String, &'a Value)>> {
    let step: Box<dyn Fn(&Value) -> String> = match schema.list_type() {
        ListType::Atomic => return None,
        ListType::Set => Box::new(element),
        ListType::Map(keys) => Box::new(move |value| keyed(&schema.key_of(&keys, value))),
    };
    Some(list.iter().map(|value| (step(value), value)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_apart_by_key_or_taken_as_one() {
        let pod = |image: &str, arguments: Value| {
            json!({ "spec": { "containers": [
                { "name": "side", "image": "s" },
                { "name": "main", "image": image, "args": arguments },
            ] } })
        };
        let before = pod("a", json!(["1"]));
        let found = Comparison::of(Schema::BUILT_IN, &before, &pod("b", json!(["1", "2"])));
        assert_eq!(
            found.modified.paths(),
            [
                ".spec.containers[name=\"main\"].args",
                ".spec.containers[name=\"main\"].image"
            ]
        );
        assert!(found.added.is_empty() && found.removed.is_empty());
        let fewer = json!({ "spec": { "containers": [{ "name": "side", "image": "s" }] } });
        let found = Comparison::of(Schema::BUILT_IN, &before, &fewer);
        assert_eq!(found.removed.paths().len(), 4, "{found:?}");
        assert_eq!(
            Comparison::of(Schema::BUILT_IN, &before, &before),
            Comparison::default()
        );
    }

    #[test]
    fn who_applies_owns_leaves_and_elements() {
        let object = json!({
            "data": { "x": "1" },
            "spec": {
                "selector": { "app": "a" },
                "containers": [{ "name": "a", "ports": [{ "containerPort": 80 }] }],
                "tolerations": [{ "key": "k" }],
            },
        });
        let expected = json!({
            "f:data": { "f:x": {} },
            "f:spec": {
                "f:selector": {},
                "f:tolerations": {},
                "f:containers": { "k:{\"name\":\"a\"}": {
                    ".": {},
                    "f:name": {},
                    "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                        ".": {},
                        "f:containerPort": {},
                    } },
                } },
            },
        });
        assert_eq!(applied(Schema::BUILT_IN, &object).write(), expected);
    }
}

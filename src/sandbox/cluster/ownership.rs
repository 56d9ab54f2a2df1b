//! Who set which field: `metadata.managedFields`, server-side apply and its conflicts.
//!
//! Each manager has an entry with the set of its fields. To apply is to say all fields that one
//! wants; what one no longer says and nobody else owns is removed. Any other write takes the fields
//! that it changes. An entry's time is that of the last change to its fields or their values.

use serde_json::{Map, Value, json};

use super::compare::{self, Comparison, is_merged};
use super::fields::FieldSet;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::schema::Schema;

/// Owns what was there before anyone's fields were written down.
const BEFORE: &str = "before-first-apply";
/// What the server sets in the metadata is nobody's, and neither is who the object is.
const NOBODYS: [&str; 10] = [
    "f:creationTimestamp",
    "f:deletionGracePeriodSeconds",
    "f:deletionTimestamp",
    "f:generation",
    "f:managedFields",
    "f:name",
    "f:namespace",
    "f:resourceVersion",
    "f:selfLink",
    "f:uid",
];

/// Who writes, and through which door.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) api_version: String,
    /// The subresource that is written; empty for the object itself.
    pub(super) subresource: String,
    /// The object's status has a door of its own.
    pub(super) has_status: bool,
}

/// Whose fields a write makes those that it changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Author<'a> {
    /// The cluster itself writes; what it changes is nobody's.
    Cluster,
    /// A client writes by any way but apply.
    Client(&'a Writer),
    /// A client has applied, and the owners are in the object already.
    Applied,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: String,
    /// `Apply` or `Update`.
    operation: String,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

impl Writer {
    /// An entry without fields yet.
    fn entry(&self, operation: &str) -> Entry {
        Entry {
            manager: self.manager.clone(),
            operation: operation.into(),
            api_version: self.api_version.clone(),
            subresource: self.subresource.clone(),
            time: timestamp(jiff::Timestamp::now()),
            fields: FieldSet::default(),
        }
    }

    /// Takes out what cannot be owned, or not through this door.
    fn own(&self, mut fields: FieldSet) -> FieldSet {
        for nobodys in ["f:apiVersion", "f:kind"] {
            fields.forget(nobodys);
        }
        fields.forget_below("f:metadata", &NOBODYS);
        if self.subresource == "status" {
            let others: Vec<String> = fields.steps().map(|(step, _)| step.clone()).collect();
            for step in others.iter().filter(|step| *step != "f:status") {
                fields.forget(step);
            }
        } else if self.has_status {
            fields.forget("f:status");
        }
        fields
    }
}

impl Entry {
    fn read(entry: &Value) -> Option<Self> {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let fields = FieldSet::read(&entry["fieldsV1"]);
        (!fields.is_empty()).then(|| Self {
            manager: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields,
        })
    }

    fn write(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.write(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = self.subresource.as_str().into();
        }
        entry
    }

    /// Whether both are the same manager's. Who applies is the same one in all versions.
    fn is_of(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == "Apply" || self.api_version == other.api_version)
    }

    /// The manager in a message about a conflict.
    fn who(&self) -> String {
        let mut who = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            who = format!("{who} with subresource {:?}", self.subresource);
        }
        if self.operation == "Update" {
            who = format!("{who} using {}", self.api_version);
        }
        who
    }
}

/// Notes what `writer` changed from `before` to `after`, by any write but an apply.
pub(super) fn update(schema: Schema<'_>, writer: &Writer, before: &Value, after: &mut Value) {
    // A client may write the list of owners itself, but not make it disappear by leaving it out.
    let mut entries = match &after["metadata"]["managedFields"] {
        Value::Array(given) if !given.is_empty() => read(given),
        _ => entries(before),
    };
    let found = Comparison::of(schema, before, after);
    let changed = writer.own(found.changed());
    let removed = writer.own(found.removed);
    let mut mine = writer.entry("Update");
    if let Some(at) = entries.iter().position(|entry| entry.is_of(&mine)) {
        let old = entries.remove(at);
        mine.fields = old.fields.difference(&removed);
        if changed.is_empty() {
            mine.time = old.time;
        }
    }
    disown(&mut entries, &changed.union(&removed));
    mine.fields = mine.fields.union(&changed);
    entries.push(mine);
    write(entries, after);
}

/// The object that comes of applying `applied` to `before`; a conflict unless it is forced.
pub(super) fn apply(
    schema: Schema<'_>,
    writer: &Writer,
    before: &Value,
    applied: &Value,
    force: bool,
) -> Result<Value, Refusal> {
    let mut mine = writer.entry("Apply");
    mine.fields = writer.own(compare::applied(schema, applied));
    let mut others = entries(before);
    if others.is_empty() && before.is_object() {
        let unknown = Writer {
            manager: BEFORE.into(),
            subresource: String::new(),
            ..writer.clone()
        };
        let mut entry = unknown.entry("Update");
        entry.fields = unknown.own(compare::whole(schema, before));
        others.push(entry);
    }
    let last = match others.iter().position(|entry| entry.is_of(&mine)) {
        Some(at) => others.remove(at),
        None => writer.entry("Apply"),
    };

    let mut after = before.clone();
    merge(schema, &mut after, applied);
    let all = |kept: FieldSet, entry: &Entry| kept.union(&entry.fields);
    let kept = others.iter().fold(mine.fields.clone(), all);
    prune(schema, &mut after, &last.fields, &kept);

    let found = Comparison::of(schema, before, &after);
    let changed = writer.own(found.changed());
    let conflicts: Vec<(String, String)> = others
        .iter()
        .flat_map(|entry| {
            let paths = entry.fields.intersection(&changed).paths();
            paths.into_iter().map(|path| (entry.who(), path))
        })
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(Refusal::apply_conflict(conflicts));
    }
    let removed = writer.own(found.removed);
    disown(&mut others, &changed.union(&removed));
    let is_same = changed.is_empty() && removed.is_empty() && last.fields == mine.fields;
    if is_same {
        mine.time = last.time;
    }
    others.push(mine);
    write(others, &mut after);
    Ok(after)
}

/// Merges what is applied into the object.
fn merge(schema: Schema<'_>, target: &mut Value, applied: &Value) {
    if !is_merged(schema, applied) {
        *target = applied.clone();
        return;
    }
    match (&mut *target, applied) {
        (Value::Object(target), Value::Object(applied)) => {
            for (name, value) in applied {
                let target = target.entry(name.as_str()).or_insert(Value::Null);
                merge(schema.field(name), target, value);
            }
        }
        (Value::Array(target), Value::Array(applied)) => {
            for (step, value) in compare::elements(schema, applied).unwrap_or_default() {
                match position(schema, target, &step) {
                    Some(at) => merge(schema.element(), &mut target[at], value),
                    None => target.push(value.clone()),
                }
            }
        }
        _ => *target = applied.clone(),
    }
}

/// Removes what was applied the last time and nobody wants any more.
fn prune(schema: Schema<'_>, target: &mut Value, old: &FieldSet, kept: &FieldSet) {
    let nothing = FieldSet::default();
    for (step, branch) in old.steps() {
        let stays = kept.get(step).is_some();
        let kept = kept.get(step).map_or(&nothing, |kept| &kept.below);
        match target {
            Value::Object(map) => {
                let name = step.strip_prefix("f:").unwrap_or(step);
                let Some(child) = map.get_mut(name) else {
                    continue;
                };
                prune(schema.field(name), child, &branch.below, kept);
                // What others, or nobody, left in it keeps a map alive.
                if !stays && (branch.below.is_empty() || is_empty(child)) {
                    map.remove(name);
                }
            }
            Value::Array(list) => {
                let Some(at) = position(schema, list, step) else {
                    continue;
                };
                if stays {
                    prune(schema.element(), &mut list[at], &branch.below, kept);
                } else {
                    list.remove(at);
                }
            }
            _ => {}
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn position(schema: Schema<'_>, list: &[Value], wanted: &str) -> Option<usize> {
    let elements = compare::elements(schema, list)?;
    elements.iter().position(|(step, _)| step == wanted)
}

fn disown(entries: &mut [Entry], fields: &FieldSet) {
    for entry in entries {
        entry.fields = entry.fields.difference(fields);
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    match &object["metadata"]["managedFields"] {
        Value::Array(entries) => read(entries),
        _ => Vec::new(),
    }
}

fn read(entries: &[Value]) -> Vec<Entry> {
    entries.iter().filter_map(Entry::read).collect()
}

/// Writes the entries in the order of a real server: who applies first, then by time.
fn write(mut entries: Vec<Entry>, object: &mut Value) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|one, other| {
        let order = |entry: &Entry| {
            (
                entry.operation.clone(),
                entry.time.clone(),
                entry.manager.clone(),
            )
        };
        order(one).cmp(&order(other))
    });
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(Map::new());
    }
    let metadata = object["metadata"]
        .as_object_mut()
        .expect("it is an object now");
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        let entries = entries.iter().map(Entry::write).collect();
        metadata.insert("managedFields".into(), Value::Array(entries));
    }
}

//! Objects that are kept in one form and shown in others.
//!
//! Versions of a custom resource differ in nothing but their name. The two forms of events name the
//! same things differently.

use serde_json::Value;

use super::groups;
use super::kinds::Kind;

/// What the core group's events call the fields of the newer ones.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("deprecatedCount", "count"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedSource", "source"),
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
];

/// Turns what a client sent into what is kept.
pub(super) fn keep(kind: &Kind, object: &mut Value) {
    if kind == &groups::EVENTS {
        rename(object, EVENT_FIELDS);
    }
    relabel(kind.kept(), object);
}

/// Turns what is kept into what a client sees.
pub(super) fn show(kind: &Kind, object: &mut Value) {
    if kind.kept_as.is_none() {
        return;
    }
    if kind == &groups::EVENTS {
        rename(object, EVENT_FIELDS.map(|(new, old)| (old, new)));
    }
    relabel(kind, object);
}

fn relabel(kind: &Kind, object: &mut Value) {
    // The objects of a list do not name their kind.
    if object.get("apiVersion").is_some() {
        object["apiVersion"] = kind.api_version().into();
    }
}

fn rename(object: &mut Value, names: [(&str, &str); 7]) {
    if let Some(fields) = object.as_object_mut() {
        for (from, to) in names {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.into(), value);
            }
        }
    }
}

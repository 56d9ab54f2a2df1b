//! Sets of fields, as `managedFields` writes them down.
//!
//! A step of a path keeps the form it has in `FieldsV1`: `f:` and a field's name, `k:` and the keys
//! of a list's element, `v:` and the element itself. A node that stands for itself and also has
//! nodes below it says so with a dot.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A set of paths, as a tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldSet(BTreeMap<String, Branch>);

/// What is known of one step: whether it is in the set itself, and what is below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Branch {
    member: bool,
    pub(super) below: FieldSet,
}

impl FieldSet {
    /// Reads `FieldsV1`. What makes no sense there is an empty set.
    pub(super) fn read(fields: &Value) -> Self {
        let steps = fields.as_object().into_iter().flatten();
        let branch = |value: &Value| Branch {
            member: value.get(".").is_some() || value == &json!({}),
            below: Self::read(value),
        };
        let steps = steps.filter(|(step, _)| *step != ".");
        Self(
            steps
                .map(|(step, value)| (step.clone(), branch(value)))
                .collect(),
        )
    }

    /// Writes `FieldsV1`.
    pub(super) fn write(&self) -> Value {
        let written = self.0.iter().map(|(step, branch)| {
            let mut value = branch.below.write();
            if branch.member && !branch.below.is_empty() {
                value["."] = json!({});
            }
            (step.clone(), value)
        });
        Value::Object(written.collect::<Map<_, _>>())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = (&String, &Branch)> {
        self.0.iter()
    }

    pub(super) fn get(&self, step: &str) -> Option<&Branch> {
        self.0.get(step)
    }

    /// Adds a field as such.
    pub(super) fn add(&mut self, step: String) {
        self.0.entry(step).or_default().member = true;
    }

    /// Adds what is below a field.
    pub(super) fn add_below(&mut self, step: String, below: Self) {
        if !below.is_empty() {
            let branch = self.0.entry(step).or_default();
            branch.below = branch.below.union(&below);
        }
    }

    /// Forgets a field and all below it.
    pub(super) fn forget(&mut self, step: &str) {
        self.0.remove(step);
    }

    /// Forgets some of what is below a field.
    pub(super) fn forget_below(&mut self, step: &str, below: &[&str]) {
        if let Some(branch) = self.0.get_mut(step) {
            for name in below {
                branch.below.forget(name);
            }
        }
        self.0.retain(|_, branch| !branch.is_empty());
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (step, branch) in &other.0 {
            let kept = all.0.entry(step.clone()).or_default();
            kept.member |= branch.member;
            kept.below = kept.below.union(&branch.below);
        }
        all
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        self.combined(other, |ours, theirs| ours && theirs)
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        self.combined(other, |ours, theirs| ours && !theirs)
    }

    /// The members of ours for which `keep` says yes.
    fn combined(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let nothing = Branch::default();
        let branches = self.0.iter().map(|(step, ours)| {
            let theirs = other.0.get(step).unwrap_or(&nothing);
            let branch = Branch {
                member: keep(ours.member, theirs.member),
                below: ours.below.combined(&theirs.below, keep),
            };
            (step.clone(), branch)
        });
        Self(branches.filter(|(_, branch)| !branch.is_empty()).collect())
    }

    /// The paths for people: `.spec.containers[name="main"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, start: &str, paths: &mut Vec<String>) {
        for (step, branch) in &self.0 {
            let path = format!("{start}{}", readable(step));
            if branch.member {
                paths.push(path.clone());
            }
            branch.below.collect_paths(&path, paths);
        }
    }
}

impl Branch {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

/// The step to a field with this name.
pub(super) fn field(name: &str) -> String {
    format!("f:{name}")
}

/// The step to an element of a list that is known by some of its fields.
pub(super) fn keyed(key: &Map<String, Value>) -> String {
    // The map is ordered by name, so equal keys are equal texts.
    format!("k:{}", Value::Object(key.clone()))
}

/// The step to an element of a list that is known by its value.
pub(super) fn element(value: &Value) -> String {
    format!("v:{value}")
}

fn readable(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("v", value)) => format!("[={value}]"),
        Some(("k", key)) => {
            let key: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
            let parts: Vec<String> = key
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("[{}]", parts.join(","))
        }
        _ => format!("[{step}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_and_written_alike() {
        let fields = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": { "f:containers": { "k:{\"name\":\"a\"}": {
                ".": {},
                "f:image": {},
                "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {} },
            } } },
        });
        let set = FieldSet::read(&fields);
        assert_eq!(set.write(), fields);
        let paths = [
            ".metadata.labels",
            ".metadata.labels.app",
            ".spec.containers[name=\"a\"]",
            ".spec.containers[name=\"a\"].image",
            ".spec.containers[name=\"a\"].ports[containerPort=80,protocol=\"TCP\"]",
        ];
        assert_eq!(set.paths(), paths);
    }

    #[test]
    fn sets_are_combined_member_by_member() {
        let set = |fields| FieldSet::read(&fields);
        let one = set(json!({ "f:a": { ".": {}, "f:x": {} }, "f:b": {} }));
        let two = set(json!({ "f:a": { "f:x": {}, "f:y": {} } }));
        let all = json!({ "f:a": { ".": {}, "f:x": {}, "f:y": {} }, "f:b": {} });
        assert_eq!(one.union(&two).write(), all);
        assert_eq!(
            one.intersection(&two).write(),
            json!({ "f:a": { "f:x": {} } })
        );
        assert_eq!(
            one.difference(&two).write(),
            json!({ "f:a": {}, "f:b": {} })
        );
        assert_eq!(two.difference(&two).write(), json!({}));
    }
}

//! Objects by key, and what became of them lately.
//!
//! Watches are answered from the history, so everything that is kept, changed or removed leaves a
//! line there, with the object as it was before. It is bounded and lives in memory only: who asks
//! for older changes is told that they are gone, as after a compaction of a real cluster's etcd.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// As many changes as are remembered.
const LONGEST: usize = 2048;

/// Objects by resource, namespace and name. Copies share what they hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    current: BTreeMap<String, Kept>,
    history: VecDeque<Arc<Change>>,
}

/// An object, and as it is written to the state file. All objects are written with each change, so
/// those that did not change are not put into words again.
#[derive(Debug, Clone)]
struct Kept {
    object: Arc<Value>,
    text: Arc<RawValue>,
}

impl Kept {
    fn new(object: Value) -> Self {
        let text = to_raw_value(&object).expect("JSON can be written as JSON");
        Self {
            object: Arc::new(object),
            text: text.into(),
        }
    }
}

/// What one write did to one object.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: String,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

impl Objects {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.current.get(key).map(|kept| &*kept.object)
    }

    /// The objects whose keys begin like this, in the order of their keys.
    pub(super) fn range(&self, prefix: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.current
            .range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, kept)| (key.as_str(), &*kept.object))
    }

    pub(super) fn insert(&mut self, version: u64, key: String, object: Value) {
        let kept = Kept::new(object);
        let after = Arc::clone(&kept.object);
        let before = self.current.insert(key.clone(), kept);
        self.remember(Change {
            version,
            key,
            before: before.map(|kept| kept.object),
            after: Some(after),
        });
    }

    pub(super) fn remove(&mut self, version: u64, key: &str) -> Option<Value> {
        let before = self.current.remove(key)?.object;
        let object = Value::clone(&before);
        self.remember(Change {
            version,
            key: key.into(),
            before: Some(before),
            after: None,
        });
        Some(object)
    }

    /// What happened after `version`; `None` when that is not remembered any more. `newest` is
    /// the version of the last change there ever was.
    pub(super) fn since(&self, version: u64, newest: u64) -> Option<Vec<Arc<Change>>> {
        // Every version is one change, so the first one remembered tells where memory begins.
        let oldest = self
            .history
            .front()
            .map_or(newest, |change| change.version - 1);
        (version >= oldest).then(|| {
            let seen = self
                .history
                .partition_point(|change| change.version <= version);
            self.history.range(seen..).cloned().collect()
        })
    }

    fn remember(&mut self, change: Change) {
        if self.history.len() == LONGEST {
            self.history.pop_front();
        }
        self.history.push_back(Arc::new(change));
    }
}

impl Serialize for Objects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.current.iter().map(|(key, kept)| (key, &*kept.text)))
    }
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let objects = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let current = objects
            .into_iter()
            .map(|(key, object)| (key, Kept::new(object)))
            .collect();
        Ok(Self {
            current,
            history: VecDeque::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn memory_begins_where_the_oldest_change_fell_out() {
        let mut objects = Objects::default();
        let newest = LONGEST as u64 + 10;
        for version in 1..=newest {
            objects.insert(version, "a".into(), json!(version));
        }
        let count = |version| objects.since(version, newest).map(|changes| changes.len());
        assert_eq!(count(9), None);
        assert_eq!(count(10), Some(LONGEST));
        assert_eq!(count(newest - 1), Some(1));
        assert_eq!(count(newest), Some(0));
        assert_eq!(count(newest + 5), Some(0), "the future holds nothing yet");
    }

    #[test]
    fn what_was_read_from_a_file_has_no_past() {
        let read: Objects = serde_json::from_value(json!({ "a": { "x": 1 } })).unwrap();
        assert_eq!(read.get("a"), Some(&json!({ "x": 1 })));
        assert!(read.since(6, 7).is_none());
        assert!(read.since(7, 7).unwrap().is_empty());
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json!({ "a": { "x": 1 } })
        );
    }
}

//! Which parts of an object are one value and which are many: how lists and maps are merged.
//!
//! For the kinds of Kubernetes itself a table holds the lists that merge by key, since field names
//! tell them apart well enough. For custom resources the schema of their definition says it.

use serde_json::{Map, Value};

/// A place in an object, as far as merging needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Schema<'a> {
    /// A field of a built-in kind, and the field above it.
    BuiltIn {
        parent: &'a str,
        field: &'a str,
        /// This is about an element of the list in the field.
        element: bool,
    },
    /// A whole custom resource, with the OpenAPI schema of its kind.
    Resource(&'a Value),
    /// A node of that schema; null where nothing is said.
    Node(&'a Value),
}

/// How the elements of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListType<'a> {
    /// They are not: the list is one value.
    Atomic,
    /// By their value.
    Set,
    /// By these of their fields.
    Map(Vec<&'a str>),
}

/// The lists that are merged element by element: the field, the field above it where the name
/// alone would not tell, and the keys.
const MERGED_LISTS: [(&str, &[&str], &[&str]); 19] = [
    ("addresses", &["status"], &["type"]),
    ("conditions", &[], &["type"]),
    ("containers", &[], &["name"]),
    ("env", &[], &["name"]),
    ("ephemeralContainers", &[], &["name"]),
    ("hostAliases", &[], &["ip"]),
    ("imagePullSecrets", &[], &["name"]),
    ("initContainers", &[], &["name"]),
    ("matchConditions", &[], &["name"]),
    ("ownerReferences", &[], &["uid"]),
    ("podIPs", &[], &["ip"]),
    (
        "ports",
        &["containers", "initContainers", "ephemeralContainers"],
        &["containerPort", "protocol"],
    ),
    ("ports", &["spec"], &["port", "protocol"]),
    ("secrets", &[], &["name"]),
    (
        "topologySpreadConstraints",
        &[],
        &["topologyKey", "whenUnsatisfiable"],
    ),
    ("volumeDevices", &[], &["devicePath"]),
    ("volumeMounts", &[], &["mountPath"]),
    ("volumes", &[], &["name"]),
    ("webhooks", &[], &["name"]),
];

/// The lists that are sets: the field and the field above it.
const SETS: [(&str, &str); 2] = [("finalizers", "metadata"), ("podCIDRs", "spec")];

/// The maps that are one value: selectors and references.
const ATOMIC_MAPS: [&str; 12] = [
    "configMapKeyRef",
    "fieldRef",
    "involvedObject",
    "namespaceSelector",
    "nodeSelector",
    "objectSelector",
    "regarding",
    "related",
    "resourceFieldRef",
    "roleRef",
    "secretKeyRef",
    "selector",
];

/// The lists whose elements are references, and so one value each.
const REFERENCES: [&str; 2] = ["imagePullSecrets", "secrets"];

/// Parts that are always there in the types of a real server, and so are never added by anyone.
const ALWAYS_THERE: [&str; 6] = [
    "metadata",
    "spec",
    "status",
    "strategy",
    "template",
    "containers",
];

impl<'a> Schema<'a> {
    /// The top of an object of a built-in kind.
    pub(super) const BUILT_IN: Self = Schema::BuiltIn {
        parent: "",
        field: "",
        element: false,
    };

    /// The schema of a field.
    pub(super) fn field(self, name: &'a str) -> Self {
        match self {
            Schema::BuiltIn { field, .. } => Schema::BuiltIn {
                parent: field,
                field: name,
                element: false,
            },
            // The metadata of all kinds are alike.
            Schema::Resource(_) if name == "metadata" => Self::BUILT_IN.field(name),
            Schema::Resource(node) | Schema::Node(node) => match node["properties"].get(name) {
                Some(node) => Schema::Node(node),
                None => Schema::Node(&node["additionalProperties"]),
            },
        }
    }

    /// The schema of a list's elements.
    pub(super) fn element(self) -> Self {
        match self {
            Schema::BuiltIn { parent, field, .. } => Schema::BuiltIn {
                parent,
                field,
                element: true,
            },
            Schema::Resource(node) | Schema::Node(node) => Schema::Node(&node["items"]),
        }
    }

    pub(super) fn list_type(self) -> ListType<'a> {
        match self {
            Schema::BuiltIn { parent, field, .. } if SETS.contains(&(field, parent)) => {
                ListType::Set
            }
            Schema::BuiltIn { parent, field, .. } => MERGED_LISTS
                .iter()
                .find(|(name, parents, _)| {
                    *name == field && (parents.is_empty() || parents.contains(&parent))
                })
                .map_or(ListType::Atomic, |(_, _, keys)| {
                    ListType::Map(keys.to_vec())
                }),
            Schema::Resource(node) | Schema::Node(node) => {
                match node["x-kubernetes-list-type"].as_str() {
                    Some("set") => ListType::Set,
                    Some("map") => {
                        let keys = node["x-kubernetes-list-map-keys"].as_array();
                        ListType::Map(
                            keys.into_iter()
                                .flatten()
                                .filter_map(Value::as_str)
                                .collect(),
                        )
                    }
                    _ => ListType::Atomic,
                }
            }
        }
    }

    pub(super) fn is_atomic_map(self) -> bool {
        match self {
            Schema::BuiltIn {
                field,
                element: true,
                ..
            } => REFERENCES.contains(&field),
            Schema::BuiltIn { field, .. } => ATOMIC_MAPS.contains(&field),
            Schema::Resource(node) | Schema::Node(node) => {
                node["x-kubernetes-map-type"] == "atomic"
            }
        }
    }

    /// Whether the field exists without anyone's doing.
    pub(super) fn is_always_there(self) -> bool {
        match self {
            Schema::BuiltIn { field, element, .. } => !element && ALWAYS_THERE.contains(&field),
            Schema::Resource(_) | Schema::Node(_) => false,
        }
    }

    /// What tells an element of a list from the others.
    pub(super) fn key_of(self, keys: &[&str], element: &Value) -> Map<String, Value> {
        let value = |key: &str| match &element[key] {
            Value::Null => self.usual(key),
            value => value.clone(),
        };
        keys.iter()
            .map(|key| ((*key).to_owned(), value(key)))
            .collect()
    }

    /// The value that a missing key of an element stands for.
    fn usual(self, key: &str) -> Value {
        match self {
            Schema::BuiltIn { .. } if key == "protocol" => "TCP".into(),
            Schema::BuiltIn { .. } => Value::Null,
            Schema::Resource(node) | Schema::Node(node) => {
                node["items"]["properties"][key]["default"].clone()
            }
        }
    }
}

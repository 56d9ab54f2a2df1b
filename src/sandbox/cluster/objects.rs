//! Create, read, update and delete, the same for every kind.

use serde_json::{Map, Value, json};

use super::admission;
use super::defaults;
use super::groups::CUSTOM_RESOURCE_DEFINITIONS;
use super::kinds::{Kind, NAMESPACES, PODS, SERVICE_ACCOUNTS};
use super::node;
use super::ownership::{self, Author};
use super::refusal::{FieldProblem, Refusal};
use super::selector::Selector;
use super::state::{ClusterState, key, prefix};
use crate::sandbox::random;

/// What a real server appends to `generateName`: no vowels, so that no words come out.
const NAME_SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A point in time as objects write it.
pub(super) fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl ClusterState {
    pub(super) fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<&Value, Refusal> {
        self.objects
            .get(&key(kind, namespace, name))
            .ok_or_else(|| Refusal::not_found(kind, name))
    }

    /// Lists objects; those of a list do not repeat the list's kind and version.
    pub(super) fn list(&self, kind: &Kind, namespace: Option<&str>, selector: &Selector) -> Value {
        let items: Vec<Value> = self
            .objects
            .range(&prefix(kind, namespace))
            .filter(|(_, object)| selector.matches(object))
            .map(|(_, object)| {
                let mut item = object.as_object().cloned().unwrap_or_default();
                item.remove("kind");
                item.remove("apiVersion");
                Value::Object(item)
            })
            .collect();
        json!({
            "kind": format!("{}List", kind.name),
            "apiVersion": kind.api_version(),
            "metadata": { "resourceVersion": self.resource_version.to_string() },
            "items": items,
        })
    }

    /// Creates an object of the cluster's own.
    pub(super) fn create(
        &mut self,
        kind: &Kind,
        namespace: &str,
        object: Value,
    ) -> Result<Value, Refusal> {
        self.create_by(Author::Cluster, kind, namespace, object)
    }

    /// Creates an object and notes who did.
    pub(super) fn create_by(
        &mut self,
        author: Author<'_>,
        kind: &Kind,
        namespace: &str,
        mut object: Value,
    ) -> Result<Value, Refusal> {
        defaults::prepare(kind, namespace, &mut object)?;
        let metadata = metadata(&mut object);
        if text(metadata, "resourceVersion").is_some() {
            return Err(Refusal::version_on_create());
        }
        let name = match (text(metadata, "name"), text(metadata, "generateName")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(start)) => format!("{start}{}", random::text(5, NAME_SUFFIX)),
            (None, None) => {
                return Err(Refusal::invalid(
                    &kind.qualified_kind(),
                    "",
                    "metadata.name",
                    &FieldProblem::Required("name or generateName is required"),
                ));
            }
        };
        check_name(kind, &name)?;
        if kind.namespaced {
            self.get(&NAMESPACES, "", namespace)?;
        }
        metadata.insert("name".into(), name.clone().into());
        if kind.resource == PODS.resource {
            admission::admit(self, namespace, &name, &mut object)?;
        }
        let key = key(kind, namespace, &name);
        if self.objects.get(&key).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        let metadata = self::metadata(&mut object);
        metadata.insert("uid".into(), random::uuid().into());
        metadata.insert(
            "creationTimestamp".into(),
            timestamp(self.clock.now()).into(),
        );
        if kind.generation {
            metadata.insert("generation".into(), 1.into());
        }
        if kind.resource == NAMESPACES.resource {
            defaults::label_namespace(metadata, &name);
        }
        if let Author::Client(writer) = author {
            ownership::update(self.schema(kind), writer, &json!({}), &mut object);
        }
        let object = self.put(key, object);
        if kind.resource == NAMESPACES.resource {
            let account = json!({ "metadata": { "name": "default" } });
            self.create(&SERVICE_ACCOUNTS, &name, account)?;
        }
        Ok(object)
    }

    /// Puts `object` in the place of the one with this name. The flag says whether it is new.
    pub(super) fn replace(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        object: Value,
    ) -> Result<(Value, bool), Refusal> {
        self.replace_by(Author::Cluster, kind, namespace, name, object)
    }

    /// Replaces an object and notes who did.
    pub(super) fn replace_by(
        &mut self,
        author: Author<'_>,
        kind: &Kind,
        namespace: &str,
        name: &str,
        mut object: Value,
    ) -> Result<(Value, bool), Refusal> {
        defaults::prepare(kind, namespace, &mut object)?;
        let metadata = metadata(&mut object);
        let body_name = text(metadata, "name").unwrap_or_default();
        if body_name != name {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({body_name}) does not match the name on the URL ({name})"
            )));
        }
        let version = text(metadata, "resourceVersion").map(str::to_owned);
        let key = key(kind, namespace, name);
        let Some(current) = self.objects.get(&key) else {
            if kind.versioned_update && !kind.custom && version.is_none() {
                return Ok((self.create_by(author, kind, namespace, object)?, true));
            }
            return Err(Refusal::not_found(kind, name));
        };
        let kept = &current["metadata"];
        match version {
            Some(version) if kept["resourceVersion"] != version => {
                return Err(Refusal::stale(kind, name));
            }
            None if kind.versioned_update => {
                return Err(Refusal::invalid(
                    &kind.qualified_kind(),
                    name,
                    "metadata.resourceVersion",
                    &FieldProblem::Invalid("0x0".into(), "must be specified for an update"),
                ));
            }
            _ => {}
        }
        if let Some(uid) = text(metadata, "uid")
            && kept["uid"] != uid
        {
            let why = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                kept["uid"].as_str().unwrap_or_default()
            );
            return Err(Refusal::conflict(kind, name, &why));
        }
        for field in ["uid", "creationTimestamp", "resourceVersion"] {
            metadata.insert(field.into(), kept[field].clone());
        }
        // Only the cluster itself decides that an object ends.
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            if !kept[field].is_null() {
                metadata.insert(field.into(), kept[field].clone());
            } else if !matches!(author, Author::Cluster) {
                metadata.remove(field);
            }
        }
        if matches!(author, Author::Cluster) && !kept["managedFields"].is_null() {
            metadata.insert("managedFields".into(), kept["managedFields"].clone());
        }
        if kind.resource == NAMESPACES.resource {
            defaults::label_namespace(metadata, name);
        }
        if kind.generation {
            let count = kept["generation"].as_u64().unwrap_or(1);
            let changed = wanted(kind, &object) != wanted(kind, current);
            object["metadata"]["generation"] = (count + u64::from(changed)).into();
        }
        if let Author::Client(writer) = author {
            ownership::update(self.schema(kind), writer, current, &mut object);
        }
        if object == *current {
            return Ok((object, false));
        }
        let is_released = has_finalizers(current)
            && !has_finalizers(&object)
            && object["metadata"]["deletionGracePeriodSeconds"] == 0;
        let object = self.put(key.clone(), object);
        if is_released {
            self.take(&key);
        }
        Ok((object, false))
    }

    /// Removes an object and, with a namespace, everything in it.
    pub(super) fn delete(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        options: &Value,
    ) -> Result<Value, Refusal> {
        let object = self.get(kind, namespace, name)?;
        let held = &object["metadata"];
        let wanted = &options["preconditions"];
        for (field, word) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            if let Some(wanted) = wanted[field].as_str()
                && held[field] != wanted
            {
                let why = format!(
                    "the {word} in the precondition ({wanted}) does not match the {word} in record ({}). The object might have been deleted and then recreated",
                    held[field].as_str().unwrap_or_default()
                );
                return Err(Refusal::conflict(kind, name, &why));
            }
        }
        let is_namespace = kind.resource == NAMESPACES.resource;
        if is_namespace && ["default", "kube-system", "kube-public"].contains(&name) {
            let why = "this namespace may not be deleted";
            return Err(Refusal::forbidden_object(kind, name, why));
        }
        if kind.resource == PODS.resource && node::must_stop(object, options) {
            let mut pod = object.clone();
            node::ask_to_stop(&mut pod, options, self.clock.now());
            return Ok(self.replace(kind, namespace, name, pod)?.0);
        }
        if has_finalizers(object) {
            return Ok(self.begin_to_delete(kind, namespace, name));
        }
        if is_namespace {
            self.take_all(|key| key.split('/').nth(1) == Some(name));
        } else if kind == &CUSTOM_RESOURCE_DEFINITIONS {
            self.take_all(|key| key.split('/').next() == Some(name));
        }
        let mut object = self
            .take(&key(kind, namespace, name))
            .expect("we just looked at it");
        if is_namespace {
            object["status"]["phase"] = "Terminating".into();
        }
        if !kind.returns_deleted {
            return Ok(json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {
                    "name": name,
                    "group": kind.group,
                    "kind": kind.resource,
                    "uid": object["metadata"]["uid"],
                },
            }));
        }
        object["metadata"]["deletionTimestamp"] = timestamp(self.clock.now()).into();
        Ok(object)
    }

    /// Marks an object that others must first agree to let go.
    fn begin_to_delete(&mut self, kind: &Kind, namespace: &str, name: &str) -> Value {
        let key = key(kind, namespace, name);
        let mut object = self.objects.get(&key).cloned().unwrap_or_default();
        let metadata = metadata(&mut object);
        if metadata.contains_key("deletionTimestamp") {
            return object;
        }
        let now = timestamp(self.clock.now());
        metadata.insert("deletionTimestamp".into(), now.into());
        metadata.insert("deletionGracePeriodSeconds".into(), 0.into());
        if let Some(count) = metadata.get("generation").and_then(Value::as_u64) {
            metadata.insert("generation".into(), (count + 1).into());
        }
        self.put(key, object)
    }

    /// Removes everything that has such a key.
    fn take_all(&mut self, is_meant: impl Fn(&str) -> bool) {
        let keys: Vec<String> = self
            .objects
            .range("")
            .map(|(key, _)| key.to_owned())
            .filter(|key| is_meant(key))
            .collect();
        for key in keys {
            self.take(&key);
        }
    }

    /// Removes what a selector finds and answers with the list of it.
    pub(super) fn delete_collection(
        &mut self,
        kind: &Kind,
        namespace: &str,
        selector: &Selector,
    ) -> Result<Value, Refusal> {
        let list = self.list(kind, Some(namespace), selector);
        for item in list["items"].as_array().into_iter().flatten() {
            let name = item["metadata"]["name"].as_str().unwrap_or_default();
            self.delete(kind, namespace, name, &Value::Null)?;
        }
        Ok(list)
    }
}

/// What is wanted of an object, as far as its generation counts it.
fn wanted(kind: &Kind, object: &Value) -> Value {
    let mut wanted = object.clone();
    if let Some(fields) = wanted.as_object_mut() {
        fields.remove("metadata");
        if kind.status {
            fields.remove("status");
        }
    }
    wanted
}

fn has_finalizers(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

pub(super) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata.as_object_mut().expect("it is an object now")
}

/// A text that is there and not empty.
pub(super) fn text<'a>(metadata: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    metadata
        .get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn check_name(kind: &Kind, name: &str) -> Result<(), Refusal> {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if kind.free_name && ![".", ".."].contains(&name) && !name.contains(['/', '%']) {
        return Ok(());
    }
    let problem = if kind.label_name {
        if name.len() > 63 {
            "must be no more than 63 characters"
        } else if !is_label(name) {
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        } else {
            return Ok(());
        }
    } else if name.len() > 253 {
        "must be no more than 253 characters"
    } else if !name.split('.').all(is_label) {
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(
        &kind.qualified_kind(),
        name,
        "metadata.name",
        &FieldProblem::Invalid(format!("\"{name}\""), problem),
    ))
}

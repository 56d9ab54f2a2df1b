//! What clients write: through which door, in which form, and in whose name.

use serde_json::Value;

use super::body::{self, PatchType};
use super::defaults::encode_string_data;
use super::kinds::{Kind, SECRETS};
use super::ownership::{self, Author, Writer};
use super::patch;
use super::refusal::Refusal;
use super::schema::Schema;
use super::state::ClusterState;
use super::versions;

/// The object that a client writes, and how.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) kind: &'static Kind,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) writer: Writer,
    /// Unknown fields are refused.
    pub(super) strict: bool,
    /// What is applied is taken from whoever owns it.
    pub(super) force: bool,
}

impl Write<'_> {
    pub(super) fn create(&self, state: &mut ClusterState, body: Value) -> Result<Value, Refusal> {
        let mut object = body::decode(self.kind, body, self.strict)?;
        versions::keep(self.kind, &mut object);
        if self.kind.status {
            remove(&mut object, "status");
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("deletionTimestamp");
            metadata.remove("deletionGracePeriodSeconds");
        }
        let author = Author::Client(&self.writer);
        state.create_by(author, self.kind, self.namespace, object)
    }

    /// Replaces the object. The flag says whether it is new.
    pub(super) fn replace(
        &self,
        state: &mut ClusterState,
        body: Value,
    ) -> Result<(Value, bool), Refusal> {
        let object = body::decode(self.kind, body, self.strict)?;
        self.put(state, Author::Client(&self.writer), object)
    }

    /// Changes the object in part. Only apply may make one that is not there.
    pub(super) fn patch(
        &self,
        state: &mut ClusterState,
        form: PatchType,
        patch: &Value,
    ) -> Result<(Value, bool), Refusal> {
        let mut current = state.get(self.kind, self.namespace, self.name).cloned();
        if let Ok(current) = &mut current {
            versions::show(self.kind, current);
        }
        if form == PatchType::Apply {
            return self.apply(state, current.ok(), patch);
        }
        let current = current?;
        let schema = state.schema(self.kind);
        let object = match form {
            PatchType::Json => patch::operate(&current, patch)?,
            PatchType::Strategic if matches!(schema, Schema::Resource(_)) => {
                return Err(Refusal::unsupported_media_type(
                    "application/strategic-merge-patch+json",
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                ));
            }
            PatchType::Strategic => {
                let mut object = current;
                patch::merge_strategically(schema, &mut object, patch);
                object
            }
            PatchType::Merge | PatchType::Apply => {
                let mut object = current;
                patch::merge(&mut object, patch);
                object
            }
        };
        let object = body::decode(self.kind, object, self.strict)?;
        self.put(state, Author::Client(&self.writer), object)
    }

    fn apply(
        &self,
        state: &mut ClusterState,
        current: Option<Value>,
        patch: &Value,
    ) -> Result<(Value, bool), Refusal> {
        if !patch["metadata"]["managedFields"].is_null() {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        let (mut applied, undeclared) = body::read(self.kind, patch.clone())?;
        if !undeclared.is_empty() {
            let Self {
                kind,
                namespace,
                name,
                ..
            } = self;
            return Err(Refusal::undeclared(kind, namespace, name, &undeclared));
        }
        if self.kind == &SECRETS {
            encode_string_data(&mut applied);
        }
        if applied["metadata"]["name"].is_null() {
            applied["metadata"]["name"] = self.name.into();
        }
        let before = current.as_ref().unwrap_or(&Value::Null);
        let schema = state.schema(self.kind);
        let mut object = ownership::apply(schema, &self.writer, before, &applied, self.force)?;
        if current.is_some() {
            return self.put(state, Author::Applied, object);
        }
        if !self.writer.subresource.is_empty() {
            return Err(Refusal::not_found(self.kind, self.name));
        }
        if self.kind.status {
            remove(&mut object, "status");
        }
        versions::keep(self.kind, &mut object);
        let object = state.create_by(Author::Applied, self.kind, self.namespace, object)?;
        Ok((object, true))
    }

    /// Replaces the part of the object that this door leads to.
    fn put(
        &self,
        state: &mut ClusterState,
        author: Author<'_>,
        mut object: Value,
    ) -> Result<(Value, bool), Refusal> {
        let Self {
            kind,
            namespace,
            name,
            ..
        } = *self;
        versions::keep(kind, &mut object);
        match state.get(kind, namespace, name) {
            Ok(current) if self.writer.subresource == "status" => {
                let mut whole = current.clone();
                copy(&object, &mut whole, "status");
                for field in ["name", "resourceVersion", "uid", "managedFields"] {
                    copy(&object["metadata"], &mut whole["metadata"], field);
                }
                object = whole;
            }
            Ok(current) if kind.status => copy(current, &mut object, "status"),
            Err(refusal) if !self.writer.subresource.is_empty() => return Err(refusal),
            _ => {}
        }
        state.replace_by(author, kind, namespace, name, object)
    }
}

/// Makes a field the same in both, or missing in both.
fn copy(from: &Value, to: &mut Value, field: &str) {
    match from.get(field) {
        Some(value) => to[field] = value.clone(),
        None => remove(to, field),
    }
}

fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

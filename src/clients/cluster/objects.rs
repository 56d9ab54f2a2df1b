//! Any object, as JSON: read it, apply it, create it, delete it, or only try to.

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::core::GroupVersion;
use kube::discovery::{self, ApiCapabilities, ApiResource, Scope};
use kube::error::DiscoveryError;
use serde_json::Value;

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind, found};

/// How a create ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation {
    /// The object is new; this is how the server stored it.
    Created(Value),
    /// One of that name was there before, and was left alone.
    AlreadyExists,
}

/// An object of the cluster, by what its JSON says of itself.
struct Addressed {
    api: Api<DynamicObject>,
    name: String,
    /// `serviceaccounts/rok`, for operations.
    path: String,
}

impl Cluster {
    /// Returns the object that has the `apiVersion`, `kind`, name and namespace of `object`.
    pub async fn read(&self, object: &Value) -> Result<Option<Value>, ClusterError> {
        let Some(Addressed { api, name, path }) = found(self.address(object).await)? else {
            return Ok(None);
        };
        let answer = self.ask(&format!("get {path}"), api.get(&name)).await;
        found(answer)?.map(|stored| to_value(&stored)).transpose()
    }

    /// Applies `object` on the server's side and returns it as stored. Nothing is forced: a field
    /// of another manager is a conflict.
    pub async fn apply(&self, object: &Value, field_manager: &str) -> Result<Value, ClusterError> {
        self.patch("apply", object, &PatchParams::apply(field_manager))
            .await
    }

    /// Returns what [`Cluster::apply`] would store, with the server's defaults, and changes nothing.
    pub async fn apply_dry_run(
        &self,
        object: &Value,
        field_manager: &str,
    ) -> Result<Value, ClusterError> {
        let parameters = PatchParams::apply(field_manager).dry_run();
        self.patch("dry run of apply", object, &parameters).await
    }

    /// Returns what would be stored if the fields of other managers were taken over, and changes
    /// nothing: the way to show what a conflict is about.
    pub async fn forced_dry_run(
        &self,
        object: &Value,
        field_manager: &str,
    ) -> Result<Value, ClusterError> {
        let parameters = PatchParams::apply(field_manager).dry_run().force();
        self.patch("dry run of apply", object, &parameters).await
    }

    /// Creates `object`, if nothing of its name is there.
    pub async fn create(&self, object: &Value) -> Result<Creation, ClusterError> {
        match self.post("create", object, PostParams::default()).await {
            Ok(stored) => Ok(Creation::Created(stored)),
            Err(error) if error.kind == ClusterErrorKind::AlreadyExists => {
                Ok(Creation::AlreadyExists)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns what the server would store, as its admission has it, and creates nothing. A name
    /// that is taken is an error, as everything is that would refuse the object.
    pub async fn create_dry_run(&self, object: &Value) -> Result<Value, ClusterError> {
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        self.post("dry run of create", object, parameters).await
    }

    /// Deletes the object that has the `apiVersion`, `kind`, name and namespace of `object`, and
    /// does not wait until it is gone. Returns whether there was one.
    pub async fn delete(&self, object: &Value) -> Result<bool, ClusterError> {
        self.remove(object, &DeleteParams::default()).await
    }

    /// Does the same, without a time of grace, only if the object is the one of this UID, and not
    /// another one that has taken its name.
    pub async fn delete_exact(&self, object: &Value, uid: &str) -> Result<bool, ClusterError> {
        let parameters = DeleteParams::default()
            .grace_period(0)
            .preconditions(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            });
        match self.remove(object, &parameters).await {
            Err(error) if error.kind == ClusterErrorKind::Conflict => Ok(false),
            result => result,
        }
    }

    async fn patch(
        &self,
        verb: &str,
        object: &Value,
        parameters: &PatchParams,
    ) -> Result<Value, ClusterError> {
        let Addressed { api, name, path } = self.address(object).await?;
        let (parameters, patch) = (parameters.clone().validation_strict(), Patch::Apply(object));
        let stored = self
            .ask(
                &format!("{verb} {path}"),
                api.patch(&name, &parameters, &patch),
            )
            .await?;
        to_value(&stored)
    }

    async fn post(
        &self,
        verb: &str,
        object: &Value,
        parameters: PostParams,
    ) -> Result<Value, ClusterError> {
        let Addressed { api, path, .. } = self.address(object).await?;
        let operation = format!("{verb} {path}");
        let typed = serde_json::from_value(object.clone())
            .map_err(|error| invalid(&operation, &error.to_string()))?;
        let stored = self
            .ask(&operation, api.create(&parameters, &typed))
            .await?;
        to_value(&stored)
    }

    async fn remove(
        &self,
        object: &Value,
        parameters: &DeleteParams,
    ) -> Result<bool, ClusterError> {
        let Some(Addressed { api, name, path }) = found(self.address(object).await)? else {
            return Ok(false);
        };
        let answer = self
            .ask(&format!("delete {path}"), api.delete(&name, parameters))
            .await;
        Ok(found(answer)?.is_some())
    }

    /// Finds out where the server keeps this object.
    async fn address(&self, object: &Value) -> Result<Addressed, ClusterError> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .ok_or_else(|| invalid("read object", &format!("it has no `{pointer}`")))
        };
        let (version, kind) = (text("/apiVersion")?, text("/kind")?);
        let name = text("/metadata/name")?;
        let namespace = text("/metadata/namespace").ok();

        let (resource, capabilities) = self.kind(version, kind).await?;
        let client = self.client();
        let api = match (&capabilities.scope, namespace) {
            (Scope::Cluster, _) => Api::all_with(client, &resource),
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(client, namespace, &resource)
            }
            (Scope::Namespaced, None) => Api::default_namespaced_with(client, &resource),
        };
        Ok(Addressed {
            api,
            name: name.to_owned(),
            path: format!("{}/{name}", resource.plural),
        })
    }

    /// Finds out how the server calls this kind of object. One request tells it of all kinds of a
    /// version, and those who ask meanwhile wait for its answer.
    async fn kind(
        &self,
        version: &str,
        kind: &str,
    ) -> Result<(ApiResource, ApiCapabilities), ClusterError> {
        let key = (version.to_owned(), kind.to_owned());
        let mut kinds = self.inner.kinds.lock().await;
        if let Some(known) = kinds.get(&key) {
            return Ok(known.clone());
        }
        let (group, number) = version.split_once('/').unwrap_or(("", version));
        let client = self.client();
        let asked = GroupVersion::gv(group, number);
        let discovery = async {
            let group = discovery::pinned_group(&client, &asked).await?;
            kinds.extend(
                group
                    .versioned_resources(number)
                    .into_iter()
                    .map(|known| ((version.to_owned(), known.0.kind.clone()), known)),
            );
            let found = kinds.get(&key).cloned();
            let missing = || DiscoveryError::MissingKind(format!("{version}/{kind}"));
            found.ok_or_else(|| kube::Error::Discovery(missing()))
        };
        self.ask(&format!("discover {kind}"), discovery).await
    }
}

fn to_value(object: &DynamicObject) -> Result<Value, ClusterError> {
    serde_json::to_value(object).map_err(|error| invalid("read object", &error.to_string()))
}

fn invalid(operation: &str, message: &str) -> ClusterError {
    ClusterError::new(operation, ClusterErrorKind::Invalid, message)
}

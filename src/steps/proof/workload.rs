//! The workload that the proof speaks for, in its cluster.

use std::path::PathBuf;

use serde_json::Value;

use crate::clients::cluster::{ClusterError, ServiceAccountInfo};
use crate::engine::{ErrorKind, StepError};
use crate::steps::cluster::{ClusterAccess, refused};
use crate::steps::names;

/// Rok's overlay, in the clone.
pub const OVERLAY: &str = "rok/rok-cluster/overlays/deploy";
/// The name of the documented test Pod, and of its container.
pub(super) const POD: &str = "rok-verify-storage-access";
/// The label of what was made for a proof, and its value.
pub(super) const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "rok-verify");
/// The label that names the run which made a Pod.
pub(super) const RUN_LABEL: &str = "rok-deploy/run";

/// Says a value of a manifest for people.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Turns a refusal of the cluster into a failed proof. A right that is missing here is no right of
/// the cloud, which an administrator could give with a hand-off.
pub(super) fn unproven(error: ClusterError) -> StepError {
    let mut refused = refused(error);
    if refused.kind == ErrorKind::Permission {
        refused.kind = ErrorKind::Verification;
    }
    refused
}

/// The workload that the proof speaks for.
#[derive(Clone)]
pub struct Workload {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The service account's namespace.
    pub namespace: String,
    /// The service account's name, which is the Rok cluster's.
    pub name: String,
    /// The directory of the clone, which holds the manifests.
    pub clone: PathBuf,
}

impl Workload {
    /// Returns `system:serviceaccount:<namespace>:<name>`.
    pub(super) fn subject(&self) -> String {
        names::subject(&self.namespace, &self.name)
    }

    /// Returns namespace and name of the service account, for messages.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Returns the service account, if there is one.
    pub(super) async fn account(&self) -> Result<Option<ServiceAccountInfo>, StepError> {
        let client = self.access.client().await?;
        let account = client.service_account(&self.namespace, &self.name).await;
        account.map_err(unproven)
    }

    /// Reads a manifest that was rendered and committed before: with the operator's edits.
    pub(super) async fn manifest(&self, path: &str, kind: &str) -> Result<Value, StepError> {
        let file = self.clone.join(path);
        let shown = file.display().to_string();
        let text = tokio::fs::read_to_string(&file).await.map_err(|error| {
            StepError::failed(format!("{shown} cannot be read: {error}"))
                .hint("`rok-deploy run` renders it from its template")
        })?;
        let manifest: Value = serde_yaml::from_str(&text)
            .map_err(|error| StepError::answers(format!("{shown} is no YAML: {error}")))?;
        let metadata = &manifest["metadata"];
        if manifest["kind"] != kind || metadata["namespace"] != self.namespace.as_str() {
            return Err(StepError::answers(format!(
                "{shown} holds a {} in namespace {}; expected a {kind} in `{}`",
                manifest["kind"], metadata["namespace"], self.namespace
            ))
            .hint("`rok-deploy plan` shows what would be rendered"));
        }
        Ok(manifest)
    }
}

/// Whether the account was made for a proof, by this tool or by hand as documented.
pub(super) fn is_ours(account: &ServiceAccountInfo) -> bool {
    account.labels.get(PART_OF.0).map(String::as_str) == Some(PART_OF.1)
}

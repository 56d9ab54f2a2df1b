//! The workload that the proof speaks for, and the way to everything that the proof looks at.

use std::path::PathBuf;

use serde_json::Value;

use crate::clients::aws::Aws;
use crate::clients::cluster::{ClusterError, ServiceAccountInfo};
use crate::engine::{Chain, ChainKind, Context, ErrorKind, Facts, Link, LinkState, StepError};
pub(super) use crate::steps::atlas::ROLE_ANNOTATION;
use crate::steps::atlas::{Place, Prober, Symptom};
use crate::steps::aws::{ACCOUNT, ISSUER, PARTITION, POLICY_ARN, ROLE_ARN};
use crate::steps::cluster::{CLUSTER_UID, ClusterAccess, refused};
use crate::steps::names;

/// The name of the documented test Pod, and of its container.
pub(super) const POD: &str = "rok-verify-storage-access";
/// The label of what was made for a proof, and its value.
pub(super) const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "rok-verify");
/// The label that names the run which made a Pod.
pub(super) const RUN_LABEL: &str = "rok-deploy/run";

/// Returns what a session's ARN says of its role.
fn became(caller: &str) -> String {
    let resource = caller.rsplit(':').next().unwrap_or(caller);
    match resource.rsplit_once('/') {
        Some((role, _session)) => format!("became {role}"),
        None => format!("became {resource}"),
    }
}

/// Says what S3 told of the probe bucket: whether it holds versions, or that it is not there.
pub(super) fn listed(bucket: &str, holds: Option<bool>) -> String {
    match holds {
        Some(true) => format!("lists `{bucket}`, which holds versions"),
        Some(false) => format!("lists `{bucket}`, which is empty"),
        None => format!("may list `{bucket}`, which does not exist yet"),
    }
}

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
    /// The account.
    pub aws: Aws,
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The operator's AWS profile, when one was chosen.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// The EKS cluster's name.
    pub cluster: String,
    /// The service account's namespace.
    pub namespace: String,
    /// The service account's name, which is the Rok cluster's.
    pub name: String,
    /// The role's name.
    pub role: String,
    /// The bucket prefix.
    pub prefix: String,
    /// The directory of the clone, which holds the manifests.
    pub clone: PathBuf,
}

impl Workload {
    /// Returns the facts that every step of the proof needs.
    pub(super) fn needs() -> Vec<&'static str> {
        vec![
            CLUSTER_UID.name(),
            ACCOUNT.name(),
            PARTITION.name(),
            ROLE_ARN.name(),
            ISSUER.name(),
        ]
    }

    /// Returns `system:serviceaccount:<namespace>:<name>`.
    pub(super) fn subject(&self) -> String {
        names::subject(&self.namespace, &self.name)
    }

    /// Returns namespace and name of the service account, for messages.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Returns what looks for causes.
    pub(super) fn prober(&self, facts: &Facts, context: &Context) -> Result<Prober, StepError> {
        let policy_arn = if facts.has(POLICY_ARN.name()) {
            Some(facts.get(&POLICY_ARN)?)
        } else {
            None
        };
        Ok(Prober {
            aws: self.aws.clone(),
            access: Some(self.access.clone()),
            place: Place {
                region: self.region.clone(),
                account: facts.get(&ACCOUNT)?,
                partition: facts.get(&PARTITION)?,
                profile: self.profile.clone(),
                cluster: self.cluster.clone(),
                context: self.access.context().map(str::to_owned),
                namespace: self.namespace.clone(),
                service_account: self.name.clone(),
                role: self.role.clone(),
                role_arn: facts.get(&ROLE_ARN)?,
                policy_arn,
                issuer: facts.get(&ISSUER)?,
                prefix: self.prefix.clone(),
                run: context.run.clone(),
                pod: POD.into(),
                clone: self.clone.display().to_string(),
            },
        })
    }

    /// Returns the service account, if there is one.
    pub(super) async fn account(&self) -> Result<Option<ServiceAccountInfo>, StepError> {
        let client = self.access.client().await?;
        let account = client.service_account(&self.namespace, &self.name).await;
        account.map_err(unproven)
    }

    /// Finds out what is behind a symptom, and fails with it; something that passes may be tried
    /// again.
    pub(super) async fn judge<T>(
        &self,
        symptom: &Symptom,
        facts: &Facts,
        context: &Context,
    ) -> Result<T, StepError> {
        let acted = context.has_acted("aws.");
        let (diagnosis, chain) = self.prober(facts, context)?.diagnose(symptom, acted).await;
        Err(diagnosis.into_error(symptom, chain))
    }

    /// Returns the chain that a session of the role and an answer of S3 prove; `how` tells
    /// whether a Pod stood at its beginning.
    pub(super) fn proven(&self, annotated: bool, how: &str, caller: &str, bucket: &str) -> Chain {
        let mut chain = Chain::unknown(ChainKind::IamRole, "");
        if annotated {
            let note = format!("{} names role {}", self.place(), self.role);
            chain.set(Link::ServiceAccount, LinkState::Proven, note);
        } else {
            let note = format!("{} has no annotation {ROLE_ANNOTATION} yet", self.place());
            chain.set(Link::ServiceAccount, LinkState::Unknown, note);
        }
        for (link, note) in [
            (Link::Token, how.to_owned()),
            (
                Link::Issuer,
                "the token comes from the cluster's own issuer".into(),
            ),
            (Link::Provider, "IAM accepted the token".into()),
            (Link::Trust, format!("the role lets {} in", self.subject())),
            // The session's name stays out: it is another one each time.
            (Link::Role, became(caller)),
            (Link::Policy, "S3 let the role in".into()),
            (Link::Prefix, format!("{}*", self.prefix)),
            (Link::Bucket, bucket.to_owned()),
        ] {
            chain.set(link, LinkState::Proven, note);
        }
        chain
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

//! Looks at the chain of an IAM role.

use async_trait::async_trait;
use serde_json::Value;

use super::causes::{ACCOUNT_MISSING, NOT_ANNOTATED, OTHER_ROLE, POD_OLDER, WEBHOOK};
use crate::clients::aws::Aws;
use crate::steps::atlas::diagnosis::Diagnosis;
use crate::steps::atlas::in_cluster::InCluster;
use crate::steps::atlas::injection::Webhook;
use crate::steps::atlas::place::Place;
use crate::steps::atlas::prober::{Evidence, Prober};
use crate::steps::atlas::symptom::Symptom;
use crate::steps::cluster::ClusterAccess;

/// The annotation that names the role to assume.
pub(in crate::steps) const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// The webhook of EKS.
pub(in crate::steps) const ROLE_WEBHOOK: Webhook = Webhook {
    label: None,
    annotation: ROLE_ANNOTATION,
    variables: &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
    volume: "aws-iam-token",
    account_missing: &ACCOUNT_MISSING,
    not_annotated: &NOT_ANNOTATED,
    other: &OTHER_ROLE,
    older: &POD_OLDER,
    off: &WEBHOOK,
};

/// Looks at the chain and tells what is behind a failure.
pub struct AwsProber {
    /// The account.
    pub aws: Aws,
    /// The way to the cluster; none where it is left out.
    pub access: Option<ClusterAccess>,
    /// What messages and commands may name.
    pub place: Place,
}

impl AwsProber {
    pub(super) fn in_cluster(&self) -> InCluster<'_> {
        InCluster {
            access: self.access.as_ref(),
            place: &self.place,
        }
    }
}

#[async_trait]
impl Prober for AwsProber {
    fn place(&self) -> &Place {
        &self.place
    }

    async fn look(&self, _about: Option<&Symptom>) -> Box<dyn Evidence> {
        Box::new(Box::pin(self.evidence()).await)
    }

    async fn diagnose_injection(&self, pod: &Value) -> Option<Diagnosis> {
        let role = &self.place.role_arn;
        ROLE_WEBHOOK.diagnose(self.in_cluster(), pod, role).await
    }
}

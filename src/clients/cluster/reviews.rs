//! What the caller may do, as the cluster itself judges it.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind};

/// Whether the caller may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, when the cluster says so; often empty.
    pub reason: String,
}

impl Cluster {
    /// Asks whether the caller may do `verb` to `resource` of `group` (empty for the core group),
    /// or to a subresource of it; without a namespace, in all of them.
    pub async fn access_review(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        subresource: Option<&str>,
        namespace: Option<&str>,
    ) -> Result<Review, ClusterError> {
        const OPERATION: &str = "create selfsubjectaccessreviews";
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                non_resource_attributes: None,
            },
            ..SelfSubjectAccessReview::default()
        };
        let parameters = PostParams::default();
        let answer = self
            .ask(OPERATION, reviews.create(&parameters, &review))
            .await?;
        let status = answer.status.ok_or_else(|| {
            ClusterError::new(
                OPERATION,
                ClusterErrorKind::Other,
                "the answer has no status",
            )
        })?;
        // An authorizer that failed says so beside its answer, which is a no then.
        let said = [status.reason, status.evaluation_error];
        let said: Vec<_> = said
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .collect();
        Ok(Review {
            allowed: status.allowed,
            reason: said.join("; "),
        })
    }
}

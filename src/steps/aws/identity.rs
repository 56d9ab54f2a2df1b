//! The cloud identity that a run is about: one service account of one cluster may use the buckets
//! of one prefix, as one role.

use serde_json::Value;

use super::adoption::Decisions;
use super::caller::{ACCOUNT, PARTITION};
use super::cluster::ISSUER;
use super::policy::{Admission, bucket_policy};
use crate::clients::aws::partition_of_region;
use crate::engine::{Facts, StepError};
use crate::steps::ownership::Ownership;

/// The identity as the answers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the role, and of its policy.
    pub role: String,
    /// The IAM path of both: `/`, or `/team/`.
    pub path: String,
    /// The ARN of the policy that bounds the role.
    pub boundary: Option<String>,
    /// `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
    /// The bucket prefix.
    pub prefix: String,
    /// The name of the CloudFormation stack.
    pub stack: String,
    /// Our tags.
    pub ownership: Ownership,
    /// What was decided about objects of our names that are not ours.
    pub adopt: Decisions,
}

impl Identity {
    /// Names of the facts that [`Identity::grant`] reads.
    pub const NEEDS: [&'static str; 3] = [ACCOUNT.name(), PARTITION.name(), ISSUER.name()];

    /// Returns the identity in the account and for the cluster that the run has found.
    ///
    /// # Errors
    ///
    /// When they are not known yet.
    pub fn grant(&self, facts: &Facts) -> Result<Grant, StepError> {
        Ok(Grant {
            partition: facts.get(&PARTITION)?,
            account: facts.get(&ACCOUNT)?,
            issuer: facts.get(&ISSUER)?,
            identity: self.clone(),
        })
    }

    /// Returns what the role says of itself.
    pub fn role_description(&self) -> &'static str {
        "Gives Rok access to its S3 buckets"
    }

    /// Returns what the policy says of itself.
    pub fn policy_description(&self) -> String {
        format!("Full access to S3 buckets named {}*", self.prefix)
    }
}

/// The identity in one account, for the issuer of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account's twelve digits.
    pub account: String,
    /// The cluster's issuer without `https://`.
    pub issuer: String,
    /// Names, path, boundary, tags.
    pub identity: Identity,
}

impl Grant {
    /// Returns the ARN of the IAM OIDC provider.
    pub fn provider_arn(&self) -> String {
        self.arn(&format!("oidc-provider/{}", self.issuer))
    }

    /// Returns the ARN of the role.
    pub fn role_arn(&self) -> String {
        self.arn(&format!("role{}{}", self.identity.path, self.identity.role))
    }

    /// Returns the ARN of the managed policy.
    pub fn policy_arn(&self) -> String {
        self.arn(&format!(
            "policy{}{}",
            self.identity.path, self.identity.role
        ))
    }

    /// Returns who is to be let in.
    pub fn admission(&self) -> Admission {
        Admission {
            provider: self.provider_arn(),
            issuer: self.issuer.clone(),
            subject: self.identity.subject.clone(),
        }
    }

    /// Returns the intended trust policy of the role.
    pub fn trust_policy(&self) -> Value {
        self.admission().trust_policy()
    }

    /// Returns the intended document of the managed policy.
    pub fn permissions(&self) -> Value {
        bucket_policy(&self.partition, &self.identity.prefix)
    }

    fn arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }
}

/// Returns the address of S3 in a region, whatever its partition.
pub fn s3_endpoint(region: &str) -> String {
    let suffix = partition_of_region(region).dns_suffix;
    format!("https://s3.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::ownership::TagNames;

    #[test]
    fn arns_hold_partition_and_path() {
        let grant = Grant {
            partition: "aws-cn".into(),
            account: "123451234512".into(),
            issuer: "oidc.example/id/1".into(),
            identity: Identity {
                role: "rok".into(),
                path: "/team/".into(),
                boundary: None,
                subject: "system:serviceaccount:rok:rok".into(),
                prefix: "rok-1".into(),
                stack: "rok".into(),
                ownership: Ownership {
                    cluster: "c".into(),
                    recipe: "r".into(),
                    cloud: TagNames::Aws,
                },
                adopt: Decisions::default(),
            },
        };
        let team = "arn:aws-cn:iam::123451234512";
        assert_eq!(grant.role_arn(), format!("{team}:role/team/rok"));
        assert_eq!(grant.policy_arn(), format!("{team}:policy/team/rok"));
        assert_eq!(
            grant.provider_arn(),
            format!("{team}:oidc-provider/oidc.example/id/1")
        );
        assert_eq!(
            s3_endpoint("cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn"
        );
        let resources = &grant.permissions()["Statement"][0]["Resource"];
        assert_eq!(resources[0], "arn:aws-cn:s3:::rok-1*");
    }
}

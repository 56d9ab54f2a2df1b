//! Amazon Web Services: the verbs we need of STS, EKS, IAM, CloudFormation and S3, on one cheap
//! handle, [`Aws`].
//!
//! Credentials come from the SDK's standard chain. Every attempt of every call leaves a line in the
//! wire log; the chain's own requests (SSO, instance metadata, assumed profile roles) do not, since
//! the SDK makes them before it knows of our interceptor.

mod cloudformation;
mod connect;
mod credentials;
mod eks;
mod error;
mod found;
mod gated;
mod http;
mod iam;
mod login;
mod partition;
mod profiles;
mod s3;
mod sts;
mod wire;

#[cfg(test)]
mod against_moto;
#[cfg(test)]
mod tests;

pub use self::cloudformation::{
    ChangeSet, NewChangeSet, Stack, StackChange, StackEvent, StackResource,
};
pub use self::connect::{Aws, AwsSettings};
pub use self::eks::EksCluster;
pub use self::error::{AwsError, AwsErrorKind, Surroundings};
pub use self::iam::{
    AttachedPolicy, InlinePolicy, NewPolicy, NewRole, OidcProvider, Policy, PolicyVersion, Role,
    Simulated, Tags,
};
pub use self::partition::{Partition, partition_of_region};
pub use self::profiles::profiles;
pub use self::s3::VersionListing;
pub use self::sts::{Caller, SessionCredentials};

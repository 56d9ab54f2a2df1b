//! The prober of AWS: from a service account over an IAM role to the buckets of a prefix.

pub(super) mod causes;
mod evidence;
mod permits;
mod prober;
mod trust;
mod verdict;

pub use prober::AwsProber;
pub(in crate::steps) use prober::{ROLE_ANNOTATION, ROLE_WEBHOOK};
pub use verdict::diagnose_caller;

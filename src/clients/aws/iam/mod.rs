//! IAM: OIDC providers, roles, policies, and what a principal may do.
//!
//! IAM answers from replicas: what was just created may be missing from the next look.

mod attachments;
mod inline;
mod policies;
mod providers;
mod roles;
mod simulation;

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;

use super::error::AwsError;

pub use self::attachments::AttachedPolicy;
pub use self::inline::InlinePolicy;
pub use self::policies::{NewPolicy, Policy, PolicyVersion};
pub use self::providers::OidcProvider;
pub use self::roles::{NewRole, Role};
pub use self::simulation::Simulated;

/// Tags, by key.
pub type Tags = BTreeMap<String, String>;

fn for_sdk(tags: &Tags) -> Option<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .expect("key and value are set")
    };
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// IAM hands documents out percent-encoded, whatever they were when they came in.
fn decoded(operation: &str, document: Option<&str>) -> Result<String, AwsError> {
    let document = document.ok_or_else(|| AwsError::incomplete(operation, "policy document"))?;
    percent_encoding::percent_decode_str(document)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| AwsError::incomplete(operation, "policy document in UTF-8"))
}

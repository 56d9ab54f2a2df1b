//! The subjects of web identities, in words.

use super::pattern::has_wildcard;

/// All subjects of a cluster's issuer.
pub(super) const ANY_ACCOUNT: &str = "any service account of the cluster";

/// All subjects of an issuer that may be none of a cluster.
pub(super) const ANY: &str = "any subject";

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Returns the words for one subject as it stands.
pub(super) fn exactly(subject: &str) -> String {
    match account(subject) {
        Some((namespace, name)) if !has_wildcard(subject) => {
            format!("service account `{namespace}/{name}`")
        }
        _ => format!("subject `{subject}`"),
    }
}

/// Returns the words for all subjects that a pattern stands for.
pub(super) fn like(pattern: &str) -> String {
    if !has_wildcard(pattern) {
        return exactly(pattern);
    }
    match account(pattern) {
        Some(("*", "*")) => ANY_ACCOUNT.into(),
        Some((namespace, "*")) if !has_wildcard(namespace) => {
            format!("any service account of namespace `{namespace}`")
        }
        Some(("*", name)) if !has_wildcard(name) => {
            format!("service account `{name}` of any namespace")
        }
        Some((namespace, name)) => format!("any service account like `{namespace}/{name}`"),
        None if pattern.strip_prefix(SERVICE_ACCOUNT) == Some("*") => ANY_ACCOUNT.into(),
        None if pattern == "*" => ANY.into(),
        None => format!("any subject like `{pattern}`"),
    }
}

/// Namespace and name of a service account.
fn account(subject: &str) -> Option<(&str, &str)> {
    subject.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')
}

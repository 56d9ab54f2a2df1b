//! What keeps a Pod from running or from being injected, read from what the cluster says of it.

use serde_json::Value;

use super::diagnosis::Diagnosis;
use super::place::Place;

/// An event about a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEvent {
    /// One word, such as `FailedScheduling`.
    pub reason: String,
    /// The sentence.
    pub message: String,
}

/// Tells why a Pod does not run; none when nothing says so.
pub fn diagnose_pod(_place: &Place, _pod: &Value, _events: &[PodEvent]) -> Option<Diagnosis> {
    None
}

/// Tells what is wrong when this is who AWS takes the Pod for; none when it is our role.
pub fn diagnose_caller(_place: &Place, _arn: &str) -> Option<Diagnosis> {
    None
}

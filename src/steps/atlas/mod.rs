//! The error atlas: the one place that says what is behind a failure and what to do about it.
//!
//! A [`Symptom`] is what was seen. [`look_up`] finds its [`Entry`] in the table, which names the
//! causes that may be behind it. A [`Prober`], of AWS or of Azure, looks at the whole chain, from
//! the workload to its object store, by requests that change nothing, and so tells which of them
//! it is. The [`Diagnosis`] says so, with the commands that mend it.

mod aws;
mod azure;
mod bench;
mod diagnosis;
mod entry;
mod in_cluster;
mod injection;
mod place;
mod pod;
mod prober;
mod symptom;
mod table;

#[cfg(test)]
mod tests;

pub use aws::{AwsProber, diagnose_caller};
pub(in crate::steps) use aws::{ROLE_ANNOTATION, ROLE_WEBHOOK};
pub use azure::AzureProber;
pub(in crate::steps) use azure::{
    BINDING_LABEL, IDENTITY_WEBHOOK, diagnose_login, diagnose_token, wrong_label,
};
pub use diagnosis::Diagnosis;
pub(in crate::steps) use diagnosis::advice;
pub use entry::{Cause, Entry, Response, look_up};
pub(in crate::steps) use injection::Webhook;
pub use place::{AzurePlace, Place};
pub use pod::{PodEvent, diagnose_pod};
pub use prober::Prober;
pub use symptom::{Source, Symptom};

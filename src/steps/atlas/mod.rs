//! The error atlas: the one place that says what is behind a failure and what to do about it.
//!
//! A [`Symptom`] is what was seen. [`look_up`] finds its [`Entry`] in the table, which names the
//! causes that may be behind it. The [`Prober`] looks at the whole chain, from the service account
//! to the bucket, by requests that change nothing, and so tells which of them it is. The
//! [`Diagnosis`] says so, with the commands that mend it.

mod causes;
mod diagnosis;
mod entry;
mod evidence;
mod permits;
mod place;
mod pod;
mod prober;
mod symptom;
mod table;
mod trust;
mod verdict;

#[cfg(test)]
mod tests;

pub use diagnosis::Diagnosis;
pub(in crate::steps) use diagnosis::advice;
pub use entry::{Cause, Entry, Response, look_up};
pub use place::Place;
pub use pod::{PodEvent, diagnose_caller, diagnose_pod};
pub use prober::Prober;
pub use symptom::{Source, Symptom};
pub(in crate::steps) use verdict::ROLE_ANNOTATION;

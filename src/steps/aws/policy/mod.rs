//! Policy documents: what we write, whether two of them mean the same, and how they differ.

mod admission;
mod differences;
mod document;
mod meaning;
mod pattern;
mod subject;

pub use admission::{AUDIENCE, Admission};
pub use differences::differences;
pub use document::{bucket_policy, parse, pretty};
pub use meaning::is_same;

pub(in crate::steps) use admission::is_about_tokens;
pub(in crate::steps) use document::list;
pub(in crate::steps) use pattern::is_like;

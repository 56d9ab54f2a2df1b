//! Policy documents: what we write, whether two of them mean the same, and how they differ.

mod admission;
mod differences;
mod document;
mod meaning;
mod pattern;
mod subject;
mod who;

#[cfg(fuzzing)]
pub use admission::feed;
pub use admission::{AUDIENCE, Admission};
pub use differences::differences;
pub use document::{bucket_policy, parse, pretty};
pub use meaning::is_same;
pub use who::{Admitted, Certainty, Token, admitted};

pub(in crate::steps) use document::list;
pub(in crate::steps) use meaning::normal;
pub(in crate::steps) use pattern::is_like;
pub(in crate::steps) use who::{Condition, Statement};

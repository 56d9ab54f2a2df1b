//! Steps on the clone of the deployments repository.

mod clone;
mod draft;
mod edited;
mod merged;
mod push;
mod remotes;
mod rendered;
mod repository;
mod revert;
mod skeleton;
mod tag;

pub use clone::{BRANCH, CloneStep, check_branch};
pub use draft::{Draft, Drafts, Telling};
pub use edited::{Edit, Edited};
pub use push::{Push, Refusal};
pub use remotes::Remotes;
pub use rendered::{CommitSpec, ENV_FILES, FileSpec, Rendered, Variables, Written};
pub use repository::Repository;
pub(in crate::steps) use repository::failed;
pub use revert::{REVERTED, Revert};
pub use skeleton::skeleton;
pub use tag::{Tag, TagState};

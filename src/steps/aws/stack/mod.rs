//! The identity as a CloudFormation stack.

mod deploy;
mod drift;
mod look;
mod make;
mod parts;
pub(super) mod story;
pub(super) mod template;
mod theirs;

pub use deploy::{DeployStack, STACK_TEMPLATE};
pub use parts::{FindStackParts, STACK_PARTS, StackParts};

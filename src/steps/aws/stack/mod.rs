//! The identity as a CloudFormation stack.

mod deploy;
mod drift;
mod parts;
mod story;
mod template;

pub use deploy::{DeployStack, STACK_TEMPLATE};
pub use parts::{FindStackParts, STACK_PARTS, StackParts};

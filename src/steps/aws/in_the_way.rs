//! An object that has our name and is not ours: how it could have another name.

use super::adoption::{Decisions, Object};
use super::identity::Identity;
use crate::engine::Choice;
pub(super) use crate::steps::in_the_way::gone;
use crate::steps::in_the_way::{self, Installation};
use crate::steps::names;
use crate::steps::ownership::Ownership;

/// What was found where ours would be.
pub type InTheWay<'a> = in_the_way::InTheWay<'a, Object>;

impl Installation<Object> for Identity {
    fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    fn adopt(&self) -> &Decisions {
        &self.adopt
    }

    fn other_name(&self, object: Object, name: &str) -> Option<Choice> {
        let key = match object {
            Object::Role | Object::Policy => "aws_s3_role",
            Object::Stack => "aws_cf_s3_resources",
            Object::Provider => return None,
        };
        let installation = format!(
            "{}\n{}\n{}",
            self.ownership.cluster, self.subject, self.prefix
        );
        let label = "leaves it alone and takes another name";
        Some(Choice::new(key, names::beside(name, &installation), label))
    }
}

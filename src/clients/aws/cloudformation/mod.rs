//! CloudFormation: stacks, the change sets that make and change them, and what became of both.
//!
//! Names are enough for all of it, as long as a stack lives: of two stacks that had the same name
//! one is deleted, and a name never means that one.

mod change_sets;
mod stacks;

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Tag;

use super::iam::Tags;

pub use self::change_sets::{ChangeSet, NewChangeSet, StackChange};
pub use self::stacks::{Stack, StackEvent, StackResource};

fn for_sdk(tags: &Tags) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

fn from_sdk(tags: &[Tag]) -> Tags {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
    tags.iter().filter_map(pair).collect::<BTreeMap<_, _>>()
}

/// When something happened, if the service said so.
fn moment(date: Option<&aws_sdk_cloudformation::primitives::DateTime>) -> Option<jiff::Timestamp> {
    let date = date?;
    let nanoseconds = i32::try_from(date.subsec_nanos()).ok()?;
    jiff::Timestamp::new(date.secs(), nanoseconds).ok()
}

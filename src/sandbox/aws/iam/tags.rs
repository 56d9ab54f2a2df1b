//! Tags of roles, policies and providers.

use super::super::call::Call;
use super::super::condition::Context;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Tags};
use super::super::xml::Xml;
use super::{policies, providers, roles};

/// What the tags hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    Role,
    Policy,
    Provider,
}

pub(super) fn tag(call: &Call<'_>, state: &mut AwsState, on: Tagged) -> Result<Xml, Refusal> {
    let given = call.params.tags()?;
    let mut tags = find(call, state, on)?.clone();
    for (key, value) in given {
        tags.retain(|known, _| !known.eq_ignore_ascii_case(&key));
        tags.insert(key, value);
    }
    within(&tags)?;
    *find_mut(call, state, on)? = tags;
    Ok(Xml::new())
}

pub(super) fn untag(call: &Call<'_>, state: &mut AwsState, on: Tagged) -> Result<Xml, Refusal> {
    let keys = call.params.list("TagKeys");
    find_mut(call, state, on)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(Xml::new())
}

pub(super) fn list(call: &Call<'_>, state: &AwsState, on: Tagged) -> Result<Xml, Refusal> {
    call.page(
        "Tags",
        find(call, state, on)?,
        |(key, _)| (*key).clone(),
        pair,
    )
}

/// The condition keys of a request that brings tags.
pub(super) fn context(context: Context, tags: &Tags) -> Context {
    tags.iter().fold(context, |context, (key, value)| {
        context
            .with(&format!("aws:RequestTag/{key}"), value)
            .with("aws:TagKeys", key)
    })
}

pub(super) fn within(tags: &Tags) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::limit(
            "The number of tags has reached the maximum limit.",
        ));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value at 'tags' failed to satisfy constraint: tag \
                 '{key}' must have a key of 1 to 128 and a value of at most 256 characters"
            )));
        }
    }
    Ok(())
}

pub(super) fn show(tags: &Tags) -> Xml {
    Xml::new().members("Tags", tags, pair)
}

pub(super) fn show_unless_empty(tags: &Tags) -> Xml {
    if tags.is_empty() {
        Xml::new()
    } else {
        show(tags)
    }
}

fn pair((key, value): (&String, &String)) -> Xml {
    Xml::new().text("Key", key).text("Value", value)
}

fn find<'a>(call: &Call<'_>, state: &'a AwsState, on: Tagged) -> Result<&'a Tags, Refusal> {
    Ok(match on {
        Tagged::Role => &roles::find(call, state)?.tags,
        Tagged::Policy => &policies::find(call, state)?.tags,
        Tagged::Provider => &providers::find(call, state)?.1.tags,
    })
}

fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
    on: Tagged,
) -> Result<&'a mut Tags, Refusal> {
    Ok(match on {
        Tagged::Role => &mut roles::find_mut(call, state)?.tags,
        Tagged::Policy => &mut policies::find_mut(call, state)?.tags,
        Tagged::Provider => &mut providers::find_mut(call, state)?.tags,
    })
}

//! What a template would change, and what its resources are to be made with.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::refusal::Refusal;
use super::super::state::{AwsState, Tags};
use super::super::text::sha256_hex;
use super::resolve::{Scope, resolve};
use super::resources::Kind;
use super::stack::{Action, Planned, Resource, Stack};
use super::template::Template;

/// Returns what a template would change.
pub(super) fn planned(
    state: &AwsState,
    stack: &Stack,
    template: &Template,
    tags: &Tags,
    reverts_drift: bool,
) -> Result<Vec<Planned>, Refusal> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut moved: BTreeSet<String> = BTreeSet::new();
    let plan =
        |action, logical_id: &str, resource: Option<&Resource>, kind: &str, replaces| Planned {
            action,
            logical_id: logical_id.to_owned(),
            physical_id: resource.and_then(|resource| resource.physical_id.clone()),
            kind: kind.to_owned(),
            replaces,
        };
    for logical_id in template.order()? {
        let declared = &template.resources[&logical_id];
        let held = stack
            .resources
            .get(&logical_id)
            .filter(|held| held.is_held());
        let Some(held) = held else {
            planned.push(plan(Action::Make, &logical_id, None, &declared.kind, false));
            moved.insert(logical_id);
            continue;
        };
        let kind = Kind::of(&declared.kind).expect("the template was checked");
        let new = properties(state, stack, template, tags, &logical_id);
        let physical = held.physical_id.as_deref().unwrap_or_default();
        let replaces = held.kind != declared.kind || kind.is_replaced(&held.properties, &new);
        let drifted = || {
            let requests = kind.changing(state, physical, &held.properties, &new);
            requests.is_none_or(|requests| !requests.is_empty())
        };
        if held.properties != new
            || declared.needs.iter().any(|need| moved.contains(need))
            || (reverts_drift && drifted())
        {
            planned.push(plan(
                Action::Change,
                &logical_id,
                Some(held),
                &declared.kind,
                replaces,
            ));
        }
        if replaces {
            moved.insert(logical_id);
        }
    }
    let surplus = stack
        .resources
        .iter()
        .filter(|(name, held)| held.is_held() && !template.resources.contains_key(*name));
    planned.extend(
        surplus.map(|(name, held)| plan(Action::Remove, name, Some(held), &held.kind, false)),
    );
    Ok(planned)
}

/// The properties that a resource is to have, as far as they are known before it is made.
pub(super) fn properties(
    state: &AwsState,
    stack: &Stack,
    template: &Template,
    tags: &Tags,
    name: &str,
) -> Value {
    let declared = &template.resources[name];
    let kind = Kind::of(&declared.kind).expect("the template was checked");
    let resolved = resolve(&declared.properties, scope(state, stack));
    // A name that was made up stays.
    let held = stack.resources.get(name);
    let known = held.and_then(|held| held.properties[kind.name_property].as_str());
    let made_up = || {
        let unique = sha256_hex(format!("{}{name}", stack.id).as_bytes())[..12].to_uppercase();
        let readable: String = format!("{}-{name}", stack.name).chars().take(51).collect();
        format!("{readable}-{unique}")
    };
    kind.effective(resolved, tags, known.map_or_else(made_up, str::to_owned))
}

pub(super) fn scope<'a>(state: &'a AwsState, stack: &'a Stack) -> Scope<'a> {
    Scope {
        account: &state.account,
        region: &stack.region,
        stack_name: &stack.name,
        stack_id: &stack.id,
        resources: &stack.resources,
    }
}

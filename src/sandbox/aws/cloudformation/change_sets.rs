//! Change sets: computed, looked at, executed, thrown away.

use jiff::SignedDuration;

use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::state::AwsState;
use super::super::text::request_id;
use super::super::xml::Xml;
use super::parameters::{authorize, intended, key, live, new_name};
use super::plan::planned;
use super::show;
use super::stack::{ChangeSet, Executed, Goal, Stack};
use super::stacks::{check_updatable, fresh, no_stack};
use super::template::Template;
use super::work::{Intended, become_, begin};

const NOTHING: &str = "The submitted information didn't contain changes. Submit different \
                       information to create a change set.";

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    let set_name = call.params.required("ChangeSetName")?;
    let creates = match call.params.get("ChangeSetType") {
        Some("CREATE") => true,
        None | Some("UPDATE") => false,
        Some(other) => {
            return Err(Refusal::validation(format!(
                "The practice cloud does not know change sets of type {other}"
            )));
        }
    };
    let reverts_drift = match call.params.get("DeploymentMode") {
        None => false,
        Some("REVERT_DRIFT") => true,
        Some(other) => {
            return Err(Refusal::validation(format!(
                "The practice cloud does not know the deployment mode {other}"
            )));
        }
    };
    let known = live(call, state).cloned();
    let (mut stack, is_new) = match (known, creates) {
        (None, true) => (fresh(call, state, new_name(call)?), true),
        (None, false) => return Err(no_stack(name)),
        (Some(stack), true) if stack.status == "REVIEW_IN_PROGRESS" => (stack, false),
        (Some(stack), true) => {
            return Err(Refusal::validation(format!(
                "Stack [{}] already exists and cannot be created again with the changeSet \
                 [{set_name}].",
                stack.name
            )));
        }
        (Some(stack), false) => {
            check_updatable(&stack)?;
            (stack, false)
        }
    };
    if stack.change_sets.contains_key(set_name) {
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!("ChangeSet [{set_name}] already exists"),
        ));
    }
    let (template, intended) = intended(call, (!creates).then_some(&stack))?;
    let changes = planned(state, &stack, &template, &intended.tags, reverts_drift)?;
    let is_empty = changes.is_empty()
        && intended.tags == stack.tags
        && outputs(&template) == outputs_of(&stack);
    // Computing it takes a part of the time that making it takes.
    let lag = SignedDuration::try_from(call.lag.role).unwrap_or(SignedDuration::ZERO) / 4;
    let set = ChangeSet {
        id: format!(
            "arn:aws:cloudformation:{}:{}:changeSet/{set_name}/{}",
            call.region,
            state.account,
            request_id()
        ),
        name: set_name.to_owned(),
        created: call.now,
        creates,
        template: intended.template,
        capabilities: intended.capabilities,
        tags: intended.tags,
        description: call.params.get("Description").map(str::to_owned),
        ready_at: call.now.saturating_add(lag).unwrap_or(call.now),
        failure: is_empty.then(|| NOTHING.to_owned()),
        changes,
        is_executed: false,
    };
    let shown = Xml::new().text("Id", &set.id).text("StackId", &stack.id);
    stack.change_sets.insert(set_name.to_owned(), set);
    if is_new {
        let why = Some("User Initiated".to_owned());
        become_(&mut stack, call.now, "REVIEW_IN_PROGRESS", why);
    }
    state.stacks.insert(key(call, &stack.name), stack);
    Ok(shown)
}

pub(super) fn describe(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let (stack, set) = named(call, state)?;
    Ok(show::change_set(stack, set, call.now))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    let stack = super::parameters::find(call, state, name).ok_or_else(|| no_stack(name))?;
    let sets = stack.change_sets.values();
    show::page(call, "Summaries", sets, |set| {
        show::change_set_summary(stack, set, call.now)
    })
}

pub(super) fn execute(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let (stack, set) = named(call, state)?;
    let (mut stack, set) = (stack.clone(), set.clone());
    if set.is_executed || set.failure.is_some() || set.ready_at > call.now {
        return Err(Refusal::new(
            400,
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [{}]",
                set.id,
                show::status_of(&set, call.now)
            ),
        ));
    }
    if !set.creates {
        check_updatable(&stack)?;
    }
    // The others were computed for a stack that will not be the same.
    stack.change_sets.retain(|name, _| *name == set.name);
    for kept in stack.change_sets.values_mut() {
        kept.is_executed = true;
    }
    stack.executed = Some(Executed { id: set.id.clone() });
    let goal = if set.creates {
        Goal::Create
    } else {
        Goal::Update
    };
    let intended = Intended {
        template: set.template,
        capabilities: set.capabilities,
        tags: set.tags,
    };
    begin(call, &mut stack, goal, intended, &set.changes);
    state.stacks.insert(key(call, &stack.name), stack);
    Ok(Xml::new())
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let (stack, set) = match named(call, state) {
        Ok((stack, set)) => (key(call, &stack.name), set.name.clone()),
        Err(refusal) if refusal.code == "ChangeSetNotFound" => return Ok(Xml::new()),
        Err(refusal) => return Err(refusal),
    };
    if let Some(stack) = state.stacks.get_mut(&stack) {
        stack.change_sets.remove(&set);
    }
    Ok(Xml::new())
}

/// Returns the change set of that name or id.
pub(super) fn find<'a>(stack: &'a Stack, name: &str) -> Result<&'a ChangeSet, Refusal> {
    let mut sets = stack.change_sets.values();
    sets.find(|set| set.name == name || set.id == name)
        .ok_or_else(|| no_change_set(name))
}

/// The change set that a request names. One with an id needs no stack.
fn named<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<(&'a Stack, &'a ChangeSet), Refusal> {
    let name = call.params.required("ChangeSetName")?;
    let stack = match call.params.get("StackName") {
        Some(stack) => {
            authorize(call, state, Some(stack))?;
            super::parameters::find(call, state, stack).ok_or_else(|| no_stack(stack))?
        }
        None => {
            let holding = |stack: &&Stack| stack.change_sets.values().any(|set| set.id == name);
            let stack = state.stacks.values().find(holding);
            authorize(call, state, stack.map(|stack| stack.name.as_str()))?;
            stack.ok_or_else(|| no_change_set(name))?
        }
    };
    Ok((stack, find(stack, name)?))
}

fn no_change_set(name: &str) -> Refusal {
    Refusal::new(
        404,
        "ChangeSetNotFound",
        format!("ChangeSet [{name}] does not exist"),
    )
}

/// Outputs as they are declared, to see whether they differ.
fn outputs(template: &Template) -> Vec<(String, String)> {
    let declared = template.outputs.iter();
    declared
        .map(|(name, output)| (name.clone(), output.value.to_string()))
        .collect()
}

fn outputs_of(stack: &Stack) -> Vec<(String, String)> {
    Template::parse(&stack.template).map_or_else(|_| Vec::new(), |template| outputs(&template))
}

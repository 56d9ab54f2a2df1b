//! How a stack gets where it is to be: task by task, and back again when one fails.
//!
//! Nobody works in the background. Whatever is due is done when the next request comes in, as of the
//! moment at which it was due.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::call::{Call, Params};
use super::super::iam;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Tags};
use super::super::text::unique_id;
use super::plan::{properties, scope};
use super::resolve::resolve;
use super::resources::{Kind, Request};
use super::stack::{
    Action, Actor, Before, Event, Goal, Output, Planned, Resource, Stack, Task, Work,
};
use super::template::Template;
use crate::sandbox::conduct::Lag;

/// The type of a stack among its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// What a stack is to become.
#[derive(Debug)]
pub(super) struct Intended {
    pub(super) template: String,
    pub(super) capabilities: Vec<String>,
    pub(super) tags: Tags,
}

/// Begins to make or change a stack.
pub(super) fn begin(
    call: &Call<'_>,
    stack: &mut Stack,
    goal: Goal,
    intended: Intended,
    planned: &[Planned],
) {
    let before = (goal == Goal::Update).then(|| Before {
        template: stack.template.clone(),
        tags: stack.tags.clone(),
        capabilities: stack.capabilities.clone(),
        resources: stack.resources.clone(),
    });
    stack.template = intended.template;
    stack.tags = intended.tags;
    stack.capabilities = intended.capabilities;
    if goal == Goal::Update {
        stack.updated = Some(call.now);
    }
    let tasks = planned
        .iter()
        .map(|planned| (planned.action, planned.logical_id.clone()));
    start(call, stack, goal, tasks.collect(), before);
    let status = match goal {
        Goal::Update => "UPDATE_IN_PROGRESS",
        _ => "CREATE_IN_PROGRESS",
    };
    become_(stack, call.now, status, Some("User Initiated".into()));
}

/// Begins to delete a stack.
pub(super) fn begin_deletion(call: &Call<'_>, stack: &mut Stack) {
    let tasks = removals(stack);
    start(call, stack, Goal::Delete, tasks, None);
    become_(
        stack,
        call.now,
        "DELETE_IN_PROGRESS",
        Some("User Initiated".into()),
    );
}

fn start(
    call: &Call<'_>,
    stack: &mut Stack,
    goal: Goal,
    tasks: Vec<(Action, String)>,
    before: Option<Before>,
) {
    let lag = SignedDuration::try_from(call.lag.role).unwrap_or(SignedDuration::ZERO);
    let parts = i32::try_from(2 * tasks.len() + 1).unwrap_or(i32::MAX);
    let pace = lag / parts;
    stack.work = Some(Work {
        goal,
        actor: Actor::of(call.caller),
        queue: tasks.into_iter().map(task).collect(),
        due: call.now.saturating_add(pace).unwrap_or(call.now),
        pace,
        before,
        failed: Vec::new(),
    });
}

/// Does what is due of the stack that is kept under this key.
pub(super) fn advance(state: &mut AwsState, key: &str, now: Timestamp, lag: Lag) {
    let Some(mut stack) = state.stacks.remove(key) else {
        return;
    };
    while stack.is_due(now)
        && let Some(mut work) = stack.work.take()
    {
        let at = work.due;
        work.due = at.saturating_add(work.pace).unwrap_or(at);
        let mut worker = Worker {
            state,
            stack: &mut stack,
            at,
            lag,
        };
        stack.work = match work.queue.front_mut() {
            None => worker.finish(work),
            Some(next) if !next.begun => {
                next.begun = true;
                let next = next.clone();
                worker.announce(&work, &next);
                Some(work)
            }
            Some(_) => {
                let next = work.queue.pop_front().expect("there is one");
                Some(worker.perform(work, &next))
            }
        };
    }
    if stack.status == "DELETE_COMPLETE" {
        state.deleted_stacks.push(stack);
    } else {
        state.stacks.insert(key.to_owned(), stack);
    }
}

/// Somebody who does one task of a stack.
struct Worker<'a> {
    state: &'a mut AwsState,
    stack: &'a mut Stack,
    at: Timestamp,
    lag: Lag,
}

impl Worker<'_> {
    /// Says that a task has begun.
    fn announce(&mut self, work: &Work, task: &Task) {
        let kind = match task.action {
            Action::Make => Template::parse(&self.stack.template)
                .ok()
                .and_then(|template| Some(template.resources.get(&task.logical_id)?.kind.clone())),
            _ => None,
        };
        if let Some(kind) = kind {
            let at = self.at;
            self.stack.resources.insert(
                task.logical_id.clone(),
                Resource {
                    kind,
                    physical_id: None,
                    status: String::new(),
                    reason: None,
                    updated: at,
                    properties: json!({}),
                },
            );
        }
        if task.action == Action::Revert && !self.is_reverted_in_place(work, task) {
            return self.mark(&task.logical_id, "DELETE_IN_PROGRESS", None);
        }
        let status = format!("{}_IN_PROGRESS", task.action.word());
        self.mark(&task.logical_id, &status, None);
    }

    /// Does a task, and turns round where it fails.
    fn perform(&mut self, mut work: Work, task: &Task) -> Work {
        let name = &task.logical_id;
        let done = match task.action {
            Action::Make => self.make(&work, name),
            Action::Change => self.change(&work, name),
            Action::Remove => self.remove(&work, name),
            Action::Revert => self.revert(&work, name),
        };
        match done {
            Ok(status) => self.mark(name, status, None),
            Err(reason) => {
                let status = format!("{}_FAILED", task.action.word());
                self.mark(name, &status, Some(reason));
                work.failed.push(name.clone());
                match work.goal {
                    Goal::Create => self.roll_back(&mut work),
                    Goal::Update if task.action != Action::Remove => {
                        self.roll_update_back(&mut work);
                    }
                    // What is left is tried all the same.
                    _ => {}
                }
            }
        }
        work
    }

    fn make(&mut self, work: &Work, name: &str) -> Result<&'static str, String> {
        let (kind, properties) = self.intended(name)?;
        if let Some(mistake) = kind.mistake(name, &properties) {
            return Err(mistake);
        }
        let physical = kind.physical_id(self.state, &properties);
        for (index, request) in kind.making(&physical, &properties).into_iter().enumerate() {
            self.send(work, &request)
                .map_err(|refusal| said(&refusal))?;
            if index == 0 {
                self.resource(name).physical_id = Some(physical.clone());
                self.resource(name).properties.clone_from(&properties);
            }
        }
        Ok("CREATE_COMPLETE")
    }

    fn change(&mut self, work: &Work, name: &str) -> Result<&'static str, String> {
        let (kind, new) = self.intended(name)?;
        if let Some(mistake) = kind.mistake(name, &new) {
            return Err(mistake);
        }
        let held = self.resource(name).clone();
        let physical = held.physical_id.clone().unwrap_or_default();
        if kind.is_replaced(&held.properties, &new) {
            if kind.physical_id(self.state, &new) == physical
                || held.properties[kind.name_property] == new[kind.name_property]
            {
                return Err(format!(
                    "CloudFormation cannot update a stack when a custom-named resource requires \
                     replacing. Rename {} and update the stack again.",
                    new[kind.name_property].as_str().unwrap_or_default()
                ));
            }
            self.make(work, name)?;
            return Ok("UPDATE_COMPLETE");
        }
        match kind.changing(self.state, &physical, &held.properties, &new) {
            Some(requests) => {
                for request in requests {
                    self.send(work, &request)
                        .map_err(|refusal| said(&refusal))?;
                }
                self.resource(name).properties = new;
            }
            // It was deleted behind the stack's back.
            None => {
                self.make(work, name)?;
            }
        }
        Ok("UPDATE_COMPLETE")
    }

    fn remove(&mut self, work: &Work, name: &str) -> Result<&'static str, String> {
        let template = Template::parse(&self.stack.template).ok();
        let is_retained = template
            .and_then(|template| Some(template.resources.get(name)?.is_retained))
            .unwrap_or_default();
        if is_retained && work.goal == Goal::Delete {
            return Ok("DELETE_SKIPPED");
        }
        let held = self.resource(name).clone();
        self.discard(work, &held)?;
        Ok("DELETE_COMPLETE")
    }

    fn revert(&mut self, work: &Work, name: &str) -> Result<&'static str, String> {
        let before = work.before.as_ref();
        let before = before
            .and_then(|before| before.resources.get(name))
            .cloned();
        let held = self.resource(name).clone();
        let Some(before) = before.filter(Resource::is_held) else {
            self.discard(work, &held)?;
            return Ok("DELETE_COMPLETE");
        };
        if held.physical_id != before.physical_id {
            self.discard(work, &held)?;
        } else if let (Some(kind), Some(physical)) = (Kind::of(&held.kind), &held.physical_id) {
            let requests =
                kind.changing(self.state, physical, &held.properties, &before.properties);
            for request in requests.unwrap_or_default() {
                self.send(work, &request)
                    .map_err(|refusal| said(&refusal))?;
            }
        }
        *self.resource(name) = before;
        Ok("UPDATE_COMPLETE")
    }

    /// Removes what a resource stands for.
    fn discard(&mut self, work: &Work, held: &Resource) -> Result<(), String> {
        let (Some(kind), Some(physical)) = (Kind::of(&held.kind), &held.physical_id) else {
            return Ok(());
        };
        for request in kind.removing(self.state, physical, &held.properties) {
            self.send(work, &request)
                .map_err(|refusal| said(&refusal))?;
        }
        Ok(())
    }

    fn roll_back(&mut self, work: &mut Work) {
        self.cancel_others(work);
        let reason = format!(
            "The following resource(s) failed to create: [{}]. Rollback requested by user.",
            work.failed.join(", ")
        );
        work.failed.clear();
        work.goal = Goal::Rollback;
        work.queue = removals(self.stack).into_iter().map(task).collect();
        become_(self.stack, self.at, "ROLLBACK_IN_PROGRESS", Some(reason));
    }

    fn roll_update_back(&mut self, work: &mut Work) {
        let reason = format!(
            "The following resource(s) failed to update: [{}].",
            work.failed.join(", ")
        );
        let Some(before) = work.before.as_ref() else {
            return;
        };
        self.stack.template.clone_from(&before.template);
        self.stack.tags.clone_from(&before.tags);
        self.stack.capabilities.clone_from(&before.capabilities);
        let touched = self.stack.resources.iter().filter(|(name, held)| {
            let known = before.resources.get(*name);
            known.is_none_or(|known| known.updated != held.updated)
        });
        let touched = touched.map(|(name, _)| (Action::Revert, name.clone()));
        let mut touched: Vec<_> = touched.collect();
        touched.reverse();
        work.failed.clear();
        work.goal = Goal::UpdateRollback;
        work.queue = touched.into_iter().map(task).collect();
        become_(
            self.stack,
            self.at,
            "UPDATE_ROLLBACK_IN_PROGRESS",
            Some(reason),
        );
    }

    /// What could have been made beside the failed one would have begun, and is given up.
    fn cancel_others(&mut self, work: &mut Work) {
        let Ok(template) = Template::parse(&self.stack.template) else {
            return;
        };
        let is_made =
            |stack: &Stack, name: &String| stack.resources.get(name).is_some_and(Resource::is_held);
        let others = work.queue.drain(..).filter(|task| {
            let declared = template.resources.get(&task.logical_id);
            declared
                .is_some_and(|declared| declared.needs.iter().all(|need| is_made(self.stack, need)))
        });
        let others: Vec<_> = others.collect();
        for other in others {
            let begun = Task {
                begun: true,
                ..other
            };
            self.announce(work, &begun);
            let cancelled = "Resource creation cancelled".to_owned();
            self.mark(&begun.logical_id, "CREATE_FAILED", Some(cancelled));
        }
    }

    /// Ends the work, when nothing is left to do.
    fn finish(&mut self, work: Work) -> Option<Work> {
        let failed = (!work.failed.is_empty()).then(|| {
            format!(
                "The following resource(s) failed to delete: [{}].",
                work.failed.join(", ")
            )
        });
        let status = match (work.goal, &failed) {
            (Goal::Create, _) => "CREATE_COMPLETE",
            (Goal::Update, _) => "UPDATE_COMPLETE",
            (Goal::Rollback, None) => "ROLLBACK_COMPLETE",
            (Goal::Rollback, Some(_)) => "ROLLBACK_FAILED",
            (Goal::UpdateRollback, None) => "UPDATE_ROLLBACK_COMPLETE",
            (Goal::UpdateRollback, Some(_)) => "UPDATE_ROLLBACK_FAILED",
            (Goal::Delete, None) => "DELETE_COMPLETE",
            (Goal::Delete, Some(_)) => "DELETE_FAILED",
        };
        if work.goal == Goal::Update {
            self.discard_replaced(&work);
        }
        if matches!(work.goal, Goal::Update | Goal::UpdateRollback) {
            self.stack
                .resources
                .retain(|_, held| held.status != "DELETE_COMPLETE");
        }
        if matches!(work.goal, Goal::Create | Goal::Update) {
            self.stack.outputs = self.outputs();
        }
        let failed = failed.filter(|_| work.goal != Goal::Update);
        become_(self.stack, self.at, status, failed);
        if work.goal == Goal::Delete && status == "DELETE_COMPLETE" {
            self.stack.deleted = Some(self.at);
        }
        None
    }

    /// Removes what an update has made anew elsewhere. What cannot be removed stays, as it does on
    /// AWS.
    fn discard_replaced(&mut self, work: &Work) {
        let before = work.before.iter().flat_map(|before| &before.resources);
        let replaced = before.filter(|(name, held)| {
            let now = self.stack.resources.get(*name);
            held.is_held() && now.is_some_and(|now| now.physical_id != held.physical_id)
        });
        let replaced: Vec<Resource> = replaced.map(|(_, held)| held.clone()).collect();
        for held in replaced {
            self.discard(work, &held).ok();
        }
    }

    fn outputs(&self) -> BTreeMap<String, Output> {
        let Ok(template) = Template::parse(&self.stack.template) else {
            return BTreeMap::new();
        };
        let scope = scope(self.state, self.stack);
        let outputs = template.outputs.into_iter().map(|(name, declaration)| {
            let value = resolve(&declaration.value, scope);
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let description = declaration.description;
            (name, Output { value, description })
        });
        outputs.collect()
    }

    /// Whether what is there is brought back, and not removed.
    fn is_reverted_in_place(&self, work: &Work, task: &Task) -> bool {
        let before = work.before.as_ref();
        let before = before.and_then(|before| before.resources.get(&task.logical_id));
        before.is_some_and(Resource::is_held)
    }

    fn intended(&self, name: &str) -> Result<(&'static Kind, Value), String> {
        let template = Template::parse(&self.stack.template).map_err(|refusal| refusal.message)?;
        let declared = template
            .resources
            .get(name)
            .ok_or_else(|| format!("{name} is not in the template"))?;
        let kind = Kind::of(&declared.kind).ok_or("unrecognized resource type")?;
        let properties = properties(self.state, self.stack, &template, &self.stack.tags, name);
        Ok((kind, properties))
    }

    fn send(&mut self, work: &Work, request: &Request) -> Result<(), Refusal> {
        let caller = work.actor.caller();
        let params = Params::of(request.fields.clone());
        let call = Call {
            params: &params,
            caller: &caller,
            action: &format!("iam:{}", request.operation),
            region: &self.stack.region,
            now: self.at,
            lag: self.lag,
        };
        iam::perform(self.state, request.operation, &call).map(drop)
    }

    fn resource(&mut self, name: &str) -> &mut Resource {
        self.stack
            .resources
            .get_mut(name)
            .expect("every task is about a resource of the stack")
    }

    fn mark(&mut self, name: &str, status: &str, reason: Option<String>) {
        let at = self.at;
        let Some(resource) = self.stack.resources.get_mut(name) else {
            return;
        };
        status.clone_into(&mut resource.status);
        resource.reason.clone_from(&reason);
        resource.updated = at;
        let (kind, physical) = (resource.kind.clone(), resource.physical_id.clone());
        let event = Event {
            id: format!("{name}-{status}-{}", at.as_millisecond()),
            at,
            logical_id: name.to_owned(),
            physical_id: physical.unwrap_or_default(),
            kind,
            status: status.to_owned(),
            reason,
        };
        self.stack.events.push(event);
    }
}

/// Gives a stack another status, and says so.
pub(super) fn become_(stack: &mut Stack, at: Timestamp, status: &str, reason: Option<String>) {
    status.clone_into(&mut stack.status);
    stack.reason.clone_from(&reason);
    stack.events.push(Event {
        id: unique_id("", 26),
        at,
        logical_id: stack.name.clone(),
        physical_id: stack.id.clone(),
        kind: STACK.into(),
        status: status.into(),
        reason,
    });
}

/// What has to be removed for the stack to be gone: what needs others goes before them.
fn removals(stack: &Stack) -> Vec<(Action, String)> {
    let order = Template::parse(&stack.template).and_then(|template| template.order());
    let place = |name: &String| {
        let order = order.as_ref().ok();
        order.and_then(|order| order.iter().position(|known| known == name))
    };
    let held = stack.resources.iter().filter(|(_, held)| held.is_held());
    let mut names: Vec<&String> = held.map(|(name, _)| name).collect();
    names.sort_by_key(|name| place(name));
    let removals = names.into_iter().rev();
    removals
        .map(|name| (Action::Remove, name.clone()))
        .collect()
}

fn task((action, logical_id): (Action, String)) -> Task {
    Task {
        action,
        logical_id,
        begun: false,
    }
}

/// How a stack tells what IAM said.
fn said(refusal: &Refusal) -> String {
    let code = match refusal.code {
        "EntityAlreadyExists" => "AlreadyExists",
        "AccessDenied" => "AccessDenied",
        "NoSuchEntity" => "NotFound",
        "LimitExceeded" => "ServiceLimitExceeded",
        "MalformedPolicyDocument" | "ValidationError" | "InvalidInput" => "InvalidRequest",
        _ => "GeneralServiceException",
    };
    format!(
        "Resource handler returned message: \"{} (Service: Iam, Status Code: {})\" \
         (HandlerErrorCode: {code})",
        refusal.message, refusal.status
    )
}

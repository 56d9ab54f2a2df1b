//! How stacks, change sets and events look in answers.

use jiff::Timestamp;

use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::state::Tags;
use super::super::text::iso_millis;
use super::super::xml::Xml;
use super::stack::{Action, ChangeSet, Event, Planned, Resource, Stack};
use super::work::STACK;

/// How many items a page has.
const PAGE: usize = 100;

/// Renders one page of a list. A token says how many were shown before.
pub(super) fn page<T>(
    call: &Call<'_>,
    name: &str,
    items: impl Iterator<Item = T>,
    render: impl Fn(T) -> Xml,
) -> Result<Xml, Refusal> {
    let shown: usize = match call.params.get("NextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::validation(format!("Invalid NextToken: {token}")))?,
    };
    let mut rest = items.skip(shown).peekable();
    let page: Vec<T> = rest.by_ref().take(PAGE).collect();
    let next = rest.peek().map(|_| shown + PAGE);
    Ok(Xml::new()
        .members(name, page, render)
        .maybe("NextToken", next))
}

pub(super) fn stack(stack: &Stack) -> Xml {
    Xml::new()
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .maybe(
            "ChangeSetId",
            stack.executed.as_ref().map(|executed| &executed.id),
        )
        .maybe("Description", description(stack))
        .text("CreationTime", moment(stack.created))
        .maybe("LastUpdatedTime", stack.updated.map(moment))
        .maybe("DeletionTime", stack.deleted.map(moment))
        .text("StackStatus", &stack.status)
        .maybe("StackStatusReason", stack.reason.as_deref())
        .text("DisableRollback", false)
        .text("EnableTerminationProtection", false)
        .members("NotificationARNs", [], |(): ()| Xml::new())
        .members("Capabilities", &stack.capabilities, |name| Xml::value(name))
        .members("Outputs", &stack.outputs, |(name, output)| {
            Xml::new()
                .text("OutputKey", name)
                .text("OutputValue", &output.value)
                .maybe("Description", output.description.as_deref())
        })
        .and(tags(&stack.tags))
        .node(
            "DriftInformation",
            Xml::new().text("StackDriftStatus", "NOT_CHECKED"),
        )
}

pub(super) fn summary(stack: &Stack) -> Xml {
    Xml::new()
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .maybe("TemplateDescription", description(stack))
        .text("CreationTime", moment(stack.created))
        .maybe("LastUpdatedTime", stack.updated.map(moment))
        .maybe("DeletionTime", stack.deleted.map(moment))
        .text("StackStatus", &stack.status)
        .maybe("StackStatusReason", stack.reason.as_deref())
}

pub(super) fn event(stack: &Stack, event: &Event) -> Xml {
    Xml::new()
        .text("StackId", &stack.id)
        .text("EventId", &event.id)
        .text("StackName", &stack.name)
        .text("LogicalResourceId", &event.logical_id)
        .text(
            "PhysicalResourceId",
            if event.kind == STACK {
                &stack.id
            } else {
                &event.physical_id
            },
        )
        .text("ResourceType", &event.kind)
        .text("Timestamp", moment(event.at))
        .text("ResourceStatus", &event.status)
        .maybe("ResourceStatusReason", event.reason.as_deref())
}

pub(super) fn resource(name: &str, resource: &Resource) -> Xml {
    Xml::new()
        .text("LogicalResourceId", name)
        .maybe("PhysicalResourceId", resource.physical_id.as_deref())
        .text("ResourceType", &resource.kind)
        .text("ResourceStatus", &resource.status)
        .maybe("ResourceStatusReason", resource.reason.as_deref())
}

pub(super) fn change_set(stack: &Stack, set: &ChangeSet, now: Timestamp) -> Xml {
    let changes: &[Planned] = if set.ready_at > now {
        &[]
    } else {
        &set.changes
    };
    change_set_summary(stack, set, now)
        .members("Capabilities", &set.capabilities, |name| Xml::value(name))
        .and(tags(&set.tags))
        .members("Changes", changes, |planned| {
            let action = match planned.action {
                Action::Make => "Add",
                Action::Remove => "Remove",
                Action::Change | Action::Revert => "Modify",
            };
            let replacement =
                (action == "Modify").then_some(if planned.replaces { "True" } else { "False" });
            let change = Xml::new()
                .text("Action", action)
                .text("LogicalResourceId", &planned.logical_id)
                .maybe("PhysicalResourceId", planned.physical_id.as_deref())
                .text("ResourceType", &planned.kind)
                .maybe("Replacement", replacement);
            Xml::new()
                .text("Type", "Resource")
                .node("ResourceChange", change)
        })
}

pub(super) fn change_set_summary(stack: &Stack, set: &ChangeSet, now: Timestamp) -> Xml {
    let execution = match status_of(set, now) {
        _ if set.is_executed && stack.work.is_some() => "EXECUTE_IN_PROGRESS",
        _ if set.is_executed && stack.status.contains("ROLLBACK") => "EXECUTE_FAILED",
        _ if set.is_executed => "EXECUTE_COMPLETE",
        "CREATE_COMPLETE" => "AVAILABLE",
        _ => "UNAVAILABLE",
    };
    Xml::new()
        .text("ChangeSetName", &set.name)
        .text("ChangeSetId", &set.id)
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .text("CreationTime", moment(set.created))
        .text("Status", status_of(set, now))
        .maybe("StatusReason", reason_of(set, now))
        .text("ExecutionStatus", execution)
        .maybe("Description", set.description.as_deref())
}

pub(super) fn status_of(set: &ChangeSet, now: Timestamp) -> &'static str {
    if set.ready_at > now {
        "CREATE_IN_PROGRESS"
    } else if set.failure.is_some() {
        "FAILED"
    } else {
        "CREATE_COMPLETE"
    }
}

pub(super) fn moment(at: Timestamp) -> String {
    iso_millis(at)
}

fn reason_of(set: &ChangeSet, now: Timestamp) -> Option<&str> {
    set.failure.as_deref().filter(|_| set.ready_at <= now)
}

fn description(stack: &Stack) -> Option<String> {
    let template = super::template::Template::parse(&stack.template).ok()?;
    template.description
}

fn tags(tags: &Tags) -> Xml {
    Xml::new().members("Tags", tags, |(key, value)| {
        Xml::new().text("Key", key).text("Value", value)
    })
}

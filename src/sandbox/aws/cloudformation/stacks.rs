//! Stacks: made, changed and deleted at once, and looked at.

use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::state::AwsState;
use super::super::text::request_id;
use super::super::xml::Xml;
use super::parameters::{arn, authorize, find, intended, key, live, new_name};
use super::plan::planned;
use super::show;
use super::stack::{Goal, Stack};
use super::template::Template;
use super::work::{become_, begin, begin_deletion};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = new_name(call)?;
    authorize(call, state, Some(name))?;
    if find(call, state, name).is_some() {
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!("Stack [{name}] already exists"),
        ));
    }
    let (template, intended) = intended(call, None)?;
    let mut stack = fresh(call, state, name);
    let planned = planned(state, &stack, &template, &intended.tags, false)?;
    begin(call, &mut stack, Goal::Create, intended, &planned);
    let shown = Xml::new().text("StackId", &stack.id);
    state.stacks.insert(key(call, name), stack);
    Ok(shown)
}

pub(super) fn update(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    let mut stack = live(call, state).cloned().ok_or_else(|| no_stack(name))?;
    check_updatable(&stack)?;
    let (template, intended) = intended(call, Some(&stack))?;
    let planned = planned(state, &stack, &template, &intended.tags, false)?;
    if planned.is_empty() && intended.tags == stack.tags {
        return Err(Refusal::validation("No updates are to be performed."));
    }
    begin(call, &mut stack, Goal::Update, intended, &planned);
    let shown = Xml::new().text("StackId", &stack.id);
    state.stacks.insert(key(call, &stack.name), stack);
    Ok(shown)
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    let now = call.now;
    let Some(stack) = live(call, state) else {
        return Ok(Xml::new());
    };
    let under_way = stack.status.ends_with("_IN_PROGRESS");
    match stack.status.as_str() {
        "DELETE_IN_PROGRESS" => {}
        "REVIEW_IN_PROGRESS" => {
            become_(stack, now, "DELETE_COMPLETE", None);
            stack.deleted = Some(now);
            let key = key(call, &stack.name);
            state.deleted_stacks.extend(state.stacks.remove(&key));
        }
        status if under_way && status != "CREATE_IN_PROGRESS" => {
            return Err(Refusal::validation(format!(
                "Stack [{}] cannot be deleted while in status {status}",
                stack.name
            )));
        }
        _ => begin_deletion(call, stack),
    }
    Ok(Xml::new())
}

pub(super) fn describe(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let name = call.params.get("StackName");
    authorize(call, state, name)?;
    let stacks: Vec<&Stack> = match name {
        Some(name) => {
            let stack = find(call, state, name).ok_or_else(|| {
                Refusal::validation(format!("Stack with id {name} does not exist"))
            })?;
            vec![stack]
        }
        None => state
            .stacks
            .values()
            .filter(|stack| stack.region == call.region)
            .collect(),
    };
    Ok(Xml::new().members("Stacks", stacks, show::stack))
}

pub(super) fn events(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let stack = looked_at(call, state)?;
    let events = stack.events.iter().rev();
    show::page(call, "StackEvents", events, |event| {
        show::event(stack, event)
    })
}

pub(super) fn resources(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let stack = looked_at(call, state)?;
    let wanted = call.params.get("LogicalResourceId");
    let resources = stack
        .resources
        .iter()
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
    Ok(
        Xml::new().members("StackResources", resources, |(name, resource)| {
            show::resource(name, resource)
                .text("StackId", &stack.id)
                .text("StackName", &stack.name)
                .text("Timestamp", show::moment(resource.updated))
        }),
    )
}

pub(super) fn resource(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let stack = looked_at(call, state)?;
    let name = call.params.required("LogicalResourceId")?;
    let resource = stack.resources.get(name).ok_or_else(|| {
        Refusal::validation(format!(
            "Resource {name} does not exist for stack {}",
            stack.name
        ))
    })?;
    let shown = show::resource(name, resource)
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .text("LastUpdatedTimestamp", show::moment(resource.updated));
    Ok(Xml::new().node("StackResourceDetail", shown))
}

pub(super) fn list_resources(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let stack = looked_at(call, state)?;
    let resources = stack.resources.iter();
    show::page(
        call,
        "StackResourceSummaries",
        resources,
        |(name, resource)| {
            show::resource(name, resource)
                .text("LastUpdatedTimestamp", show::moment(resource.updated))
        },
    )
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    authorize(call, state, None)?;
    let wanted = call.params.list("StackStatusFilter");
    let all = state.stacks.values().chain(&state.deleted_stacks);
    let mut shown: Vec<&Stack> = all
        .filter(|stack| stack.region == call.region)
        .filter(|stack| wanted.is_empty() || wanted.contains(&stack.status.as_str()))
        .collect();
    shown.sort_by_key(|stack| std::cmp::Reverse(stack.created));
    show::page(call, "StackSummaries", shown.into_iter(), show::summary)
}

pub(super) fn template(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    let stack = find(call, state, name)
        .ok_or_else(|| Refusal::validation(format!("Stack with id {name} does not exist")))?;
    let text = match call.params.get("ChangeSetName") {
        None => &stack.template,
        Some(set) => &super::change_sets::find(stack, set)?.template,
    };
    let stages = ["Original", "Processed"];
    Ok(Xml::new()
        .text("TemplateBody", text)
        .members("StagesAvailable", stages, Xml::value))
}

pub(super) fn validate(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    authorize(call, state, None)?;
    let template = Template::parse(call.params.required("TemplateBody")?)?;
    let shown = Xml::new()
        .members("Parameters", [], |(): ()| Xml::new())
        .maybe("Description", template.description.as_deref());
    let Some(needed) = template.capability() else {
        return Ok(shown);
    };
    let kinds = template.resources.values().map(|declared| &declared.kind);
    let kinds: std::collections::BTreeSet<_> = kinds
        .filter(|kind| !kind.ends_with("OIDCProvider"))
        .collect();
    let kinds: Vec<_> = kinds.into_iter().map(String::as_str).collect();
    Ok(shown.members("Capabilities", [needed], Xml::value).text(
        "CapabilitiesReason",
        format!(
            "The following resource(s) require capabilities: [{}]",
            kinds.join(", ")
        ),
    ))
}

pub(super) fn summary(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let template = match call.params.get("TemplateBody") {
        Some(text) => {
            authorize(call, state, None)?;
            Template::parse(text)?
        }
        None => Template::parse(&looked_at(call, state)?.template)?,
    };
    let kinds = template.resources.values();
    let kinds = kinds.map(|declared| declared.kind.as_str());
    Ok(Xml::new()
        .members("Parameters", [], |(): ()| Xml::new())
        .maybe("Description", template.description.as_deref())
        .members("Capabilities", template.capability(), Xml::value)
        .members("ResourceTypes", kinds, Xml::value)
        .text("Version", "2010-09-09"))
}

/// A stack without anything.
pub(super) fn fresh(call: &Call<'_>, state: &AwsState, name: &str) -> Stack {
    Stack {
        id: arn(call, state, name, &request_id()),
        name: name.to_owned(),
        region: call.region.to_owned(),
        created: call.now,
        updated: None,
        deleted: None,
        status: String::new(),
        reason: None,
        template: String::new(),
        capabilities: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        outputs: std::collections::BTreeMap::new(),
        resources: std::collections::BTreeMap::new(),
        change_sets: std::collections::BTreeMap::new(),
        executed: None,
        events: Vec::new(),
        work: None,
    }
}

pub(super) fn check_updatable(stack: &Stack) -> Result<(), Refusal> {
    if stack.is_updatable() {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id, stack.status
    )))
}

pub(super) fn no_stack(name: &str) -> Refusal {
    Refusal::validation(format!("Stack [{name}] does not exist"))
}

fn looked_at<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<&'a Stack, Refusal> {
    let name = call.params.required("StackName")?;
    authorize(call, state, Some(name))?;
    find(call, state, name).ok_or_else(|| no_stack(name))
}

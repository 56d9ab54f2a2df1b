//! What requests bring: templates, names, capabilities. What is not known is refused by its name,
//! since ignoring it would make another stack than was asked for.

use super::super::call::{Call, Params};
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Tags};
use super::stack::Stack;
use super::template::Template;
use super::work::Intended;

/// Refuses a request that holds something unknown.
pub(super) fn check(operation: &str, params: &Params) -> Result<(), Refusal> {
    const OF_ALL: &[&str] = &[
        "Action",
        "Version",
        "StackName",
        "NextToken",
        "ClientRequestToken",
        "ClientToken",
    ];
    // Options that ask for what is done anyway.
    const USUAL: &[(&str, &str)] = &[
        ("DisableRollback", "false"),
        ("EnableTerminationProtection", "false"),
        ("ImportExistingResources", "false"),
        ("IncludeNestedStacks", "false"),
        ("OnFailure", "ROLLBACK"),
        ("OnStackFailure", "ROLLBACK"),
    ];
    let own: &[&str] = match operation {
        "CreateStack" => &["TemplateBody", "Capabilities", "Tags"],
        "UpdateStack" => &[
            "TemplateBody",
            "UsePreviousTemplate",
            "Capabilities",
            "Tags",
        ],
        "CreateChangeSet" => &[
            "ChangeSetName",
            "ChangeSetType",
            "TemplateBody",
            "UsePreviousTemplate",
            "Capabilities",
            "Tags",
            "Description",
            "DeploymentMode",
        ],
        "DescribeChangeSet" => &["ChangeSetName", "IncludePropertyValues"],
        "ExecuteChangeSet" | "DeleteChangeSet" => &["ChangeSetName"],
        "ListStacks" => &["StackStatusFilter"],
        "GetTemplate" => &["TemplateStage", "ChangeSetName"],
        "GetTemplateSummary" | "ValidateTemplate" => &["TemplateBody"],
        "DescribeStackResource" | "DescribeStackResources" => &["LogicalResourceId"],
        _ => &[],
    };
    let known = |name: &&str| {
        let asked = (*name, params.get(name).unwrap_or_default());
        let name = name.split('.').next().unwrap_or_default();
        OF_ALL.contains(&name) || own.contains(&name) || USUAL.contains(&asked)
    };
    // An empty list is nothing.
    let mut given = params.names().filter(|name| !params.is_empty(name));
    match given.find(|name| !known(name)) {
        None => Ok(()),
        Some(unknown) => Err(Refusal::validation(format!(
            "The practice cloud does not know {} of {operation}",
            unknown.split('.').next().unwrap_or_default()
        ))),
    }
}

/// Reads the template and what goes with it; `stack` is what it is for, when that exists.
pub(super) fn intended(
    call: &Call<'_>,
    stack: Option<&Stack>,
) -> Result<(Template, Intended), Refusal> {
    let text = match (call.params.get("TemplateBody"), stack) {
        (Some(text), _) => text.to_owned(),
        (None, Some(stack)) if call.params.get("UsePreviousTemplate") == Some("true") => {
            stack.template.clone()
        }
        _ => {
            return Err(Refusal::validation(
                "Either Template URL or Template Body must be specified.",
            ));
        }
    };
    let template = Template::parse(&text)?;
    let capabilities = call.params.list("Capabilities");
    let capabilities: Vec<String> = capabilities.into_iter().map(str::to_owned).collect();
    let has = |name: &str| capabilities.iter().any(|capability| capability == name);
    if let Some(needed) = template.capability()
        && !has("CAPABILITY_NAMED_IAM")
        && !has(needed)
    {
        return Err(Refusal::new(
            400,
            "InsufficientCapabilitiesException",
            format!("Requires capabilities : [{needed}]"),
        ));
    }
    let given = call.params.tags()?;
    // Who says nothing about tags leaves them as they are.
    let kept = stack.map(|stack| stack.tags.clone()).unwrap_or_default();
    let tags: Tags = if given.is_empty() { kept } else { given };
    let intended = Intended {
        template: text,
        capabilities,
        tags,
    };
    Ok((template, intended))
}

/// Returns the stack's name, if it can be one.
pub(super) fn new_name<'a>(call: &Call<'a>) -> Result<&'a str, Refusal> {
    let name = call.params.required("StackName")?;
    let first = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if first && name.chars().all(inner) && name.len() <= 128 {
        return Ok(name);
    }
    Err(Refusal::validation(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// Lets the caller do this to a stack of that name, or to all of them.
pub(super) fn authorize(
    call: &Call<'_>,
    state: &AwsState,
    name: Option<&str>,
) -> Result<(), Refusal> {
    let resource = match name {
        None => "*".to_owned(),
        Some(name) => match find(call, state, name) {
            Some(stack) => stack.id.clone(),
            None if name.starts_with("arn:") => name.to_owned(),
            None => arn(call, state, name, "*"),
        },
    };
    call.authorize(state, &resource)
}

/// Returns the live stack of that name, or any stack of that id.
pub(super) fn find<'a>(call: &Call<'_>, state: &'a AwsState, name: &str) -> Option<&'a Stack> {
    if name.starts_with("arn:") {
        let all = state.stacks.values().chain(&state.deleted_stacks);
        all.into_iter().find(|stack| stack.id == name)
    } else {
        state.stacks.get(&key(call, name))
    }
}

/// Returns the stack that a request is about, which has to live.
pub(super) fn live<'a>(call: &Call<'_>, state: &'a mut AwsState) -> Option<&'a mut Stack> {
    let name = call.params.get("StackName")?;
    let key = key(call, &find(call, state, name)?.name);
    state.stacks.get_mut(&key)
}

/// Under which key a stack is kept: names are unique in a region.
pub(super) fn key(call: &Call<'_>, name: &str) -> String {
    format!("{}/{name}", call.region)
}

pub(super) fn arn(call: &Call<'_>, state: &AwsState, name: &str, id: &str) -> String {
    format!(
        "arn:aws:cloudformation:{}:{}:stack/{name}/{id}",
        call.region, state.account
    )
}

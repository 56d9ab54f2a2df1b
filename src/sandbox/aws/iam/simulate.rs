//! The policy simulator: what would be decided, without asking for it.

use std::collections::BTreeSet;

use super::super::authority::Held;
use super::super::call::{Call, invalid};
use super::super::condition::Context;
use super::super::policy::{Decision, Document, Kind, Request};
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Grants};
use super::super::xml::Xml;

/// Simulates with the policies that a user or role holds, as IAM reads them back.
pub(super) fn principal(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let source = call.params.required("PolicySourceArn")?;
    call.authorize(state, source)?;
    let grants = grants_of(state, source)?;
    let mut held = Held::of(state, grants, None);
    held.identity.extend(documents(call, "PolicyInputList")?);
    run(call, held, source)
}

/// Simulates with the policies of the request alone.
pub(super) fn custom(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    call.authorize(state, "*")?;
    let held = Held {
        identity: documents(call, "PolicyInputList")?,
        ..Held::default()
    };
    run(call, held, "")
}

fn run(call: &Call<'_>, mut held: Held, caller: &str) -> Result<Xml, Refusal> {
    if let Some(boundary) = documents(call, "PermissionsBoundaryPolicyInputList")?.pop() {
        held.boundary = Some(boundary);
    }
    let actions = call.params.list("ActionNames");
    if actions.is_empty() {
        call.params.required("ActionNames")?;
    }
    if let Some(action) = actions.iter().find(|action| !action.contains(':')) {
        return Err(Refusal::new(
            400,
            "InvalidInput",
            format!("Invalid Action: {action}"),
        ));
    }
    let resources = match call.params.list("ResourceArns") {
        given if given.is_empty() => vec!["*"],
        given => given,
    };
    let context = context(call, caller)?;
    let missing: BTreeSet<&str> = held
        .identity
        .iter()
        .flat_map(Document::condition_keys)
        .filter(|key| context.values(key).is_none())
        .collect();
    let pairs = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (*action, *resource)));
    let results: Vec<(String, Xml)> = pairs
        .enumerate()
        .map(|(index, (action, resource))| {
            let request = Request {
                action,
                resource,
                context: &context,
            };
            (format!("{index:08}"), evaluate(&held, request, &missing))
        })
        .collect();
    call.page(
        "EvaluationResults",
        results,
        |(key, _)| key.clone(),
        |(_, result)| result,
    )
}

fn evaluate(held: &Held, request: Request<'_>, missing: &BTreeSet<&str>) -> Xml {
    let verdict = held.decide(request);
    let result = Xml::new()
        .text("EvalActionName", request.action)
        .text("EvalResourceName", request.resource)
        .text("EvalDecision", word(verdict.overall()))
        .members("MatchedStatements", [], |(): ()| Xml::new())
        .members("MissingContextValues", missing, |key| Xml::value(key));
    match verdict.boundary {
        None => result,
        Some(boundary) => result.node(
            "PermissionsBoundaryDecisionDetail",
            Xml::new().text(
                "AllowedByPermissionsBoundary",
                boundary == Decision::Allowed,
            ),
        ),
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::ImplicitDeny => "implicitDeny",
        Decision::ExplicitDeny => "explicitDeny",
    }
}

fn grants_of<'a>(state: &'a AwsState, arn: &str) -> Result<&'a Grants, Refusal> {
    let role = state
        .roles
        .values()
        .find(|role| state.role_arn(role) == arn);
    let user = state
        .users
        .values()
        .find(|user| state.user_arn(user) == arn);
    if let Some(grants) = role
        .map(|role| &role.grants)
        .or(user.map(|user| &user.grants))
    {
        return Ok(grants);
    }
    let (kind, name) = match arn
        .strip_prefix(&state.iam_arn(""))
        .and_then(|rest| rest.split_once('/'))
    {
        Some((kind @ ("role" | "user"), path)) => (kind, path.rsplit('/').next().unwrap_or(path)),
        _ => {
            return Err(Refusal::new(
                400,
                "InvalidInput",
                format!("Invalid Entity Arn: {arn}"),
            ));
        }
    };
    Err(Refusal::no_such_entity(format!(
        "The {kind} with name {name} cannot be found."
    )))
}

fn documents(call: &Call<'_>, field: &str) -> Result<Vec<Document>, Refusal> {
    let parse = |text| {
        Document::parse(text, Kind::Identity)
            .map_err(|malformed| Refusal::new(400, "InvalidInput", malformed.0))
    };
    call.params.list(field).into_iter().map(parse).collect()
}

/// The keys that the request gives, and the one that follows from whom it is about.
fn context(call: &Call<'_>, caller: &str) -> Result<Context, Refusal> {
    let mut context = Context::default();
    for index in 1.. {
        let entry = format!("ContextEntries.member.{index}");
        let Some(key) = call.params.get(&format!("{entry}.ContextKeyName")) else {
            break;
        };
        let values = call.params.list(&format!("{entry}.ContextKeyValues"));
        if values.is_empty() {
            return Err(invalid("ContextEntries", key, "Member must have values"));
        }
        context = context.with_all(key, values.into_iter().map(str::to_owned));
    }
    if !caller.is_empty() && context.values("aws:PrincipalArn").is_none() {
        context = context.with("aws:PrincipalArn", caller);
    }
    Ok(context)
}

//! Attached and inline policies, alike for roles and users.

use super::super::call::Call;
use super::super::lagged::Lagged;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Grants};
use super::super::xml::Xml;
use super::{documents, roles, users};

/// Who holds the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Role,
    User,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Role => "RoleName",
            Self::User => "UserName",
        }
    }

    /// How much inline policy text it takes, in characters that are not blank.
    fn inline_limit(self) -> usize {
        match self {
            Self::Role => 10240,
            Self::User => 2048,
        }
    }
}

pub(super) fn attach(call: &Call<'_>, state: &mut AwsState, on: Holder) -> Result<Xml, Refusal> {
    let arn = call.params.required("PolicyArn")?;
    let grants = find(call, state, on)?;
    if !state.policies.contains_key(arn) {
        return Err(Refusal::no_such_entity(format!(
            "Policy {arn} does not exist or is not attachable."
        )));
    }
    if grants.attached.len() >= 10 && !grants.attached.contains_key(arn) {
        let quota = match on {
            Holder::Role => "PoliciesPerRole",
            Holder::User => "PoliciesPerUser",
        };
        return Err(Refusal::limit(format!(
            "Cannot exceed quota for {quota}: 10"
        )));
    }
    let attached = Lagged::new((), call.visible_after(call.lag.attachment));
    find_mut(call, state, on)?
        .attached
        .entry(arn.into())
        .or_insert(attached);
    Ok(Xml::new())
}

pub(super) fn detach(call: &Call<'_>, state: &mut AwsState, on: Holder) -> Result<Xml, Refusal> {
    let arn = call.params.required("PolicyArn")?;
    find_mut(call, state, on)?
        .attached
        .remove(arn)
        .map(|_| Xml::new())
        .ok_or_else(|| Refusal::no_such_entity(format!("Policy {arn} was not found.")))
}

pub(super) fn list_attached(call: &Call<'_>, state: &AwsState, on: Holder) -> Result<Xml, Refusal> {
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let policies = find(call, state, on)?
        .attached
        .keys()
        .filter_map(|arn| state.policies.get(arn))
        .filter(|policy| policy.path.starts_with(prefix));
    call.page(
        "AttachedPolicies",
        policies,
        |policy| policy.name.clone() + &policy.arn,
        |policy| {
            Xml::new()
                .text("PolicyName", &policy.name)
                .text("PolicyArn", &policy.arn)
        },
    )
}

pub(super) fn put(call: &Call<'_>, state: &mut AwsState, on: Holder) -> Result<Xml, Refusal> {
    let name = call.params.name("PolicyName", 128)?;
    let grants = find(call, state, on)?;
    let document = documents::identity(call, "PolicyDocument")?;
    let others = grants.inline.iter().filter(|(known, _)| *known != name);
    let total: usize = others.map(|(_, text)| documents::size(&text.current)).sum();
    let limit = on.inline_limit();
    if total + documents::size(document) > limit {
        return Err(Refusal::limit(format!(
            "Maximum policy size of {limit} bytes exceeded for {} {}",
            on.word(),
            call.params.required(on.field())?
        )));
    }
    let visible_at = call.visible_after(call.lag.policy);
    find_mut(call, state, on)?
        .inline
        .entry(name.into())
        .and_modify(|text| text.set(document.into(), call.now, call.lag.policy))
        .or_insert_with(|| Lagged::new(document.into(), visible_at));
    Ok(Xml::new())
}

pub(super) fn get(call: &Call<'_>, state: &AwsState, on: Holder) -> Result<Xml, Refusal> {
    let name = call.params.name("PolicyName", 128)?;
    let text = find(call, state, on)?
        .inline
        .get(name)
        .ok_or_else(|| no_inline(on, name))?;
    Ok(Xml::new()
        .text(on.field(), call.params.required(on.field())?)
        .text("PolicyName", name)
        .text("PolicyDocument", documents::sent(&text.current)))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState, on: Holder) -> Result<Xml, Refusal> {
    let names = find(call, state, on)?.inline.keys();
    call.page(
        "PolicyNames",
        names,
        |name| (*name).clone(),
        |name| Xml::value(name),
    )
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState, on: Holder) -> Result<Xml, Refusal> {
    let name = call.params.name("PolicyName", 128)?;
    find_mut(call, state, on)?
        .inline
        .remove(name)
        .map(|_| Xml::new())
        .ok_or_else(|| no_inline(on, name))
}

fn no_inline(on: Holder, name: &str) -> Refusal {
    Refusal::no_such_entity(format!(
        "The {} policy with name {name} cannot be found.",
        on.word()
    ))
}

fn find<'a>(call: &Call<'_>, state: &'a AwsState, on: Holder) -> Result<&'a Grants, Refusal> {
    Ok(match on {
        Holder::Role => &roles::find(call, state)?.grants,
        Holder::User => &users::find(call, state)?.grants,
    })
}

fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
    on: Holder,
) -> Result<&'a mut Grants, Refusal> {
    Ok(match on {
        Holder::Role => &mut roles::find_mut(call, state)?.grants,
        Holder::User => &mut users::find_mut(call, state)?.grants,
    })
}

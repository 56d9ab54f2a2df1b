//! Managed policies.

use super::super::call::Call;
use super::super::lagged::Lagged;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Grants, Policy, PolicyVersion};
use super::super::text::{iso, unique_id};
use super::super::xml::Xml;
use super::documents;
use super::tags::{self, context};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let name = call.params.name("PolicyName", 128)?;
    let path = call.params.path()?;
    let given_tags = call.params.tags()?;
    let arn = state.iam_arn(&format!("policy{path}{name}"));
    call.authorize_with(state, &arn, |given| context(given, &given_tags))?;
    let taken = state
        .policies
        .values()
        .any(|policy| is_local(policy) && policy.name.eq_ignore_ascii_case(name));
    if taken {
        return Err(Refusal::exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let document = documents::identity(call, "PolicyDocument")?;
    documents::within(document, 6144, "PolicySize")?;
    tags::within(&given_tags)?;
    let policy = Policy {
        name: name.into(),
        path: path.into(),
        id: unique_id("ANPA", 17),
        arn: arn.clone(),
        created: call.now,
        updated: call.now,
        description: call.params.get("Description").map(str::to_owned),
        versions: vec![PolicyVersion {
            number: 1,
            document: document.into(),
            created: call.now,
        }],
        last_version: 1,
        default_version: Lagged::new(1, call.visible_after(call.lag.policy)),
        tags: given_tags,
    };
    let shown = show(state, &policy).and(tags::show_unless_empty(&policy.tags));
    state.policies.insert(arn, policy);
    Ok(Xml::new().node("Policy", shown))
}

pub(super) fn get(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let policy = find(call, state)?;
    let shown = show(state, policy)
        .maybe("Description", policy.description.as_deref())
        .and(tags::show(&policy.tags));
    Ok(Xml::new().node("Policy", shown))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    call.authorize(state, &state.iam_arn("policy/"))?;
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let only_attached = call.params.get("OnlyAttached") == Some("true");
    let scope = call.params.get("Scope").unwrap_or("All");
    let policies = state
        .policies
        .values()
        .filter(|policy| policy.path.starts_with(prefix))
        .filter(|policy| match scope {
            "Local" => is_local(policy),
            "AWS" => !is_local(policy),
            _ => true,
        })
        .filter(|policy| !only_attached || state.attachments(&policy.arn) > 0);
    call.page(
        "Policies",
        policies,
        |policy| policy.arn.clone(),
        |policy| show(state, policy),
    )
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let policy = find_local(call, state)?;
    if state.attachments(&policy.arn) > 0 || state.boundary_uses(&policy.arn) > 0 {
        return Err(Refusal::conflict(
            "Cannot delete a policy attached to entities.",
        ));
    }
    if policy.versions.len() > 1 {
        return Err(Refusal::conflict(
            "This policy has more than one version. Before you delete a policy, you must delete \
             the policy's versions. The default version is deleted with the policy.",
        ));
    }
    let arn = policy.arn.clone();
    state.policies.remove(&arn);
    Ok(Xml::new())
}

/// All holders on one page: an account of the practice cloud has few.
pub(super) fn entities(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let arn = find(call, state)?.arn.as_str();
    let wanted = call.params.get("EntityFilter");
    let usage = call.params.get("PolicyUsageFilter");
    let holds = |grants: &Grants| {
        let bounds = grants.boundary.as_deref() == Some(arn);
        let permits = grants.attached.contains_key(arn);
        (bounds && usage != Some("PermissionsPolicy"))
            || (permits && usage != Some("PermissionsBoundary"))
    };
    let shows = |kind: &str| wanted.is_none_or(|wanted| wanted == kind);
    let roles = state
        .roles
        .values()
        .filter(|role| shows("Role") && holds(&role.grants));
    let users = state
        .users
        .values()
        .filter(|user| shows("User") && holds(&user.grants));
    Ok(Xml::new()
        .members("PolicyGroups", [], |(): ()| Xml::new())
        .members("PolicyUsers", users, |user| {
            Xml::new()
                .text("UserName", &user.name)
                .text("UserId", &user.id)
        })
        .members("PolicyRoles", roles, |role| {
            Xml::new()
                .text("RoleName", &role.name)
                .text("RoleId", &role.id)
        })
        .text("IsTruncated", false))
}

/// The policy that the call names, when this is allowed.
pub(super) fn find<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<&'a Policy, Refusal> {
    let arn = call.params.required("PolicyArn")?;
    let policy = state.policies.get(arn);
    call.authorize_with(state, arn, |given| {
        let tags = policy.iter().flat_map(|policy| &policy.tags);
        tags.fold(given, |given, (key, value)| {
            given.with(&format!("aws:ResourceTag/{key}"), value)
        })
    })?;
    policy.ok_or_else(|| Refusal::no_such_entity(format!("Policy {arn} was not found.")))
}

/// As `find`, for a change: what belongs to AWS stays as it is.
pub(super) fn find_local<'a>(call: &Call<'_>, state: &'a AwsState) -> Result<&'a Policy, Refusal> {
    let policy = find(call, state)?;
    if is_local(policy) {
        Ok(policy)
    } else {
        let message = format!(
            "Cannot perform the operation on the AWS managed policy {}.",
            policy.arn
        );
        Err(Refusal::new(403, "AccessDenied", message))
    }
}

pub(super) fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
) -> Result<&'a mut Policy, Refusal> {
    let arn = find_local(call, state)?.arn.clone();
    Ok(state
        .policies
        .get_mut(&arn)
        .expect("the policy was just found"))
}

fn is_local(policy: &Policy) -> bool {
    !policy.arn.starts_with("arn:aws:iam::aws:")
}

fn show(state: &AwsState, policy: &Policy) -> Xml {
    Xml::new()
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text(
            "DefaultVersionId",
            format!("v{}", policy.default_version.current),
        )
        .text("AttachmentCount", state.attachments(&policy.arn))
        .text(
            "PermissionsBoundaryUsageCount",
            state.boundary_uses(&policy.arn),
        )
        .text("IsAttachable", true)
        .text("CreateDate", iso(policy.created))
        .text("UpdateDate", iso(policy.updated))
}

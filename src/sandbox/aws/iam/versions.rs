//! Versions of managed policies: five at most, one of them in force.

use super::super::call::{Call, invalid};
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Policy, PolicyVersion};
use super::super::text::iso;
use super::super::xml::Xml;
use super::documents;
use super::policies::{find, find_mut};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let policy = find_mut(call, state)?;
    let document = documents::identity(call, "PolicyDocument")?;
    documents::within(document, 6144, "PolicySize")?;
    if policy.versions.len() >= 5 {
        return Err(Refusal::limit(
            "A managed policy can have up to 5 versions. Before you create a new version, you \
             must delete an existing version.",
        ));
    }
    policy.last_version += 1;
    let version = PolicyVersion {
        number: policy.last_version,
        document: document.into(),
        created: call.now,
    };
    if call.params.get("SetAsDefault") == Some("true") {
        policy
            .default_version
            .set(version.number, call.now, call.lag.policy);
    }
    policy.updated = call.now;
    let shown = show(policy, &version);
    policy.versions.push(version);
    Ok(Xml::new().node("PolicyVersion", shown))
}

pub(super) fn get(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let policy = find(call, state)?;
    let version = named(call, policy)?;
    let shown = Xml::new()
        .text("Document", documents::sent(&version.document))
        .and(show(policy, version));
    Ok(Xml::new().node("PolicyVersion", shown))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let policy = find(call, state)?;
    // Newest first, as AWS lists them.
    let key = |version: &&PolicyVersion| format!("{:010}", u32::MAX - version.number);
    call.page("Versions", &policy.versions, key, |version| {
        show(policy, version)
    })
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let policy = find_mut(call, state)?;
    let number = named(call, policy)?.number;
    if number == policy.default_version.current {
        return Err(Refusal::conflict(
            "Cannot delete the default version of a policy.",
        ));
    }
    policy.versions.retain(|version| version.number != number);
    Ok(Xml::new())
}

pub(super) fn set_default(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let policy = find_mut(call, state)?;
    let number = named(call, policy)?.number;
    policy
        .default_version
        .set(number, call.now, call.lag.policy);
    policy.updated = call.now;
    Ok(Xml::new())
}

fn named<'a>(call: &Call<'_>, policy: &'a Policy) -> Result<&'a PolicyVersion, Refusal> {
    let id = call.params.required("VersionId")?;
    let number = id
        .strip_prefix('v')
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            let rule = "Member must satisfy regular expression pattern: \
                        v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?";
            invalid("VersionId", id, rule)
        })?;
    policy.version(number).ok_or_else(|| {
        Refusal::no_such_entity(format!(
            "Policy {} version {id} does not exist or is not attachable.",
            policy.arn
        ))
    })
}

fn show(policy: &Policy, version: &PolicyVersion) -> Xml {
    Xml::new()
        .text("VersionId", format!("v{}", version.number))
        .text(
            "IsDefaultVersion",
            version.number == policy.default_version.current,
        )
        .text("CreateDate", iso(version.created))
}

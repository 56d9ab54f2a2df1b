//! What has to be asked of IAM for a resource to become as intended, from what it is.

use serde_json::Value;

use super::super::state::{AwsState, Tags};
use super::resources::{
    Request, attach, attachments, delete_version, detach, inline, list, put_inline, tags_of,
};

pub(super) fn role(state: &AwsState, name: &str, old: &Value, new: &Value) -> Option<Vec<Request>> {
    let role = state.roles.get(name)?;
    let mut requests = Vec::new();
    let to_role = |operation| Request::new(operation).with("RoleName", name);
    let trust = &new["AssumeRolePolicyDocument"];
    if !is_text_of(&role.trust.current, trust) {
        requests.push(to_role("UpdateAssumeRolePolicy").with("PolicyDocument", trust.to_string()));
    }
    let description = new["Description"].as_str();
    let seconds = new["MaxSessionDuration"].as_i64().unwrap_or(3600);
    let described = description.is_none_or(|new| role.description.as_deref() == Some(new));
    if !described || role.max_session_seconds != seconds {
        requests.push(
            to_role("UpdateRole")
                .maybe("Description", &new["Description"])
                .with("MaxSessionDuration", seconds.to_string()),
        );
    }
    let boundary = new["PermissionsBoundary"].as_str();
    if role.grants.boundary.as_deref() != boundary {
        requests.push(match boundary {
            Some(arn) => to_role("PutRolePermissionsBoundary").with("PermissionsBoundary", arn),
            None => to_role("DeleteRolePermissionsBoundary"),
        });
    }
    let (before, after): (Vec<_>, Vec<_>) =
        (attachments(old).collect(), attachments(new).collect());
    let attached = |arn: &String| role.grants.attached.contains_key(arn);
    let missing = after.iter().filter(|arn| !attached(arn));
    requests.extend(missing.map(|arn| attach(name, arn)));
    let surplus = before
        .iter()
        .filter(|arn| attached(arn) && !after.contains(arn));
    requests.extend(surplus.map(|arn| detach(name, arn)));
    for (policy, document) in inline(new) {
        let found = role.grants.inline.get(&policy);
        if !found.is_some_and(|found| is_text_of(&found.current, &document)) {
            requests.push(put_inline(name, &policy, &document));
        }
    }
    for (policy, _) in inline(old).filter(|(policy, _)| !inline(new).any(|(new, _)| new == *policy))
    {
        if role.grants.inline.contains_key(&policy) {
            requests.push(to_role("DeleteRolePolicy").with("PolicyName", policy));
        }
    }
    let (missing, surplus) = tag_changes(&role.tags, old, new);
    if !missing.is_empty() {
        requests.push(to_role("TagRole").tags(&missing));
    }
    if !surplus.is_empty() {
        requests.push(to_role("UntagRole").list("TagKeys", surplus));
    }
    Some(requests)
}

pub(super) fn policy(
    state: &AwsState,
    arn: &str,
    old: &Value,
    new: &Value,
) -> Option<Vec<Request>> {
    let policy = state.policies.get(arn)?;
    let mut requests = Vec::new();
    let document = &new["PolicyDocument"];
    if !policy
        .current()
        .is_some_and(|current| is_text_of(current, document))
    {
        let others = policy
            .versions
            .iter()
            .filter(|version| version.number != policy.default_version.current);
        let oldest = others.min_by_key(|version| version.number);
        if let Some(oldest) = oldest.filter(|_| policy.versions.len() >= 5) {
            requests.push(delete_version(arn, oldest.number));
        }
        requests.push(
            Request::new("CreatePolicyVersion")
                .with("PolicyArn", arn)
                .with("PolicyDocument", document.to_string())
                .with("SetAsDefault", "true"),
        );
    }
    let holds = |role: &String| {
        let role = state.roles.get(role);
        role.is_some_and(|role| role.grants.attached.contains_key(arn))
    };
    let (before, after): (Vec<_>, Vec<_>) =
        (list(&old["Roles"]).collect(), list(&new["Roles"]).collect());
    let missing = after.iter().filter(|role| !holds(role));
    requests.extend(missing.map(|role| attach(role, arn)));
    let surplus = before
        .iter()
        .filter(|role| holds(role) && !after.contains(role));
    requests.extend(surplus.map(|role| detach(role, arn)));
    Some(requests)
}

pub(super) fn provider(
    state: &AwsState,
    arn: &str,
    old: &Value,
    new: &Value,
) -> Option<Vec<Request>> {
    let provider = state.providers.get(arn)?;
    let to_provider = |operation| Request::new(operation).with("OpenIDConnectProviderArn", arn);
    let mut requests = Vec::new();
    let after: Vec<_> = list(&new["ClientIdList"]).collect();
    let known = &provider.client_ids.current;
    let missing = after.iter().filter(|id| !known.contains(*id));
    requests.extend(
        missing.map(|id| to_provider("AddClientIDToOpenIDConnectProvider").with("ClientID", id)),
    );
    let before = list(&old["ClientIdList"]);
    let surplus = before.filter(|id| known.contains(id) && !after.contains(id));
    requests.extend(
        surplus
            .map(|id| to_provider("RemoveClientIDFromOpenIDConnectProvider").with("ClientID", id)),
    );
    let prints: Vec<_> = list(&new["ThumbprintList"]).collect();
    if !prints.is_empty() && prints != provider.thumbprints {
        requests.push(
            to_provider("UpdateOpenIDConnectProviderThumbprint").list("ThumbprintList", prints),
        );
    }
    let (missing, surplus) = tag_changes(&provider.tags, old, new);
    if !missing.is_empty() {
        requests.push(to_provider("TagOpenIDConnectProvider").tags(&missing));
    }
    if !surplus.is_empty() {
        requests.push(to_provider("UntagOpenIDConnectProvider").list("TagKeys", surplus));
    }
    Some(requests)
}

/// Which tags are missing or different, and which of the former ones are too many.
fn tag_changes(found: &Tags, old: &Value, new: &Value) -> (Tags, Vec<String>) {
    let wanted = tags_of(new);
    let surplus = tags_of(old)
        .into_keys()
        .filter(|key| found.contains_key(key) && !wanted.contains_key(key))
        .collect();
    let missing = wanted
        .into_iter()
        .filter(|(key, value)| found.get(key) != Some(value))
        .collect();
    (missing, surplus)
}

/// Whether a document in JSON is this value.
fn is_text_of(document: &str, value: &Value) -> bool {
    serde_json::from_str::<Value>(document).is_ok_and(|found| found == *value)
}

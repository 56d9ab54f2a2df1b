//! The resources that stacks can have, as the IAM requests that make, change and remove them.
//!
//! A stack does what it does through IAM, with the rights of whoever asked for it, so it is refused
//! what they would be refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::state::{AwsState, Tags};
use super::changes;
use super::stack::Resource;

/// A type of resource.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The property that names it.
    pub(super) name_property: &'static str,
    /// Whether making one has to be acknowledged.
    pub(super) needs_capability: bool,
    /// The one attribute that it tells, besides what `Ref` gives.
    pub(super) attribute: &'static str,
    properties: &'static [&'static str],
    required: &'static [&'static str],
    /// Those of the properties that cannot be changed in place.
    replacing: &'static [&'static str],
    is_tagged: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "AWS::IAM::Role",
        name_property: "RoleName",
        needs_capability: true,
        attribute: "Arn",
        properties: &[
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ],
        required: &["AssumeRolePolicyDocument"],
        replacing: &["Path", "RoleName"],
        is_tagged: true,
    },
    Kind {
        name: "AWS::IAM::ManagedPolicy",
        name_property: "ManagedPolicyName",
        needs_capability: true,
        attribute: "PolicyArn",
        properties: &[
            "Description",
            "ManagedPolicyName",
            "Path",
            "PolicyDocument",
            "Roles",
        ],
        required: &["PolicyDocument"],
        replacing: &["Description", "ManagedPolicyName", "Path"],
        is_tagged: false,
    },
    Kind {
        name: "AWS::IAM::OIDCProvider",
        name_property: "Url",
        needs_capability: false,
        attribute: "Arn",
        properties: &["ClientIdList", "Tags", "ThumbprintList", "Url"],
        required: &["Url"],
        replacing: &["Url"],
        is_tagged: true,
    },
];

/// A request to IAM.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) fields: BTreeMap<String, String>,
}

impl Request {
    pub(super) fn new(operation: &'static str) -> Self {
        Self {
            operation,
            fields: BTreeMap::new(),
        }
    }

    pub(super) fn with(mut self, field: &str, value: impl Into<String>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(super) fn maybe(self, field: &str, value: &Value) -> Self {
        match value {
            Value::Null => self,
            value => self.with(field, text(value)),
        }
    }

    pub(super) fn list(mut self, field: &str, values: impl IntoIterator<Item = String>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self = self.with(&format!("{field}.member.{}", index + 1), value);
        }
        self
    }

    pub(super) fn tags(mut self, tags: &Tags) -> Self {
        for (index, (key, value)) in tags.iter().enumerate() {
            let place = format!("Tags.member.{}", index + 1);
            self = self
                .with(&format!("{place}.Key"), key)
                .with(&format!("{place}.Value"), value);
        }
        self
    }
}

impl Kind {
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Returns the properties that a resource is made with: the template's, the tags of the stack,
    /// and a name where the template gives none.
    pub(super) fn effective(&self, resolved: Value, stack_tags: &Tags, name: String) -> Value {
        let mut properties = resolved;
        if properties[self.name_property].is_null() {
            properties[self.name_property] = name.into();
        }
        if self.is_tagged {
            let mut tags = stack_tags.clone();
            tags.extend(tags_of(&properties));
            let tags = tags
                .iter()
                .map(|(key, value)| json!({ "Key": key, "Value": value }));
            properties["Tags"] = tags.collect();
        }
        properties
    }

    /// Says what is wrong with properties, if anything is.
    pub(super) fn mistake(&self, logical_id: &str, properties: &Value) -> Option<String> {
        let given = properties.as_object()?;
        let extraneous = given
            .keys()
            .find(|name| !self.properties.contains(&name.as_str()))
            .map(|name| format!("#: extraneous key [{name}] is not permitted"));
        let missing = || {
            let missing = self
                .required
                .iter()
                .find(|name| !given.contains_key(**name));
            missing.map(|name| format!("#: required key [{name}] not found"))
        };
        extraneous.or_else(missing).map(|mistake| {
            format!(
                "Properties validation failed for resource {logical_id} with message: {mistake}"
            )
        })
    }

    /// Whether a change cannot be made in place.
    pub(super) fn is_replaced(&self, old: &Value, new: &Value) -> bool {
        self.replacing.iter().any(|name| old[*name] != new[*name])
    }

    /// Returns its name or ARN outside of the stack.
    pub(super) fn physical_id(&self, state: &AwsState, properties: &Value) -> String {
        let name = text(&properties[self.name_property]);
        match self.name {
            "AWS::IAM::Role" => name,
            "AWS::IAM::ManagedPolicy" => {
                state.iam_arn(&format!("policy{}{name}", path_of(properties)))
            }
            _ => state.iam_arn(&format!(
                "oidc-provider/{}",
                name.trim_start_matches("https://")
            )),
        }
    }

    /// Returns the requests that make it. The first one makes it, the others complete it.
    pub(super) fn making(&self, physical: &str, properties: &Value) -> Vec<Request> {
        match self.name {
            "AWS::IAM::Role" => {
                let create = Request::new("CreateRole")
                    .with("RoleName", physical)
                    .with("Path", path_of(properties))
                    .with(
                        "AssumeRolePolicyDocument",
                        properties["AssumeRolePolicyDocument"].to_string(),
                    )
                    .maybe("Description", &properties["Description"])
                    .maybe("MaxSessionDuration", &properties["MaxSessionDuration"])
                    .maybe("PermissionsBoundary", &properties["PermissionsBoundary"])
                    .tags(&tags_of(properties));
                let mut requests = vec![create];
                requests.extend(attachments(properties).map(|arn| attach(physical, &arn)));
                requests.extend(
                    inline(properties)
                        .map(|(name, document)| put_inline(physical, &name, &document)),
                );
                requests
            }
            "AWS::IAM::ManagedPolicy" => {
                let create = Request::new("CreatePolicy")
                    .with("PolicyName", text(&properties["ManagedPolicyName"]))
                    .with("Path", path_of(properties))
                    .with("PolicyDocument", properties["PolicyDocument"].to_string())
                    .maybe("Description", &properties["Description"]);
                let mut requests = vec![create];
                requests.extend(list(&properties["Roles"]).map(|role| attach(&role, physical)));
                requests
            }
            _ => vec![
                Request::new("CreateOpenIDConnectProvider")
                    .maybe("Url", &properties["Url"])
                    .list("ClientIDList", list(&properties["ClientIdList"]))
                    .list("ThumbprintList", list(&properties["ThumbprintList"]))
                    .tags(&tags_of(properties)),
            ],
        }
    }

    /// Returns the requests that make it as intended; nothing when it is gone.
    pub(super) fn changing(
        &self,
        state: &AwsState,
        physical: &str,
        old: &Value,
        new: &Value,
    ) -> Option<Vec<Request>> {
        match self.name {
            "AWS::IAM::Role" => changes::role(state, physical, old, new),
            "AWS::IAM::ManagedPolicy" => changes::policy(state, physical, old, new),
            _ => changes::provider(state, physical, old, new),
        }
    }

    /// Returns the requests that remove it; none when it is gone.
    pub(super) fn removing(
        &self,
        state: &AwsState,
        physical: &str,
        properties: &Value,
    ) -> Vec<Request> {
        let mut requests = Vec::new();
        match self.name {
            "AWS::IAM::Role" => {
                let Some(role) = state.roles.get(physical) else {
                    return requests;
                };
                let attached = attachments(properties);
                requests.extend(
                    attached
                        .filter(|arn| role.grants.attached.contains_key(arn))
                        .map(|arn| detach(physical, &arn)),
                );
                let own = inline(properties);
                requests.extend(
                    own.filter(|(name, _)| role.grants.inline.contains_key(name))
                        .map(|(name, _)| {
                            Request::new("DeleteRolePolicy")
                                .with("RoleName", physical)
                                .with("PolicyName", name)
                        }),
                );
                requests.push(Request::new("DeleteRole").with("RoleName", physical));
            }
            "AWS::IAM::ManagedPolicy" => {
                let Some(policy) = state.policies.get(physical) else {
                    return requests;
                };
                let holders = list(&properties["Roles"]).filter(|role| {
                    let role = state.roles.get(role);
                    role.is_some_and(|role| role.grants.attached.contains_key(physical))
                });
                requests.extend(holders.map(|role| detach(&role, physical)));
                let others = policy
                    .versions
                    .iter()
                    .filter(|version| version.number != policy.default_version.current);
                requests.extend(others.map(|version| delete_version(physical, version.number)));
                requests.push(Request::new("DeletePolicy").with("PolicyArn", physical));
            }
            _ => {
                if state.providers.contains_key(physical) {
                    let delete = Request::new("DeleteOpenIDConnectProvider");
                    requests.push(delete.with("OpenIDConnectProviderArn", physical));
                }
            }
        }
        requests
    }
}

/// Returns the attribute of a resource.
pub(super) fn attribute(
    account: &str,
    resource: &Resource,
    physical: &str,
    wanted: &str,
) -> Option<String> {
    let kind = Kind::of(&resource.kind)?;
    (kind.attribute == wanted).then(|| match kind.name {
        "AWS::IAM::Role" => format!(
            "arn:aws:iam::{account}:role{}{physical}",
            path_of(&resource.properties)
        ),
        // Ref gives the ARN already.
        _ => physical.to_owned(),
    })
}

pub(super) fn attach(role: &str, arn: &str) -> Request {
    Request::new("AttachRolePolicy")
        .with("RoleName", role)
        .with("PolicyArn", arn)
}

pub(super) fn detach(role: &str, arn: &str) -> Request {
    Request::new("DetachRolePolicy")
        .with("RoleName", role)
        .with("PolicyArn", arn)
}

pub(super) fn put_inline(role: &str, name: &str, document: &Value) -> Request {
    Request::new("PutRolePolicy")
        .with("RoleName", role)
        .with("PolicyName", name)
        .with("PolicyDocument", document.to_string())
}

pub(super) fn delete_version(arn: &str, number: u32) -> Request {
    Request::new("DeletePolicyVersion")
        .with("PolicyArn", arn)
        .with("VersionId", format!("v{number}"))
}

pub(super) fn attachments(properties: &Value) -> impl Iterator<Item = String> {
    list(&properties["ManagedPolicyArns"])
}

pub(super) fn inline(properties: &Value) -> impl Iterator<Item = (String, Value)> {
    let policies = properties["Policies"].as_array().into_iter().flatten();
    policies.map(|policy| {
        (
            text(&policy["PolicyName"]),
            policy["PolicyDocument"].clone(),
        )
    })
}

fn path_of(properties: &Value) -> String {
    properties["Path"].as_str().unwrap_or("/").to_owned()
}

pub(super) fn tags_of(properties: &Value) -> Tags {
    let tags = properties["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"])))
        .collect()
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().map(text)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

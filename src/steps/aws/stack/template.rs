//! What a template says, as far as it can be told without CloudFormation.
//!
//! Two templates that lead to the same resources mean the same: comments, the order of keys, the
//! short and the long form of a function, and how the partition is written make no difference.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::clients::yaml;
use crate::steps::aws::identity::Grant;
use crate::steps::aws::policy::normal;

/// The type of a role.
pub(in crate::steps::aws) const ROLE: &str = "AWS::IAM::Role";
/// The type of a managed policy.
pub(in crate::steps::aws) const POLICY: &str = "AWS::IAM::ManagedPolicy";
/// The type of an OIDC provider.
pub(in crate::steps::aws) const PROVIDER: &str = "AWS::IAM::OIDCProvider";

/// A template, with the values that are known beforehand filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    sections: Map<String, Value>,
}

impl Template {
    /// Reads a template; nothing when it is none.
    pub(super) fn read(text: &str, grant: &Grant) -> Option<Self> {
        yaml::within_bounds(text.as_bytes()).ok()?;
        let yaml: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
        let Value::Object(mut sections) = filled(plain(yaml), grant) else {
            return None;
        };
        // What CloudFormation itself takes for no change.
        for name in ["AWSTemplateFormatVersion", "Description", "Metadata"] {
            sections.remove(name);
        }
        Some(Self { sections })
    }

    /// Whether two templates lead to the same resources.
    pub(super) fn means(&self, other: &Self) -> bool {
        meaning(&self.sections) == meaning(&other.sections)
    }

    /// Returns the properties of the first resource of a type.
    pub(super) fn properties(&self, kind: &str) -> Option<&Value> {
        let resources = self.sections.get("Resources")?.as_object()?;
        let found = resources.values().find(|resource| resource["Type"] == kind);
        found.map(|resource| &resource["Properties"])
    }

    /// Returns the names of the resources, with their types.
    pub(super) fn resources(&self) -> BTreeMap<&str, &str> {
        let resources = self.sections.get("Resources").and_then(Value::as_object);
        let named = resources.into_iter().flatten();
        named
            .map(|(name, resource)| (name.as_str(), resource["Type"].as_str().unwrap_or_default()))
            .collect()
    }
}

/// Whether a value still holds what only CloudFormation can fill in.
pub(super) fn is_open(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_open),
        Value::Object(members) => function(members).is_some() || members.values().any(is_open),
        _ => false,
    }
}

fn meaning(sections: &Map<String, Value>) -> Value {
    let mut sections = sections.clone();
    let resources = sections.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(Map::values_mut) {
        let Some(properties) = resource["Properties"].as_object_mut() else {
            continue;
        };
        for (name, value) in properties {
            match name.as_str() {
                "AssumeRolePolicyDocument" | "PolicyDocument" => *value = normal(value),
                "Tags" | "ClientIdList" | "ManagedPolicyArns" | "Roles" => sort(value),
                _ => {}
            }
        }
    }
    Value::Object(sections)
}

fn sort(value: &mut Value) {
    if let Value::Array(items) = value {
        items.sort_by_key(Value::to_string);
    }
}

/// Turns YAML into JSON, and the short forms of functions into the long ones.
fn plain(yaml: serde_yaml::Value) -> Value {
    use serde_yaml::Value as Yaml;
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            let value = plain(tagged.value);
            match (name, &value) {
                ("Ref" | "Condition", _) => json!({ name: value }),
                ("GetAtt", Value::String(path)) => {
                    let parts: Vec<&str> = path.splitn(2, '.').collect();
                    json!({ "Fn::GetAtt": parts })
                }
                _ => json!({ format!("Fn::{name}"): value }),
            }
        }
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(members) => {
            let members = members.into_iter().map(|(key, value)| {
                let key = key
                    .as_str()
                    .map_or_else(|| format!("{key:?}"), str::to_owned);
                (key, plain(value))
            });
            Value::Object(members.collect())
        }
        plain => serde_json::to_value(plain).unwrap_or_default(),
    }
}

/// Fills in what the run knows: partition and account.
fn filled(value: Value, grant: &Grant) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| filled(item, grant)).collect(),
        Value::Object(members) => match function(&members) {
            Some(("Ref", Value::String(name))) => {
                known(name, grant).map_or_else(|| json!({ "Ref": name }), Into::into)
            }
            Some(("Fn::Sub", Value::String(text))) => {
                let mut text = text.clone();
                for name in ["AWS::Partition", "AWS::AccountId"] {
                    let value = known(name, grant).unwrap_or_default();
                    text = text.replace(&format!("${{{name}}}"), &value);
                }
                if text.contains("${") {
                    json!({ "Fn::Sub": text })
                } else {
                    text.into()
                }
            }
            _ => {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(name, value)| (name, filled(value, grant)))
                        .collect(),
                )
            }
        },
        plain => plain,
    }
}

fn known(name: &str, grant: &Grant) -> Option<String> {
    match name {
        "AWS::Partition" => Some(grant.partition.clone()),
        "AWS::AccountId" => Some(grant.account.clone()),
        _ => None,
    }
}

/// The function that an object is, if it is one.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, value) = members.iter().next().filter(|_| members.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::aws::{Decisions, Identity, Ownership, TagNames};

    fn grant() -> Grant {
        Grant {
            partition: "aws".into(),
            account: "123451234512".into(),
            issuer: "oidc.example/id/1".into(),
            identity: Identity {
                role: "rok".into(),
                path: "/".into(),
                boundary: None,
                subject: "system:serviceaccount:rok:rok".into(),
                prefix: "rok-1".into(),
                stack: "rok".into(),
                ownership: Ownership {
                    cluster: "c".into(),
                    recipe: "r".into(),
                    cloud: TagNames::Aws,
                },
                adopt: Decisions::default(),
            },
        }
    }

    fn read(text: &str) -> Template {
        Template::read(text, &grant()).unwrap()
    }

    const SHORT: &str = "
Description: one
Resources:
  RokPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - { Effect: Allow, Action: s3:*, Resource: !Sub 'arn:${AWS::Partition}:s3:::rok-1*' }
      Roles: [!Ref RokRole]
  RokRole:
    Type: AWS::IAM::Role
    Properties: { RoleName: rok, Description: !GetAtt RokPolicy.PolicyArn }
";

    #[test]
    fn the_way_it_is_written_makes_no_difference() {
        let long = r#"{ "Description": "other", "Resources": {
            "RokRole": { "Type": "AWS::IAM::Role", "Properties": {
                "Description": { "Fn::GetAtt": ["RokPolicy", "PolicyArn"] }, "RoleName": "rok" } },
            "RokPolicy": { "Type": "AWS::IAM::ManagedPolicy", "Properties": {
                "Roles": [{ "Ref": "RokRole" }],
                "PolicyDocument": { "Statement": {
                    "Effect": "Allow", "Action": ["S3:*"], "Resource": "arn:aws:s3:::rok-1*" } } } } } }"#;
        assert!(read(SHORT).means(&read(long)));
        let wider = SHORT.replace("rok-1*", "rok-*");
        assert!(!read(SHORT).means(&read(&wider)));
        assert!(!read(SHORT).means(&read(&SHORT.replace("RoleName: rok", "RoleName: other"))));
    }

    #[test]
    fn what_only_the_service_knows_stays_open() {
        let template = read(SHORT);
        let policy = template.properties(POLICY).unwrap();
        assert!(!is_open(&policy["PolicyDocument"]));
        assert!(is_open(&policy["Roles"]));
        assert_eq!(template.properties(PROVIDER), None);
        assert_eq!(template.resources()["RokRole"], ROLE);
    }

    #[test]
    fn no_template_is_none() {
        for text in ["", "[]", "a: [", "- x"] {
            assert_eq!(Template::read(text, &grant()), None, "{text}");
        }
    }

    crate::corpus::fed!("yaml", feed);

    fn feed(yaml: &[u8]) {
        let text = String::from_utf8_lossy(yaml);
        if let Some(template) = Template::read(&text, &grant()) {
            assert!(template.means(&template));
        }
    }
}

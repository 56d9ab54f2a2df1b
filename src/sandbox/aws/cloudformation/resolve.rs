//! Intrinsic functions: `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::refusal::Refusal;
use super::resources::attribute;
use super::stack::Resource;

/// What names in a template mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) stack_name: &'a str,
    pub(super) stack_id: &'a str,
    pub(super) resources: &'a BTreeMap<String, Resource>,
}

/// Replaces every function by its value. What refers to a resource that is still to be made stays
/// recognisable as such.
pub(super) fn resolve(value: &Value, scope: Scope<'_>) -> Value {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| resolve(item, scope));
            items.filter(|item| !item.is_null()).collect()
        }
        Value::Object(members) => match function(members) {
            Some(("Ref", name)) => named(name.as_str().unwrap_or_default(), scope),
            Some(("Fn::GetAtt", path)) => {
                let (resource, attribute) = path_of(path);
                of_resource(resource, Some(attribute), scope)
            }
            Some(("Fn::Sub", text)) => substituted(text, scope),
            Some(("Fn::Join", parts)) => {
                let separator = parts[0].as_str().unwrap_or_default();
                let items = resolve(&parts[1], scope);
                let items = items.as_array().cloned().unwrap_or_default();
                let items: Vec<String> = items.iter().map(text).collect();
                items.join(separator).into()
            }
            _ => {
                let members = members
                    .iter()
                    .map(|(name, value)| (name.clone(), resolve(value, scope)))
                    .filter(|(_, value)| !value.is_null());
                Value::Object(members.collect())
            }
        },
        plain => plain.clone(),
    }
}

/// A logical id, and which attribute of the resource is meant, if one is.
pub(super) type Reference = (String, Option<String>);

/// Collects what a value refers to, and refuses functions that are not known.
pub(super) fn references(value: &Value, into: &mut BTreeSet<Reference>) -> Result<(), Refusal> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| references(item, into)),
        Value::Object(members) => match function(members) {
            Some(("Ref", name)) => {
                let name = name.as_str().ok_or_else(|| malformed("Ref"))?;
                refers(name, None, into)
            }
            Some(("Fn::GetAtt", path)) => {
                let (resource, attribute) = path_of(path);
                if resource.is_empty() || attribute.is_empty() {
                    return Err(malformed("Fn::GetAtt"));
                }
                refers(resource, Some(attribute), into)
            }
            Some(("Fn::Sub", given)) => {
                let (text, local) = sub_of(given);
                let text = text.ok_or_else(|| malformed("Fn::Sub"))?;
                for value in local.into_iter().flat_map(Map::values) {
                    references(value, into)?;
                }
                for name in placeholders(text) {
                    let is_local = local.is_some_and(|local| local.contains_key(name));
                    if !is_local {
                        let (resource, attribute) = match name.split_once('.') {
                            Some((resource, attribute)) => (resource, Some(attribute)),
                            None => (name, None),
                        };
                        refers(resource, attribute, into)?;
                    }
                }
                Ok(())
            }
            Some(("Fn::Join", parts)) => {
                if !parts[0].is_string() || !(parts[1].is_array() || parts[1].is_object()) {
                    return Err(malformed("Fn::Join"));
                }
                references(&parts[1], into)
            }
            Some((unknown, _)) => Err(Refusal::validation(format!(
                "Template error: the practice cloud does not know {unknown}"
            ))),
            None => members
                .values()
                .try_for_each(|value| references(value, into)),
        },
        _ => Ok(()),
    }
}

fn refers(
    name: &str,
    attribute: Option<&str>,
    into: &mut BTreeSet<Reference>,
) -> Result<(), Refusal> {
    if !name.starts_with("AWS::") {
        into.insert((name.to_owned(), attribute.map(str::to_owned)));
        return Ok(());
    }
    if PSEUDO.contains(&name) {
        return Ok(());
    }
    Err(super::template::format_error(&format!(
        "Unresolved resource dependencies [{name}] in the Resources block of the template"
    )))
}

const PSEUDO: [&str; 7] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// The function that an object is, if it is one.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, value) = members.iter().next().filter(|_| members.len() == 1)?;
    let is_function = name == "Ref" || name == "Condition" && value.is_string();
    (is_function || name.starts_with("Fn::")).then_some((name.as_str(), value))
}

fn named(name: &str, scope: Scope<'_>) -> Value {
    match name {
        "AWS::AccountId" => scope.account.into(),
        "AWS::Partition" => "aws".into(),
        "AWS::Region" => scope.region.into(),
        "AWS::StackId" => scope.stack_id.into(),
        "AWS::StackName" => scope.stack_name.into(),
        "AWS::URLSuffix" => "amazonaws.com".into(),
        "AWS::NoValue" => Value::Null,
        resource => of_resource(resource, None, scope),
    }
}

fn of_resource(name: &str, wanted: Option<&str>, scope: Scope<'_>) -> Value {
    let resource = scope.resources.get(name);
    let physical = resource.and_then(|resource| {
        let physical = resource.physical_id.as_deref()?;
        match wanted {
            None => Some(physical.to_owned()),
            Some(wanted) => attribute(scope.account, resource, physical, wanted),
        }
    });
    let unknown = || match wanted {
        Some(wanted) => format!("{{{{{name}.{wanted}}}}}"),
        None => format!("{{{{{name}}}}}"),
    };
    physical.unwrap_or_else(unknown).into()
}

fn substituted(given: &Value, scope: Scope<'_>) -> Value {
    let (template, local) = sub_of(given);
    let mut rest = template.unwrap_or_default();
    let mut whole = String::new();
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            whole.push_str("${");
            rest = after;
            continue;
        };
        rest = after;
        if let Some(literal) = name.strip_prefix('!') {
            whole.extend(["${", literal, "}"]);
        } else if let Some(value) = local.and_then(|local| local.get(name)) {
            whole.push_str(&text(&resolve(value, scope)));
        } else {
            let value = match name.split_once('.') {
                Some((resource, attribute)) => of_resource(resource, Some(attribute), scope),
                None => named(name, scope),
            };
            whole.push_str(&text(&value));
        }
    }
    whole.push_str(rest);
    whole.into()
}

/// The text of a `Fn::Sub`, and the names that it defines itself.
fn sub_of(given: &Value) -> (Option<&str>, Option<&Map<String, Value>>) {
    match given {
        Value::String(text) => (Some(text), None),
        Value::Array(parts) => (
            parts.first().and_then(Value::as_str),
            parts.get(1).and_then(Value::as_object),
        ),
        _ => (None, None),
    }
}

/// The names in `${…}`, without those that are to be taken literally.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .filter(|name| !name.starts_with('!'))
}

fn path_of(path: &Value) -> (&str, &str) {
    (
        path[0].as_str().unwrap_or_default(),
        path[1].as_str().unwrap_or_default(),
    )
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn malformed(function: &str) -> Refusal {
    Refusal::validation(format!(
        "Template error: {function} object has an unexpected shape"
    ))
}

//! A template and its parameters, read: what is to be deployed, in an order that can be done.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::refusal::Refusal;

/// What stands beside a resource's own content.
const NOT_CONTENT: &[&str] = &[
    "type",
    "name",
    "apiVersion",
    "dependsOn",
    "scope",
    "condition",
    "comments",
    "metadata",
    "resources",
    "resourceGroup",
    "subscriptionId",
];

/// A template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) variables: BTreeMap<String, Value>,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Value,
}

/// A resource, with expressions as they were written.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) name: Value,
    pub(super) api_version: String,
    /// What it is an extension of, where it is one.
    pub(super) scope: Option<Value>,
    /// The group it goes to, where it is another one.
    pub(super) group: Option<Value>,
    pub(super) condition: Option<Value>,
    pub(super) depends_on: Vec<Value>,
    /// What is sent to its provider.
    pub(super) content: Value,
}

impl Template {
    /// Reads `properties` of a deployment.
    pub(super) fn read(properties: &Value) -> Result<Self, Refusal> {
        let template = properties["template"].as_object().ok_or_else(|| {
            invalid("The practice cloud deploys templates that are sent with the request only.")
        })?;
        let mode = properties["mode"].as_str().unwrap_or("Incremental");
        if !mode.eq_ignore_ascii_case("Incremental") {
            return Err(invalid(
                "The practice cloud deploys in the mode Incremental only.",
            ));
        }
        let section = |name: &str| template.get(name).cloned().unwrap_or_default();
        let mut resources = Vec::new();
        match section("resources") {
            Value::Array(all) => {
                for resource in &all {
                    read_resource(resource, None, &mut resources)?;
                }
            }
            Value::Object(all) => {
                for resource in all.values() {
                    read_resource(resource, None, &mut resources)?;
                }
            }
            _ => return Err(invalid("The template has no resources.")),
        }
        Ok(Self {
            parameters: parameters(&section("parameters"), &properties["parameters"])?,
            variables: map(&section("variables")),
            resources,
            outputs: section("outputs"),
        })
    }
}

fn map(value: &Value) -> BTreeMap<String, Value> {
    let fields = value.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn parameters(declared: &Value, given: &Value) -> Result<BTreeMap<String, Value>, Refusal> {
    let given = map(given);
    let find = |name: &str| {
        let mut given = given.iter();
        given.find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    let declared = map(declared);
    for name in given.keys() {
        if !declared
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(invalid(&format!(
                "The following parameters were supplied, but do not correspond to any parameters \
                 defined in the template: '{name}'."
            )));
        }
    }
    let mut values = BTreeMap::new();
    for (name, declaration) in &declared {
        let value = match find(name) {
            Some((_, value)) => value["value"].clone(),
            None => declaration.get("defaultValue").cloned().ok_or_else(|| {
                invalid(&format!(
                    "The value for the template parameter '{name}' is not provided. Please see \
                     https://aka.ms/arm-create-parameter-file for usage details."
                ))
            })?,
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Reads a resource, and those that stand inside it after it.
fn read_resource(
    value: &Value,
    parent: Option<&Resource>,
    into: &mut Vec<Resource>,
) -> Result<(), Refusal> {
    let field = |name: &str| value.get(name).filter(|value| !value.is_null());
    if field("copy").is_some() {
        return Err(invalid(
            "The practice cloud does not copy resources of a template.",
        ));
    }
    let text = |name: &str| {
        field(name).and_then(Value::as_str).ok_or_else(|| {
            invalid(&format!(
                "The property '{name}' of a template resource is missing or no text."
            ))
        })
    };
    let (mut kind, mut name) = (text("type")?.to_owned(), Value::from(text("name")?));
    let mut depends_on: Vec<Value> = field("dependsOn")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if let Some(parent) = parent {
        kind = format!("{}/{kind}", parent.kind);
        name = match (parent.name.as_str(), name.as_str()) {
            (Some(first), Some(last)) if !first.starts_with('[') && !last.starts_with('[') => {
                format!("{first}/{last}").into()
            }
            _ => {
                return Err(invalid(
                    "Names of resources inside others must be plain texts.",
                ));
            }
        };
        depends_on.push(parent.name.clone());
    }
    let content = map(value)
        .into_iter()
        .filter(|(name, _)| !NOT_CONTENT.contains(&name.as_str()));
    let resource = Resource {
        kind,
        name,
        api_version: text("apiVersion")?.to_owned(),
        scope: field("scope").cloned(),
        group: field("resourceGroup").cloned(),
        condition: field("condition").cloned(),
        depends_on,
        content: Value::Object(content.collect()),
    };
    into.push(resource.clone());
    for child in field("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        read_resource(child, Some(&resource), into)?;
    }
    Ok(())
}

/// The template cannot be deployed as it is.
pub(super) fn invalid(message: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidTemplate",
        format!("Deployment template validation failed: '{message}'."),
    )
}

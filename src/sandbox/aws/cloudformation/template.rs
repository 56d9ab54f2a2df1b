//! Templates: what of CloudFormation's language the practice cloud knows. Everything else is
//! refused by its name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;
use super::resolve::{self, Reference};
use super::resources::Kind;

/// The largest template that comes with a request.
const LARGEST: usize = 51_200;

/// A template, read and checked.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) description: Option<String>,
    /// By logical id.
    pub(super) resources: BTreeMap<String, Declared>,
    pub(super) outputs: BTreeMap<String, Declaration>,
}

/// A resource as a template declares it.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) kind: String,
    pub(super) properties: Value,
    pub(super) needs: BTreeSet<String>,
    pub(super) is_retained: bool,
}

/// An output as a template declares it.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) value: Value,
    pub(super) description: Option<String>,
}

impl Template {
    /// Reads a template, in YAML or JSON.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > LARGEST {
            let rule = if text.is_empty() {
                "greater than or equal to 1"
            } else {
                "less than or equal to 51200"
            };
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy \
                 constraint: Member must have length {rule}"
            )));
        }
        let yaml = serde_yaml::Deserializer::from_str(text);
        let yaml = serde_yaml::Value::deserialize(yaml)
            .map_err(|error| format_error(&format!("YAML not well-formed. ({error})")))?;
        let Value::Object(mut sections) = plain(yaml)? else {
            return Err(format_error("unsupported structure."));
        };
        if let Some(version) = sections.remove("AWSTemplateFormatVersion")
            && version != "2010-09-09"
        {
            return Err(format_error("invalid value for AWSTemplateFormatVersion"));
        }
        let description = match sections.remove("Description") {
            None => None,
            Some(Value::String(description)) => Some(description),
            Some(_) => return Err(format_error("Description must be a string")),
        };
        sections.remove("Metadata");
        let resources = of_section(&mut sections, "Resources")?;
        let outputs = of_section(&mut sections, "Outputs")?;
        if let Some(unknown) = sections.keys().next() {
            return Err(Refusal::validation(format!(
                "Invalid template property or properties [{unknown}] (the practice cloud knows \
                 Description, Metadata, Resources and Outputs)"
            )));
        }
        if resources.is_empty() {
            return Err(format_error(
                "At least one Resources member must be defined.",
            ));
        }
        let mut references = BTreeSet::new();
        let declared = resources.into_iter().map(|(name, value)| {
            let declared = declared(&name, value, &mut references)?;
            Ok((name, declared))
        });
        let resources = declared.collect::<Result<_, Refusal>>()?;
        let outputs = outputs.into_iter().map(|(name, value)| {
            let declaration = declaration(&name, &value)?;
            resolve::references(&declaration.value, &mut references)?;
            Ok((name, declaration))
        });
        let outputs = outputs.collect::<Result<_, Refusal>>()?;
        let template = Self {
            description,
            resources,
            outputs,
        };
        template.check_references(&references)?;
        template.order()?;
        Ok(template)
    }

    /// Returns the logical ids in an order in which each comes after what it needs.
    pub(super) fn order(&self) -> Result<Vec<String>, Refusal> {
        let mut order: Vec<String> = Vec::new();
        while order.len() < self.resources.len() {
            let ready = self.resources.iter().filter(|(name, declared)| {
                !order.contains(name) && declared.needs.iter().all(|need| order.contains(need))
            });
            let ready: Vec<String> = ready.map(|(name, _)| name.clone()).collect();
            if ready.is_empty() {
                let rest = self.resources.keys().filter(|name| !order.contains(name));
                let rest: Vec<_> = rest.cloned().collect();
                return Err(Refusal::validation(format!(
                    "Circular dependency between resources: [{}]",
                    rest.join(", ")
                )));
            }
            order.extend(ready);
        }
        Ok(order)
    }

    /// Returns the capability that the caller has to acknowledge, if any.
    pub(super) fn capability(&self) -> Option<&'static str> {
        let needing = self.resources.values().filter_map(|declared| {
            let kind = Kind::of(&declared.kind)?;
            kind.needs_capability
                .then(|| !declared.properties[kind.name_property].is_null())
        });
        let named = needing.max()?;
        Some(if named {
            "CAPABILITY_NAMED_IAM"
        } else {
            "CAPABILITY_IAM"
        })
    }

    fn check_references(&self, references: &BTreeSet<Reference>) -> Result<(), Refusal> {
        let needs = self.resources.values().flat_map(|declared| &declared.needs);
        let named = references.iter().map(|(name, _)| name);
        let missing: BTreeSet<_> = needs
            .chain(named)
            .filter(|name| !self.resources.contains_key(*name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().collect();
            return Err(format_error(&format!(
                "Unresolved resource dependencies [{}] in the Resources block of the template",
                missing.join(", ")
            )));
        }
        for (name, attribute) in references {
            let (Some(attribute), Some(declared)) = (attribute, self.resources.get(name)) else {
                continue;
            };
            if Kind::of(&declared.kind).is_none_or(|kind| kind.attribute != attribute) {
                return Err(Refusal::validation(format!(
                    "Template error: resource {name} does not support attribute type {attribute} \
                     in Fn::GetAtt"
                )));
            }
        }
        Ok(())
    }
}

fn of_section(
    sections: &mut Map<String, Value>,
    name: &str,
) -> Result<Map<String, Value>, Refusal> {
    match sections.remove(name) {
        None => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(format_error(&format!("{name} must be an object"))),
    }
}

fn declared(
    name: &str,
    value: Value,
    references: &mut BTreeSet<Reference>,
) -> Result<Declared, Refusal> {
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(format_error(&format!(
            "Resource name {name} is non alphanumeric."
        )));
    }
    let Value::Object(mut members) = value else {
        return Err(format_error(&format!(
            "[/Resources/{name}] resource definition is malformed"
        )));
    };
    let Some(Value::String(kind)) = members.remove("Type") else {
        return Err(format_error(&format!(
            "[/Resources/{name}] Every Resources object must contain a Type member."
        )));
    };
    if Kind::of(&kind).is_none() {
        return Err(format_error(&format!(
            "Unrecognized resource types: [{kind}]"
        )));
    }
    let properties = members.remove("Properties").unwrap_or_else(|| json!({}));
    let mut own = BTreeSet::new();
    resolve::references(&properties, &mut own)?;
    let mut needs: BTreeSet<String> = own.iter().map(|(name, _)| name.clone()).collect();
    references.extend(own);
    match members.remove("DependsOn") {
        None => {}
        Some(Value::String(other)) => {
            needs.insert(other);
        }
        Some(Value::Array(others)) => {
            needs.extend(
                others
                    .iter()
                    .filter_map(|other| other.as_str().map(str::to_owned)),
            );
        }
        Some(_) => return Err(format_error("DependsOn must be a string or a list")),
    }
    let is_retained = members
        .remove("DeletionPolicy")
        .is_some_and(|policy| policy == "Retain");
    members.remove("Metadata");
    members.remove("UpdateReplacePolicy");
    if let Some(unknown) = members.keys().next() {
        return Err(Refusal::validation(format!(
            "Invalid template resource property '{unknown}'"
        )));
    }
    Ok(Declared {
        kind,
        properties,
        needs,
        is_retained,
    })
}

fn declaration(name: &str, value: &Value) -> Result<Declaration, Refusal> {
    if value["Value"].is_null() {
        return Err(format_error(&format!(
            "Output {name} is malformed: it has no Value"
        )));
    }
    Ok(Declaration {
        value: value["Value"].clone(),
        description: value["Description"].as_str().map(str::to_owned),
    })
}

/// Turns YAML into JSON, and the short forms of functions into the long ones: `!Sub x` into
/// `{"Fn::Sub": "x"}`.
fn plain(yaml: serde_yaml::Value) -> Result<Value, Refusal> {
    use serde_yaml::Value as Yaml;
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        // All of CloudFormation's own fields are texts.
        Yaml::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.to_string().into(),
        },
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items
            .into_iter()
            .map(plain)
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        Yaml::Mapping(members) => {
            let mut plainly = Map::new();
            for (key, value) in members {
                let Yaml::String(key) = key else {
                    return Err(format_error("every key must be a string"));
                };
                plainly.insert(key, plain(value)?);
            }
            plainly.into()
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            let value = plain(tagged.value)?;
            match (name, &value) {
                ("Ref", _) => json!({ "Ref": value }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                _ => Value::Object(Map::from_iter([(format!("Fn::{name}"), value)])),
            }
        }
    })
}

pub(super) fn format_error(what: &str) -> Refusal {
    Refusal::validation(format!("Template format error: {what}"))
}

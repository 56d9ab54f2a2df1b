//! What template expressions come to.

use std::collections::BTreeMap;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use super::expression::{Expression, Meaning, read};

/// The namespace of the GUIDs that templates draw from texts.
const NAMESPACE: [u8; 16] = [
    0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd, 0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30,
];

/// Why something has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// It refers to a resource that is not there yet.
    Later(String),
    /// It never will have one.
    Invalid(String),
}

/// What an expression may refer to.
pub(super) struct Surroundings<'a> {
    pub(super) parameters: &'a BTreeMap<String, Value>,
    pub(super) variables: &'a BTreeMap<String, Value>,
    /// `/subscriptions/…/resourceGroups/…`
    pub(super) group: &'a str,
    /// What `resourceGroup()` says.
    pub(super) group_document: &'a Value,
    pub(super) tenant: &'a str,
    pub(super) deployment: &'a str,
    /// Returns the `properties` of a resource, or all of it.
    pub(super) reference: &'a dyn Fn(&str, bool) -> Option<Value>,
}

impl Surroundings<'_> {
    /// Evaluates all texts in a value.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, Missing> {
        Ok(match value {
            Value::String(text) => match read(text).map_err(Missing::Invalid)? {
                Meaning::Literal(text) => text.into(),
                Meaning::Expression(expression) => self.evaluate(&expression)?,
            },
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.resolve(value)?)));
                Value::Object(fields.collect::<Result<_, Missing>>()?)
            }
            other => other.clone(),
        })
    }

    /// Evaluates what must be a text.
    pub(super) fn text(&self, value: &Value) -> Result<String, Missing> {
        match self.resolve(value)? {
            Value::String(text) => Ok(text),
            other => Err(Missing::Invalid(format!("'{other}' is not a text."))),
        }
    }

    fn evaluate(&self, expression: &Expression) -> Result<Value, Missing> {
        Ok(match expression {
            Expression::Text(text) => text.as_str().into(),
            Expression::Number(number) => (*number).into(),
            Expression::Member(inner, name) => {
                let inner = self.evaluate(inner)?;
                member(&inner, name)?
            }
            Expression::Index(inner, index) => {
                let inner = self.evaluate(inner)?;
                match self.evaluate(index)? {
                    Value::String(name) => member(&inner, &name)?,
                    index => {
                        let place = index.as_u64().and_then(|place| usize::try_from(place).ok());
                        let item = place.and_then(|place| inner.get(place)).cloned();
                        item.ok_or_else(|| {
                            Missing::Invalid(format!("The index '{index}' is out of bounds."))
                        })?
                    }
                }
            }
            Expression::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> Result<Value, Missing> {
        // Only the branch that is taken has to have a value.
        if name.eq_ignore_ascii_case("if") {
            let [condition, then, otherwise] = arguments else {
                return Err(wrong(name));
            };
            let holds = self.evaluate(condition)? == Value::Bool(true);
            return self.evaluate(if holds { then } else { otherwise });
        }
        let values = arguments
            .iter()
            .map(|argument| self.evaluate(argument))
            .collect::<Result<Vec<_>, _>>()?;
        let texts: Vec<String> = values.iter().map(as_text).collect();
        let first = texts.first().map(String::as_str).ok_or_else(|| wrong(name));
        Ok(match name.to_ascii_lowercase().as_str() {
            "parameters" => named(self.parameters, first?, "parameter")?,
            "variables" => named(self.variables, first?, "variable")?,
            "resourcegroup" => self.group_document.clone(),
            "subscription" => {
                let id = self.subscription();
                let guid = super::super::path::name_of(id);
                json!({ "id": id, "subscriptionId": guid, "tenantId": self.tenant })
            }
            "tenant" => json!({ "tenantId": self.tenant }),
            "deployment" => json!({ "name": self.deployment }),
            "resourceid" => self.resource_id(&texts)?.into(),
            "subscriptionresourceid" => below(self.subscription(), &texts)?.into(),
            "tenantresourceid" => below("", &texts)?.into(),
            "extensionresourceid" => below(first?, &texts[1..])?.into(),
            "reference" => self.look_up(first?, texts.get(2).is_some_and(|how| how == "Full"))?,
            "guid" => guid(&texts.join("-")).into(),
            "concat" if values.iter().all(Value::is_array) => {
                let items = values.iter().filter_map(Value::as_array).flatten();
                Value::Array(items.cloned().collect())
            }
            "concat" => texts.concat().into(),
            "format" => format(first?, &texts[1..]).into(),
            "tolower" => first?.to_lowercase().into(),
            "toupper" => first?.to_uppercase().into(),
            "string" => first?.into(),
            "replace" if texts.len() == 3 => texts[0].replace(&texts[1], &texts[2]).into(),
            "equals" if values.len() == 2 => (values[0] == values[1]).into(),
            "not" => (values.first() == Some(&Value::Bool(false))).into(),
            "empty" => match values.first().ok_or_else(|| wrong(name))? {
                Value::Array(items) => items.is_empty().into(),
                Value::Object(fields) => fields.is_empty().into(),
                Value::Null => true.into(),
                other => as_text(other).is_empty().into(),
            },
            "createarray" => Value::Array(values),
            "true" => true.into(),
            "false" => false.into(),
            "null" => Value::Null,
            _ => return Err(wrong(name)),
        })
    }

    fn subscription(&self) -> &str {
        let end = self
            .group
            .find("/resourceGroups")
            .unwrap_or(self.group.len());
        &self.group[..end]
    }

    /// `([subscription,] [group,] type, name, …)`
    fn resource_id(&self, texts: &[String]) -> Result<String, Missing> {
        let kind = texts.iter().position(|text| text.contains('/'));
        let kind = kind.ok_or_else(|| wrong("resourceId"))?;
        let scope = match &texts[..kind] {
            [] => self.group.to_owned(),
            [group] => format!("{}/resourceGroups/{group}", self.subscription()),
            [subscription, group] => {
                format!("/subscriptions/{subscription}/resourceGroups/{group}")
            }
            _ => return Err(wrong("resourceId")),
        };
        below(&scope, &texts[kind..])
    }

    fn look_up(&self, id: &str, whole: bool) -> Result<Value, Missing> {
        (self.reference)(id, whole).ok_or_else(|| Missing::Later(id.to_owned()))
    }
}

/// The id of a resource of a type, with a name for each part of the type.
pub(super) fn below(scope: &str, type_and_names: &[String]) -> Result<String, Missing> {
    let (kind, names) = type_and_names
        .split_first()
        .ok_or_else(|| wrong("resourceId"))?;
    let mut parts = kind.split('/');
    let namespace = parts.next().unwrap_or_default();
    let types: Vec<&str> = parts.collect();
    if types.len() != names.len() || types.is_empty() {
        return Err(Missing::Invalid(format!(
            "The type '{kind}' needs {} names, and {} are given.",
            types.len(),
            names.len()
        )));
    }
    let pairs = types.iter().zip(names);
    Ok(pairs.fold(
        format!("{scope}/providers/{namespace}"),
        |id, (kind, name)| format!("{id}/{kind}/{name}"),
    ))
}

fn named(values: &BTreeMap<String, Value>, name: &str, what: &str) -> Result<Value, Missing> {
    let mut known = values.iter();
    known
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
        .ok_or_else(|| Missing::Invalid(format!("The template {what} '{name}' is not found.")))
}

fn member(value: &Value, name: &str) -> Result<Value, Missing> {
    let fields = value.as_object().into_iter().flatten();
    let mut found = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.clone()).ok_or_else(|| {
        Missing::Invalid(format!(
            "The language expression property '{name}' doesn't exist."
        ))
    })
}

fn wrong(function: &str) -> Missing {
    Missing::Invalid(format!(
        "The practice cloud does not know the template function '{function}' with these arguments."
    ))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Fills `{0}`, `{1}` and so on.
fn format(pattern: &str, values: &[String]) -> String {
    let mut text = pattern.to_owned();
    for (place, value) in values.iter().enumerate() {
        text = text.replace(&format!("{{{place}}}"), value);
    }
    text
}

/// A name-based UUID (version 5).
fn guid(text: &str) -> String {
    let hash = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        &[&NAMESPACE[..], text.as_bytes()].concat(),
    );
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g";

    fn value(text: &str) -> Result<Value, Missing> {
        let parameters = BTreeMap::from([("name".to_owned(), json!("rok"))]);
        let variables = BTreeMap::from([("list".to_owned(), json!(["a", "b"]))]);
        let surroundings = Surroundings {
            parameters: &parameters,
            variables: &variables,
            group: GROUP,
            group_document: &json!({ "location": "eastus" }),
            tenant: "t",
            deployment: "d",
            reference: &|id, _| {
                id.ends_with("/known")
                    .then(|| json!({ "principalId": "p" }))
            },
        };
        surroundings.resolve(&json!(text))
    }

    #[test]
    fn functions_of_our_templates_have_their_values() {
        for (text, expected) in [
            ("rok", json!("rok")),
            ("[parameters('NAME')]", json!("rok")),
            ("[variables('list')[1]]", json!("b")),
            ("[concat('a', parameters('name'))]", json!("arok")),
            ("[format('{0}-{1}', 'a', 1)]", json!("a-1")),
            ("[resourceGroup().location]", json!("eastus")),
            (
                "[resourceId('N.A/b/c', 'x', 'y')]",
                json!(format!("{GROUP}/providers/N.A/b/x/c/y")),
            ),
            (
                "[resourceId('other', 'N.A/b', 'x')]",
                json!("/subscriptions/s/resourceGroups/other/providers/N.A/b/x"),
            ),
            (
                "[subscriptionResourceId('N.A/b', 'x')]",
                json!("/subscriptions/s/providers/N.A/b/x"),
            ),
            ("[reference('/x/known', '2023').principalId]", json!("p")),
            (
                "[if(equals('a', 'a'), 'yes', reference('/x').no)]",
                json!("yes"),
            ),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
        let later = value("[reference('/x/other').principalId]");
        assert_eq!(later, Err(Missing::Later("/x/other".into())));
        assert!(matches!(value("[newGuid()]"), Err(Missing::Invalid(_))));
    }

    #[test]
    fn a_guid_follows_from_its_texts() {
        let first = value("[guid('a', 'b')]").unwrap();
        assert_eq!(first, value("[guid('a', 'b')]").unwrap());
        assert_ne!(first, value("[guid('ab')]").unwrap());
        assert_eq!(&first.as_str().unwrap()[14..15], "5");
    }
}

//! Policy documents: their structure and what they decide.

mod check;

use serde_json::{Map, Value};

use super::condition::{Condition, Context};
use super::pattern::matches;

pub(super) use check::invalid_principal;

/// Where a document stands decides what it must and must not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Managed, inline, boundary: says what its holder may do.
    Identity,
    /// A role's trust: says who may become it.
    Trust,
}

/// Why a document is refused, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) String);

/// A policy document that has the right structure.
#[derive(Debug, Clone)]
pub(super) struct Document {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    allow: bool,
    actions: Clause,
    /// A trust statement has none: its resource is the role it stands on.
    resources: Option<Clause>,
    principals: Option<Principals>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone)]
struct Clause {
    patterns: Vec<String>,
    negated: bool,
}

#[derive(Debug, Clone)]
struct Principals {
    /// Pairs of a type (`AWS`, `Federated`, `Service`, `*`) and a value.
    entries: Vec<(String, String)>,
    negated: bool,
}

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) context: &'a Context,
}

/// What a set of documents says. A denial beats everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    ImplicitDeny,
    Allowed,
    ExplicitDeny,
}

impl Document {
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, Malformed> {
        let syntax = || {
            Malformed(match kind {
                Kind::Identity => "Syntax errors in policy.".into(),
                Kind::Trust => "This policy contains invalid Json".into(),
            })
        };
        let value: Value = serde_json::from_str(text).map_err(|_| syntax())?;
        let object = value.as_object().ok_or_else(syntax)?;
        if object
            .keys()
            .any(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
        {
            return Err(Malformed("Syntax errors in policy.".into()));
        }
        match object.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => return Err(Malformed("Syntax errors in policy.".into())),
        }
        let listed = match object.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(Malformed("Syntax errors in policy.".into())),
        };
        let statements = listed
            .iter()
            .map(|statement| Statement::parse(statement, kind))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// A document that allows nothing.
    pub(super) fn silent() -> Self {
        Self {
            statements: Vec::new(),
        }
    }

    /// Decides for one who already holds the document.
    pub(super) fn decide(&self, request: Request<'_>) -> Decision {
        self.strongest(|statement| statement.applies(request))
    }

    /// Decides for a trust document: `names` tells whether a principal entry means the caller.
    pub(super) fn decide_trust(
        &self,
        request: Request<'_>,
        names: impl Fn(&str, &str) -> bool,
    ) -> Decision {
        self.strongest(|statement| {
            let is_meant = statement.principals.as_ref().is_some_and(|principals| {
                principals
                    .entries
                    .iter()
                    .any(|(kind, value)| names(kind, value))
                    != principals.negated
            });
            is_meant && statement.applies(request)
        })
    }

    /// The principals of its statements: type and value.
    pub(super) fn principals(&self) -> impl Iterator<Item = &(String, String)> {
        self.statements
            .iter()
            .filter_map(|statement| statement.principals.as_ref())
            .flat_map(|principals| &principals.entries)
    }

    /// The condition keys it looks at.
    pub(super) fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .map(|condition| condition.key.as_str())
    }

    fn strongest(&self, applies: impl Fn(&Statement) -> bool) -> Decision {
        self.statements
            .iter()
            .filter(|statement| applies(statement))
            .map(|statement| {
                if statement.allow {
                    Decision::Allowed
                } else {
                    Decision::ExplicitDeny
                }
            })
            .max()
            .unwrap_or(Decision::ImplicitDeny)
    }
}

impl Statement {
    fn parse(value: &Value, kind: Kind) -> Result<Self, Malformed> {
        let syntax = || Malformed("Syntax errors in policy.".into());
        let object = value.as_object().ok_or_else(syntax)?;
        let known = [
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Principal",
            "NotPrincipal",
            "Condition",
        ];
        if object.keys().any(|key| !known.contains(&key.as_str())) {
            return Err(syntax());
        }
        let allow = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(syntax()),
        };
        let actions = Clause::parse(object, "Action", "NotAction")?
            .ok_or_else(|| Malformed("Policy statement must contain actions.".into()))?;
        let resources = Clause::parse(object, "Resource", "NotResource")?;
        let principals = Principals::parse(object)?;
        match kind {
            Kind::Identity => check::identity(&actions, resources.as_ref(), principals.as_ref())?,
            Kind::Trust => check::trust(&actions, resources.as_ref(), principals.as_ref())?,
        }
        Ok(Self {
            allow,
            actions,
            resources,
            principals,
            conditions: conditions(object.get("Condition"))?,
        })
    }

    fn applies(&self, request: Request<'_>) -> bool {
        let action = self.actions.covers(|pattern| {
            matches(
                &pattern.to_ascii_lowercase(),
                &request.action.to_ascii_lowercase(),
            )
        });
        action
            && self.resources.as_ref().is_none_or(|resources| {
                resources
                    .covers(|pattern| matches(&request.context.expand(pattern), request.resource))
            })
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(request.context))
    }
}

impl Clause {
    fn parse(
        object: &Map<String, Value>,
        name: &str,
        negated_name: &str,
    ) -> Result<Option<Self>, Malformed> {
        let (value, negated) = match (object.get(name), object.get(negated_name)) {
            (None, None) => return Ok(None),
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            (Some(_), Some(_)) => return Err(Malformed("Syntax errors in policy.".into())),
        };
        let patterns = strings(value).ok_or(Malformed("Syntax errors in policy.".into()))?;
        Ok((!patterns.is_empty()).then_some(Self { patterns, negated }))
    }

    fn covers(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.negated
    }
}

impl Principals {
    fn parse(object: &Map<String, Value>) -> Result<Option<Self>, Malformed> {
        let (value, negated) = match (object.get("Principal"), object.get("NotPrincipal")) {
            (None, None) => return Ok(None),
            (Some(value), _) => (value, false),
            (None, Some(value)) => (value, true),
        };
        let invalid = || Malformed("Invalid principal in policy.".into());
        let entries = match value {
            Value::String(all) if all == "*" => vec![("*".into(), "*".into())],
            Value::Object(kinds) => {
                let mut entries = Vec::new();
                for (kind, values) in kinds {
                    if !["AWS", "Federated", "Service", "CanonicalUser"].contains(&kind.as_str()) {
                        return Err(invalid());
                    }
                    let values = strings(values).ok_or_else(invalid)?;
                    entries.extend(values.into_iter().map(|value| (kind.clone(), value)));
                }
                entries
            }
            _ => return Err(invalid()),
        };
        Ok(Some(Self { entries, negated }))
    }
}

fn conditions(value: Option<&Value>) -> Result<Vec<Condition>, Malformed> {
    let syntax = || Malformed("Syntax errors in policy.".into());
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let mut conditions = Vec::new();
    for (operator, keys) in value.as_object().ok_or_else(syntax)? {
        for (key, values) in keys.as_object().ok_or_else(syntax)? {
            let values = strings(values).ok_or_else(syntax)?;
            let condition = Condition::parse(operator, key, values)
                .ok_or_else(|| Malformed(format!("Invalid Condition type : {operator}.")))?;
            if !key.contains(':') {
                return Err(Malformed(check::VENDOR.into()));
            }
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

/// One string or a list of them; numbers and booleans count as their text.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        other => Some(vec![scalar(other)?]),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::corpus::fed!("policy", feed);

    /// Whatever a document says, a request can be decided, and none that is refused decides.
    fn feed(text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let context = Context::default()
            .with("aws:username", "operator")
            .with("oidc.example/id/1:sub", "system:serviceaccount:rok:rok");
        let request = Request {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::rok-123451234512-us-west-2/*/${x}",
            context: &context,
        };
        for kind in [Kind::Identity, Kind::Trust] {
            match Document::parse(&text, kind) {
                Ok(document) => {
                    let decided = document.decide(request);
                    assert_eq!(document.decide(request), decided);
                    document.decide_trust(request, |_, value| value.starts_with("arn:"));
                    assert!(document.condition_keys().all(|key| key.contains(':')));
                }
                Err(malformed) => assert!(!malformed.0.is_empty()),
            }
        }
    }
}

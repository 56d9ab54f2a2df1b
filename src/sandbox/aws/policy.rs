//! Policy documents: their structure, the texts for a bad one, and what they decide.

use serde_json::{Map, Value};

use super::condition::{Condition, Context};

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
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(Malformed("Syntax errors in policy.".into())),
        };
        let statements = statements
            .iter()
            .map(|statement| Statement::parse(statement, kind))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
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
            let named = statement.principals.as_ref().is_some_and(|principals| {
                principals
                    .entries
                    .iter()
                    .any(|(kind, value)| names(kind, value))
                    != principals.negated
            });
            named && statement.applies(request)
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
            Kind::Identity => check_identity(&actions, resources.as_ref(), principals.as_ref())?,
            Kind::Trust => check_trust(&actions, resources.as_ref(), principals.as_ref())?,
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
                return Err(Malformed(VENDOR.into()));
            }
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

fn check_identity(
    actions: &Clause,
    resources: Option<&Clause>,
    principals: Option<&Principals>,
) -> Result<(), Malformed> {
    if principals.is_some() {
        return Err(Malformed(
            "Policy document should not specify a principal.".into(),
        ));
    }
    if actions
        .patterns
        .iter()
        .any(|action| action != "*" && !action.contains(':'))
    {
        return Err(Malformed(VENDOR.into()));
    }
    let resources =
        resources.ok_or(Malformed("Policy statement must contain resources.".into()))?;
    for resource in &resources.patterns {
        let mut parts = resource.split(':');
        match (parts.next(), parts.next()) {
            (Some("*"), None) => {}
            (Some("arn"), Some(partition)) => {
                let valid = ["aws", "aws-cn", "aws-us-gov", "*"].contains(&partition);
                if !valid {
                    return Err(Malformed(format!(
                        "Partition \"{partition}\" is not valid for resource \"{resource}\"."
                    )));
                }
                if resource.splitn(6, ':').count() < 6 && !resource.ends_with('*') {
                    return Err(Malformed("The policy failed legacy parsing".into()));
                }
            }
            _ => {
                return Err(Malformed(format!(
                    "Resource {resource} must be in ARN format or \"*\"."
                )));
            }
        }
    }
    Ok(())
}

fn check_trust(
    actions: &Clause,
    resources: Option<&Clause>,
    principals: Option<&Principals>,
) -> Result<(), Malformed> {
    if resources.is_some() {
        return Err(Malformed("Has prohibited field Resource".into()));
    }
    let principals = principals.ok_or(Malformed("Missing required field Principal".into()))?;
    let is_sts = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("sts:");
    if !actions.patterns.iter().all(is_sts) {
        return Err(Malformed(
            "AssumeRole policy may only specify STS AssumeRole actions.".into(),
        ));
    }
    for (kind, value) in &principals.entries {
        let valid = match kind.as_str() {
            "Federated" => value.starts_with("arn:") || !value.contains(':'),
            "AWS" => {
                value == "*"
                    || value.starts_with("arn:")
                    || (value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()))
                    || ["AROA", "AIDA"]
                        .iter()
                        .any(|prefix| value.starts_with(prefix))
            }
            _ => true,
        };
        if !valid {
            return Err(invalid_principal(kind, value));
        }
    }
    Ok(())
}

pub(super) fn invalid_principal(kind: &str, value: &str) -> Malformed {
    Malformed(format!(
        "Invalid principal in policy: \"{kind}\":\"{value}\""
    ))
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

/// Matches with `*` for any run of letters and `?` for one.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), value.chars().collect());
    let (mut at, mut position) = (0, 0);
    // Where the last star stood, and how much of the value it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while position < value.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == value[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((start, taken)) => {
                    star = Some((start, taken + 1));
                    at = start + 1;
                    position = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}

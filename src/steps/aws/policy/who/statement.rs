//! One statement of a trust policy.
//!
//! "Policy elements" in the IAM User Guide: a statement has either `Action` or `NotAction` and
//! either `Principal` or `NotPrincipal`; a `Not…` list means everything but what it lists. Actions
//! are patterns and compare without case; a principal is named whole, since "you cannot use a
//! wildcard to match part of a principal name or ARN". For callers without credentials, as those
//! with a token are, `"*"` and `{"AWS": "*"}` are the same.

use serde_json::{Map, Value};

use super::super::document::list;
use super::super::pattern::is_like;
use super::admitted::Token;
use super::certainty::Certainty;
use super::condition::Condition;

/// What a token is traded in for a session by, in lower case as actions are compared.
const ASSUMING: &str = "sts:assumerolewithwebidentity";

/// The fields that IAM knows in a trust policy.
const FIELDS: [&str; 7] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Principal",
    "NotPrincipal",
    "Condition",
];

/// A statement of a trust policy.
#[derive(Debug, Clone)]
pub(in crate::steps) struct Statement {
    pub(super) effect: Effect,
    actions: Clause<String>,
    about_tokens: Certainty,
    pub(super) principals: Clause<Principal>,
    pub(in crate::steps) conditions: Vec<Condition>,
    /// What of it was not understood, apart from the names of operators and keys.
    pub(super) unclear: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
    /// Neither word: it may be any.
    Unknown,
}

/// A list, or everything but a list.
#[derive(Debug, Clone)]
pub(super) struct Clause<T> {
    pub(super) values: Vec<T>,
    pub(super) negated: bool,
    /// Whether the list has more, which was not understood.
    unclear: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    /// Everybody.
    Anyone,
    /// Every identity provider.
    AnyProvider,
    /// One identity provider, by ARN or by name.
    Provider(String),
    /// Accounts, roles and users.
    Aws(String),
    Service(String),
}

impl Statement {
    pub(in crate::steps) fn parse(statement: &Value) -> Self {
        let empty = Map::new();
        let mut unclear = Vec::new();
        let fields = statement.as_object().unwrap_or_else(|| {
            unclear.push(format!("found {statement}, expected an object"));
            &empty
        });
        let unknown = fields
            .keys()
            .filter(|name| !FIELDS.contains(&name.as_str()));
        unclear.extend(unknown.map(|name| format!("`{name}` is no field of a trust policy")));
        let effect = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => {
                unclear.push("`Effect` is neither `Allow` nor `Deny`".into());
                Effect::Unknown
            }
        };
        let actions = Clause::parse(fields, "Action", "NotAction", actions);
        let principals = Clause::parse(fields, "Principal", "NotPrincipal", principals);
        for (clause, is_unclear) in [
            ("Action", actions.unclear),
            ("Principal", principals.unclear),
        ] {
            if is_unclear {
                unclear.push(format!("`{clause}` is missing, or not of IAM's form"));
            }
        }
        let mut conditions = Vec::new();
        match fields.get("Condition") {
            None | Some(Value::Null) => {}
            Some(Value::Object(operators)) => {
                let known = |name: &str, keys: &Value| -> Option<Vec<Condition>> {
                    let keys = keys.as_object()?.iter();
                    keys.map(|(key, values)| Condition::parse(name, key, values))
                        .collect()
                };
                for (name, keys) in operators {
                    match known(name, keys) {
                        Some(known) => conditions.extend(known),
                        None => unclear.push(format!("`{name}` of `Condition` is {keys}")),
                    }
                }
            }
            Some(unknown) => unclear.push(format!("`Condition` is {unknown}")),
        }
        Self {
            effect,
            about_tokens: actions.covers(|pattern| is_like(pattern, ASSUMING)),
            actions,
            principals,
            conditions,
            unclear,
        }
    }

    /// Whether it lets in who shows the token, as long as nothing denies it.
    pub(in crate::steps) fn allows(&self, token: &Token) -> Certainty {
        self.has(Effect::Allow).min(self.applies(token))
    }

    /// Whether it keeps out who shows the token.
    pub(in crate::steps) fn denies(&self, token: &Token) -> Certainty {
        self.has(Effect::Deny).min(self.applies(token))
    }

    /// Whether its effect is the one asked for.
    pub(super) fn has(&self, effect: Effect) -> Certainty {
        match self.effect {
            Effect::Unknown => Certainty::Unsure,
            own => (own == effect).into(),
        }
    }

    /// Whether it is about trading in a token.
    pub(in crate::steps) fn is_about_tokens(&self) -> Certainty {
        self.about_tokens
    }

    /// Whether it is about an action, written in lower case.
    pub(super) fn is_about(&self, action: &str) -> Certainty {
        self.actions.covers(|pattern| is_like(pattern, action))
    }

    /// Whether it is about who shows a token of this provider.
    pub(in crate::steps) fn names(&self, provider: &str) -> Certainty {
        self.principals.covers(|principal| match principal {
            Principal::Anyone | Principal::AnyProvider => true,
            Principal::Provider(named) => named == provider,
            Principal::Aws(_) | Principal::Service(_) => false,
        })
    }

    fn applies(&self, token: &Token) -> Certainty {
        let understood = if self.unclear.is_empty() {
            Certainty::Yes
        } else {
            Certainty::Unsure
        };
        let ahead = understood
            .min(self.is_about_tokens())
            .min(self.names(&token.provider));
        if ahead == Certainty::No {
            return ahead;
        }
        let conditions = self
            .conditions
            .iter()
            .map(|condition| condition.holds(token));
        ahead.min(Certainty::all(conditions))
    }
}

impl<T> Clause<T> {
    /// Reads a list under one of two names; `read` returns what it understood, and whether that
    /// was all.
    fn parse(
        fields: &Map<String, Value>,
        name: &str,
        negated: &str,
        read: impl Fn(&Value) -> (Vec<T>, bool),
    ) -> Self {
        let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let (value, negated) = match (field(name), field(negated)) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            // IAM takes neither none nor both.
            _ => (&Value::Null, false),
        };
        let (values, all) = read(value);
        Self {
            values,
            negated,
            unclear: !all,
        }
    }

    fn covers(&self, is: impl Fn(&T) -> bool) -> Certainty {
        let listed = match self.values.iter().any(is) {
            true => Certainty::Yes,
            false if self.unclear => Certainty::Unsure,
            false => Certainty::No,
        };
        if self.negated {
            listed.opposite()
        } else {
            listed
        }
    }
}

fn actions(value: &Value) -> (Vec<String>, bool) {
    let values = list(value);
    let known: Vec<_> = values
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_ascii_lowercase)
        .collect();
    let all = known.len() == values.len() && !value.is_null();
    (known, all)
}

fn principals(value: &Value) -> (Vec<Principal>, bool) {
    let kinds = match value {
        Value::String(anyone) if anyone == "*" => return (vec![Principal::Anyone], true),
        Value::Object(kinds) => kinds,
        _ => return (Vec::new(), false),
    };
    let mut known = Vec::new();
    let mut all = true;
    for (kind, values) in kinds {
        for value in list(values) {
            let principal = value.as_str().and_then(|value| Principal::of(kind, value));
            all &= principal.is_some();
            known.extend(principal);
        }
    }
    (known, all)
}

impl Principal {
    fn of(kind: &str, value: &str) -> Option<Self> {
        Some(match (kind, value) {
            ("AWS", "*") => Self::Anyone,
            ("Federated", "*") => Self::AnyProvider,
            ("Federated", provider) => Self::Provider(provider.into()),
            ("AWS" | "CanonicalUser", arn) => Self::Aws(arn.into()),
            ("Service", service) => Self::Service(service.into()),
            _ => return None,
        })
    }
}

//! Random policies over few words, so that they are often about the same tokens.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The universe: providers, and what may stand under each claim.
pub(super) struct Universe {
    pub(super) providers: [String; 2],
    pub(super) issuers: [String; 2],
    pub(super) subjects: Vec<Vec<&'static str>>,
    pub(super) audiences: Vec<Vec<&'static str>>,
    /// Whether policies may hold what is not understood.
    pub(super) with_unknown: bool,
}

/// A policy as it is meant, before it is written as JSON.
#[derive(Debug)]
pub(super) struct Policy(pub(super) Vec<Statement>);

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) allow: bool,
    pub(super) but_actions: bool,
    pub(super) actions: Vec<&'static str>,
    pub(super) but_principals: bool,
    /// Kind and value; the kind `*` is everybody.
    pub(super) principals: Vec<(&'static str, String)>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub(super) operator: String,
    pub(super) about: About,
    /// The key as it is written.
    pub(super) key: String,
    pub(super) values: Vec<&'static str>,
}

/// What a key means.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    /// A claim of tokens of the issuer of this number.
    Claim(usize, &'static str),
    Provider,
    Unknown,
}

const ACTIONS: [&str; 8] = [
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoleWithWebIdentity",
    "STS:assumerolewithwebidentity",
    "sts:Assume*",
    "sts:*",
    "sts:AssumeRole",
    "sts:TagSession",
    "sts:AssumeRoleWith???Identity",
];

const VALUES: [&str; 13] = [
    "system:serviceaccount:rok:rok",
    "system:serviceaccount:rok:rok",
    "system:serviceaccount:rok:other",
    "system:serviceaccount:rok:*",
    "system:serviceaccount:*:rok",
    "system:serviceaccount:ROK:rok",
    "system:serviceaccount:*",
    "sts.amazonaws.com",
    "sts.amazonaws.com",
    "sts.*",
    "x",
    "*",
    "?",
];

impl Universe {
    pub(super) fn policy(&self, rng: &mut Rng) -> Policy {
        let count = rng.usize(1..=3);
        Policy((0..count).map(|_| self.statement(rng)).collect())
    }

    fn statement(&self, rng: &mut Rng) -> Statement {
        let actions = (0..rng.usize(1..=2)).map(|_| pick(rng, &ACTIONS)).collect();
        let principals = (0..rng.usize(1..=2))
            .map(|_| self.principal(rng))
            .collect::<Vec<_>>();
        let everybody = principals.iter().position(|(kind, _)| *kind == "*");
        Statement {
            allow: rng.u8(..3) > 0,
            but_actions: rng.u8(..8) == 0,
            actions,
            but_principals: rng.u8(..8) == 0,
            principals: match everybody {
                Some(place) => vec![principals[place].clone()],
                None => principals,
            },
            conditions: (0..rng.usize(0..=3)).map(|_| self.condition(rng)).collect(),
        }
    }

    fn principal(&self, rng: &mut Rng) -> (&'static str, String) {
        match rng.u8(..10) {
            0 => ("*", "*".into()),
            1 => ("AWS", "*".into()),
            2 => ("AWS", "arn:aws:iam::111122223333:root".into()),
            3 => ("Federated", "*".into()),
            4 => ("Federated", self.providers[1].clone()),
            5 => ("Service", "pods.eks.amazonaws.com".into()),
            _ => ("Federated", self.providers[0].clone()),
        }
    }

    fn condition(&self, rng: &mut Rng) -> Condition {
        let issuer = usize::from(rng.u8(..5) == 0);
        let mut about = match rng.u8(..12) {
            0..=4 => About::Claim(issuer, "sub"),
            5..=9 => About::Claim(issuer, "aud"),
            10 => About::Claim(issuer, "amr"),
            _ => About::Provider,
        };
        let mut key = match about {
            About::Claim(_, claim) => format!("{}:{claim}", self.issuers[issuer]),
            _ => "aws:FederatedProvider".into(),
        };
        if rng.u8(..8) == 0 {
            key = key.to_uppercase();
        }
        let mut operator = self.operator(rng);
        let mut values: Vec<_> = (0..rng.usize(1..=3)).map(|_| pick(rng, &VALUES)).collect();
        if operator == "Null" {
            values = vec![pick(rng, &["true", "false"])];
        }
        if self.with_unknown {
            match rng.u8(..30) {
                0 => operator = "NumericEquals".into(),
                1 => operator = "stringEquals".into(),
                2 => (about, key) = (About::Unknown, "aws:SourceIp".into()),
                3 if operator != "Null" => values.push("${aws:username}"),
                _ => {}
            }
        }
        Condition {
            operator,
            about,
            key,
            values,
        }
    }

    fn operator(&self, rng: &mut Rng) -> String {
        if rng.u8(..9) == 0 {
            return "Null".into();
        }
        let set = pick(rng, &["", "", "", "", "ForAnyValue:", "ForAllValues:"]);
        let base = pick(
            rng,
            &[
                "StringEquals",
                "StringEquals",
                "StringLike",
                "StringLike",
                "StringNotEquals",
                "StringNotLike",
                "StringEqualsIgnoreCase",
                "StringNotEqualsIgnoreCase",
            ],
        );
        // The two guides disagree about this one, see `operator.rs`.
        let may_be_unsure = self.with_unknown || set != "ForAnyValue:";
        let suffix = if may_be_unsure && rng.u8(..4) == 0 {
            "IfExists"
        } else {
            ""
        };
        format!("{set}{base}{suffix}")
    }
}

impl Policy {
    /// Writes it down, lists of one as strings or not.
    pub(super) fn written(&self, rng: &mut Rng) -> Value {
        let statements: Vec<Value> = self.0.iter().map(|it| it.written(rng)).collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

impl Statement {
    fn written(&self, rng: &mut Rng) -> Value {
        let mut kinds: Map<String, Value> = Map::new();
        for (kind, value) in &self.principals {
            let values = kinds.entry(*kind).or_insert_with(|| json!([]));
            values.as_array_mut().unwrap().push(value.as_str().into());
        }
        let principals = if kinds.contains_key("*") {
            json!("*")
        } else {
            Value::Object(kinds)
        };
        let mut conditions = json!({});
        for condition in &self.conditions {
            conditions[&condition.operator][&condition.key] = one_or_many(rng, &condition.values);
        }
        json!({
            "Effect": if self.allow { "Allow" } else { "Deny" },
            if self.but_actions { "NotAction" } else { "Action" }: one_or_many(rng, &self.actions),
            if self.but_principals { "NotPrincipal" } else { "Principal" }: principals,
            "Condition": conditions,
        })
    }

    /// JSON has each operator and key once: the last one stands.
    pub(super) fn effective_conditions(&self) -> Vec<&Condition> {
        let conditions = self.conditions.iter().enumerate();
        conditions
            .filter(|(place, condition)| {
                let mut later = self.conditions[place + 1..].iter();
                !later.any(|it| it.operator == condition.operator && it.key == condition.key)
            })
            .map(|(_, condition)| condition)
            .collect()
    }
}

fn one_or_many(rng: &mut Rng, values: &[&str]) -> Value {
    match values {
        [one] if rng.bool() => json!(one),
        values => json!(values),
    }
}

fn pick(rng: &mut Rng, words: &[&'static str]) -> &'static str {
    words[rng.usize(..words.len())]
}

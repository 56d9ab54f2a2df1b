//! What a document means, in one form: documents of the same form decide every request alike.
//!
//! A statement applies when the request's action, resource and principal are among those it lists
//! and every condition holds; of the statements that apply, any denial counts, then any allowance
//! ("Policy evaluation logic" in the IAM User Guide). So it makes no difference in which order
//! statements and values stand, whether one statement lists two actions or two list one each, or
//! whether a single value is in a list. A `Not…` list stays whole: it excludes all of its values at
//! once.
//!
//! Actions and the names of condition keys are compared without case ("Action" and "Condition" in
//! the same guide); condition operators are not said to be, nor are values and ARNs, so their case
//! counts. Only what is certain to be the same has the same form.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::document::{list, text};

/// The version of the policy language of a document that names none, as IAM has it.
const FIRST_VERSION: &str = "2008-10-17";

/// How many combinations a statement is split into; one with more is compared as it stands.
const SPLIT_LIMIT: usize = 4096;

/// Whether two documents mean the same.
pub fn is_same(one: &Value, other: &Value) -> bool {
    Meaning::of(one) == Meaning::of(other)
}

/// Returns the one form of a document, to compare what it is part of.
pub(in crate::steps) fn normal(document: &Value) -> Value {
    serde_json::to_value(Meaning::of(document)).expect("texts, lists and maps of them")
}

/// A document in its one form.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Meaning {
    /// The version of the policy language.
    pub(super) version: String,
    /// Statements, each split into the combinations of what it lists.
    pub(super) statements: BTreeSet<Statement>,
    /// What IAM does not know.
    pub(super) rest: Option<String>,
}

/// A statement: what it lists, under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Statement {
    /// `Allow` or `Deny`.
    pub(super) effect: String,
    /// The values of each of its lists.
    pub(super) lists: BTreeMap<List, BTreeSet<Word>>,
    /// All of these hold.
    pub(super) tests: BTreeSet<Test>,
    /// What IAM does not know.
    pub(super) rest: Option<String>,
}

/// The lists of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum List {
    Action,
    NotAction,
    Principal,
    NotPrincipal,
    Resource,
    NotResource,
}

/// One condition: a key of the request against values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Test {
    pub(super) key: Word,
    pub(super) operator: String,
    pub(super) values: BTreeSet<Word>,
}

/// A text that is compared by its sense and shown as it was written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Word {
    pub(super) sense: String,
    #[serde(skip)]
    pub(super) shown: String,
}

impl Meaning {
    pub(super) fn of(document: &Value) -> Self {
        let Some(fields) = document.as_object() else {
            return Self {
                version: FIRST_VERSION.into(),
                statements: BTreeSet::new(),
                rest: Some(document.to_string()),
            };
        };
        let version = fields.get("Version").filter(|version| !version.is_null());
        Self {
            version: version.map_or_else(|| FIRST_VERSION.into(), text),
            statements: list(fields.get("Statement").unwrap_or(&Value::Null))
                .iter()
                .flat_map(|statement| Statement::of(statement).split())
                .collect(),
            rest: others(fields, &["Version", "Id", "Statement"]),
        }
    }
}

impl Statement {
    fn of(statement: &Value) -> Self {
        let Some(fields) = statement.as_object() else {
            return Self {
                effect: String::new(),
                lists: BTreeMap::new(),
                tests: BTreeSet::new(),
                rest: Some(statement.to_string()),
            };
        };
        let mut known = vec!["Sid", "Effect", "Condition"];
        known.extend(List::ALL.map(List::name));
        let lists = List::ALL.into_iter().filter_map(|list| {
            let values = fields.get(list.name())?;
            Some((list, list.words(values)))
        });
        Self {
            effect: fields.get("Effect").map(text).unwrap_or_default(),
            lists: lists.collect(),
            tests: tests(fields.get("Condition").unwrap_or(&Value::Null)),
            rest: others(fields, &known),
        }
    }

    /// One statement for each combination of listed values.
    fn split(self) -> Vec<Self> {
        let sizes = List::SPLIT.iter().filter_map(|list| self.lists.get(list));
        let combinations = sizes.fold(1, |all: usize, list| all.saturating_mul(list.len()));
        if !(2..=SPLIT_LIMIT).contains(&combinations) {
            return vec![self];
        }
        List::SPLIT.iter().fold(vec![self], |parts, list| {
            parts
                .into_iter()
                .flat_map(|part| part.each(*list))
                .collect()
        })
    }

    fn each(self, list: List) -> Vec<Self> {
        let Some(values) = self.lists.get(&list) else {
            return vec![self];
        };
        let with = |value: &Word| {
            let mut part = self.clone();
            part.lists.insert(list, BTreeSet::from([value.clone()]));
            part
        };
        values.iter().map(with).collect()
    }
}

/// Puts statements together that differ in one list only, to speak of them in few words.
pub(super) fn joined(statements: BTreeSet<Statement>) -> BTreeSet<Statement> {
    List::SPLIT.iter().fold(statements, |statements, list| {
        let mut groups: BTreeMap<Statement, BTreeSet<Word>> = BTreeMap::new();
        for mut statement in statements {
            let values = statement.lists.get_mut(list).map(std::mem::take);
            let group = groups.entry(statement).or_default();
            group.extend(values.into_iter().flatten());
        }
        let whole = groups.into_iter().map(|(mut statement, values)| {
            if let Some(empty) = statement.lists.get_mut(list) {
                *empty = values;
            }
            statement
        });
        whole.collect()
    })
}

impl List {
    pub(super) const ALL: [Self; 6] = [
        Self::Action,
        Self::NotAction,
        Self::Principal,
        Self::NotPrincipal,
        Self::Resource,
        Self::NotResource,
    ];

    /// Those of which one value is enough.
    const SPLIT: [Self; 3] = [Self::Action, Self::Principal, Self::Resource];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::NotAction => "NotAction",
            Self::Principal => "Principal",
            Self::NotPrincipal => "NotPrincipal",
            Self::Resource => "Resource",
            Self::NotResource => "NotResource",
        }
    }

    fn words(self, values: &Value) -> BTreeSet<Word> {
        match (self, values) {
            (Self::Action | Self::NotAction, _) => list(values)
                .iter()
                .map(|value| Word::caseless(&text(value)))
                .collect(),
            (Self::Principal | Self::NotPrincipal, Value::Object(kinds)) => kinds
                .iter()
                .flat_map(|(kind, values)| {
                    list(values)
                        .iter()
                        .map(|value| principal(kind, &text(value)))
                })
                .collect(),
            _ => list(values)
                .iter()
                .map(|value| Word::exact(&text(value)))
                .collect(),
        }
    }
}

/// An ARN tells its kind by itself.
fn principal(kind: &str, value: &str) -> Word {
    let sense = format!("{kind}: {value}");
    let shown = if value.starts_with("arn:") {
        value.into()
    } else {
        sense.clone()
    };
    Word { sense, shown }
}

fn tests(conditions: &Value) -> BTreeSet<Test> {
    let test = |operator: &str, key: &str, values: &Value| Test {
        key: Word::caseless(key),
        operator: operator.into(),
        values: list(values)
            .iter()
            .map(|value| Word::exact(&text(value)))
            .collect(),
    };
    let mut tests = BTreeSet::new();
    match conditions {
        Value::Null => {}
        Value::Object(operators) => {
            for (operator, keys) in operators {
                match keys.as_object() {
                    Some(keys) if !keys.is_empty() => {
                        tests.extend(keys.iter().map(|(key, values)| test(operator, key, values)));
                    }
                    // Whatever that tests, nothing else does.
                    _ => drop(tests.insert(test(operator, "", keys))),
                }
            }
        }
        unknown => drop(tests.insert(test("", "", unknown))),
    }
    tests
}

/// The fields that are none of the known ones.
fn others(fields: &Map<String, Value>, known: &[&str]) -> Option<String> {
    let others: BTreeMap<&String, &Value> = fields
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .collect();
    let text = || serde_json::to_string(&others).expect("fields are plain values");
    (!others.is_empty()).then(text)
}

impl Word {
    fn exact(text: &str) -> Self {
        Self {
            sense: text.into(),
            shown: text.into(),
        }
    }

    fn caseless(text: &str) -> Self {
        Self {
            sense: text.to_ascii_lowercase(),
            shown: text.into(),
        }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.sense == other.sense
    }
}

impl Eq for Word {}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sense.cmp(&other.sense)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{bucket_policy, parse};
    use super::*;

    #[test]
    fn documents_are_compared_by_meaning() {
        let ours = bucket_policy("aws", "rok-1");
        let same = json!({
            "Version": "2012-10-17",
            "Statement": {
                "Sid": "Rok", "Effect": "Allow", "Action": ["S3:*"],
                "Resource": ["arn:aws:s3:::rok-1*/*", "arn:aws:s3:::rok-1*"],
            }
        });
        assert!(is_same(&ours, &same));
        assert!(!is_same(&ours, &bucket_policy("aws", "rok-2")));
        assert!(!is_same(&ours, &bucket_policy("aws-cn", "rok-1")));
        let mut wider = ours.clone();
        wider["Statement"][0]["Resource"] = "*".into();
        assert!(!is_same(&ours, &wider));
        assert!(!is_same(&ours, &parse("no json")));
    }

    #[test]
    fn statements_may_be_split_and_joined() {
        let statement = |actions: Value, resources: Value| json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        let of = |statements: Value| json!({ "Version": "2012-10-17", "Statement": statements });
        let whole = of(statement(json!(["s3:Get*", "s3:Put*"]), json!(["a", "b"])));
        let halves = of(json!([
            statement(json!(["s3:put*", "s3:get*", "S3:Get*"]), json!("a")),
            statement(json!("s3:get*"), json!(["b"])),
            statement(json!("s3:put*"), json!(["b", "a"])),
        ]));
        assert!(is_same(&whole, &halves));
        let fewer = of(json!([
            statement(json!("s3:get*"), json!(["a", "b"])),
            statement(json!("s3:put*"), json!("a")),
        ]));
        assert!(!is_same(&whole, &fewer));
        let not =
            |actions: Value| json!({ "Effect": "Deny", "NotAction": actions, "Resource": "*" });
        assert!(!is_same(
            &of(not(json!(["a", "b"]))),
            &of(json!([not(json!("a")), not(json!("b"))]))
        ));
    }

    #[test]
    fn the_case_of_keys_is_nothing_and_that_of_values_counts() {
        let of = |operator: &str, key: &str, value: Value| json!({ "Statement": { "Effect": "Allow", "Action": "*", "Condition": { operator: { key: value } } } });
        let ours = of("StringEquals", "aws:SourceIp", json!("a"));
        assert!(is_same(
            &ours,
            &of("StringEquals", "AWS:sourceip", json!(["a"]))
        ));
        assert!(!is_same(
            &ours,
            &of("StringEquals", "aws:SourceIp", json!("A"))
        ));
        assert!(!is_same(
            &ours,
            &of("stringequals", "aws:SourceIp", json!("a"))
        ));
        assert!(is_same(
            &of("Bool", "aws:SecureTransport", json!(true)),
            &of("Bool", "aws:SecureTransport", json!("true"))
        ));
    }
}

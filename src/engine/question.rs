//! Questions and their answers. Forms, `--help`, the answers file and `deploy/env.*` follow them.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::failure::StepError;

/// What sort of value answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Text,
    /// A directory or file of this machine; `~` is the home directory.
    Path,
    /// One of these values, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// `yes` or `no`.
    YesNo,
}

/// A question of a recipe.
#[derive(Clone, Copy)]
pub struct Question {
    /// The key in files and `--set`; upper case in the environment and in `deploy/env.*`.
    pub key: &'static str,
    /// What it is, for a form's label.
    pub title: &'static str,
    /// What it means and what hangs on it, in a sentence or two.
    pub help: &'static str,
    /// What sort of value it takes.
    pub kind: Kind,
    /// The task it belongs to, for grouping.
    pub task: &'static str,
    /// Keys whose answers the default and the discovery read.
    pub needs: &'static [&'static str],
    /// Older names, as they stand in files and in the environment, in lower case.
    pub aliases: &'static [&'static str],
    /// Whether `deploy/env.*` of the clone may answer it.
    pub stored: bool,
    /// Whether [`Discovery`] may know candidates.
    pub discovered: bool,
    /// Whether an empty answer is fine.
    pub optional: bool,
    /// Whether the default is computed from other answers, so that a stored value counts only
    /// while those answers are unchanged.
    pub computed: bool,
    /// The answer when nothing else gives one.
    pub default: fn(&Answers) -> Option<String>,
    /// What to notice about an answer.
    pub notice: fn(&Answers) -> Option<String>,
    /// Whether a value can be right. The error says what was found and what is expected.
    pub validate: fn(&str, &Answers) -> Result<(), String>,
    /// Whether the question matters, given the answers before it.
    pub relevant: fn(&Answers) -> bool,
}

impl Question {
    /// Returns a text question that must be answered, without default.
    pub const fn new(
        key: &'static str,
        task: &'static str,
        title: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            key,
            title,
            help,
            kind: Kind::Text,
            task,
            needs: &[],
            aliases: &[],
            stored: true,
            discovered: false,
            optional: false,
            computed: false,
            default: |_| None,
            notice: |_| None,
            validate: |_, _| Ok(()),
            relevant: |_| true,
        }
    }

    /// Returns the name in the environment and in `deploy/env.*`.
    pub fn variable(&self) -> String {
        self.key.to_ascii_uppercase()
    }

    /// Checks a value against kind and rule.
    ///
    /// # Errors
    ///
    /// A sentence that says what was found and what is expected.
    pub fn check(&self, value: &str, answers: &Answers) -> Result<(), String> {
        if value.is_empty() {
            return if self.optional {
                Ok(())
            } else {
                Err("is empty; expected a value".into())
            };
        }
        if value.chars().any(char::is_control) {
            return Err(format!(
                "is {value:?}; expected one line without control characters"
            ));
        }
        match self.kind {
            Kind::Choice(choices) if !choices.iter().any(|(choice, _)| *choice == value) => {
                let known: Vec<_> = choices
                    .iter()
                    .map(|(choice, _)| format!("`{choice}`"))
                    .collect();
                Err(format!("is `{value}`; expected {}", known.join(" or ")))
            }
            Kind::YesNo if !matches!(value, "yes" | "no") => {
                Err(format!("is `{value}`; expected `yes` or `no`"))
            }
            _ => (self.validate)(value, answers),
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Question")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Where an answer came from. First found wins, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// `--set`, or a flag of its own.
    Set,
    /// Typed or chosen in the wizard.
    Asked,
    /// The environment.
    Environment {
        /// The variable.
        variable: String,
    },
    /// The file of `--answers`.
    AnswersFile {
        /// Its path.
        path: String,
    },
    /// A file of the clone.
    EnvFile {
        /// Its path in the clone.
        path: String,
    },
    /// The only candidate, or the best one.
    Discovered,
    /// Computed from other answers.
    Computed,
    /// The default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => formatter.write_str("--set"),
            Self::Asked => formatter.write_str("you"),
            Self::Environment { variable } => write!(formatter, "environment ({variable})"),
            Self::AnswersFile { path } | Self::EnvFile { path } => formatter.write_str(path),
            Self::Discovered => formatter.write_str("discovered"),
            Self::Computed => formatter.write_str("computed"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The value; empty means "none".
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Answers by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers {
    values: BTreeMap<String, Answer>,
}

impl Answers {
    /// Returns the value, when there is one and it is not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(|answer| answer.value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the value of a question that every complete set of answers holds, else "".
    pub fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or_default().to_owned()
    }

    /// Whether the answer is `yes`.
    pub fn is_yes(&self, key: &str) -> bool {
        self.get(key) == Some("yes")
    }

    /// Returns the answer with its origin, the empty one too.
    pub fn answer(&self, key: &str) -> Option<&Answer> {
        self.values.get(key)
    }

    /// Sets an answer.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>, origin: Origin) {
        self.values.insert(
            key.into(),
            Answer {
                value: value.into(),
                origin,
            },
        );
    }

    /// Takes an answer back.
    pub fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    /// Iterates by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Answer)> {
        self.values
            .iter()
            .map(|(key, answer)| (key.as_str(), answer))
    }
}

/// Something that may answer a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The value.
    pub value: String,
    /// What helps to choose: a server, a region, an account.
    pub detail: String,
    /// Whether it is the default even among several.
    pub preferred: bool,
}

impl Candidate {
    /// Returns a candidate.
    pub fn new(value: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            detail: detail.into(),
            preferred: false,
        }
    }

    /// Makes it the default.
    #[must_use]
    pub fn preferred(mut self, preferred: bool) -> Self {
        self.preferred = preferred;
        self
    }
}

/// Looks for candidates in the world. Only reads.
#[async_trait]
pub trait Discovery: Send + Sync {
    /// Returns what may answer the question of that key, given the answers before it.
    ///
    /// # Errors
    ///
    /// When the world cannot be asked: no credentials, no network.
    async fn candidates(&self, key: &str, answers: &Answers) -> Result<Vec<Candidate>, StepError>;

    /// Returns the files of earlier choices in the repository that the answers name, by path. Asked
    /// only while there is no clone of it: somebody may have begun on another machine.
    ///
    /// # Errors
    ///
    /// When the repository cannot be asked.
    async fn stored(&self, answers: &Answers) -> Result<BTreeMap<String, String>, StepError>;
}

/// A question with all that is known about its answer: one row of a form.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The question.
    pub question: Question,
    /// Its answer, when there is one.
    pub answer: Option<Answer>,
    /// What could be chosen.
    pub candidates: Vec<Candidate>,
    /// What is wrong with the answer, or why there is none.
    pub problem: Option<String>,
    /// What to do about the problem.
    pub hints: Vec<String>,
    /// Things to notice about the answer.
    pub notice: Option<String>,
}

/// All questions that matter, in order, with their answers.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// A row for each question that matters.
    pub rows: Vec<Resolved>,
    /// The answers, complete when there is no problem.
    pub answers: Answers,
}

impl Resolution {
    /// Whether every question has a good answer.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| row.problem.is_none())
    }

    /// Returns the first answer that the question needs and that is not good yet.
    pub fn waits_for(&self, question: &Question) -> Option<&'static str> {
        let is_missing = |key: &&str| {
            let mut rows = self.rows.iter();
            rows.any(|row| row.question.key == *key && row.problem.is_some())
        };
        question.needs.iter().copied().find(is_missing)
    }

    /// Returns the rows that have a problem of their own, with it: what is computed and only waits
    /// for other answers needs none, those before it do. Never empty unless everything is answered.
    pub fn problems(&self) -> impl Iterator<Item = (&Resolved, &str)> {
        self.rows.iter().filter_map(|row| {
            let problem = row.problem.as_deref()?;
            let is_computed = row.question.computed && row.answer.is_none();
            let only_waits = is_computed && self.waits_for(&row.question).is_some();
            (!only_waits).then_some((row, problem))
        })
    }
}

//! What one statement says of the tokens of one provider, summed up by claim.

use std::collections::BTreeMap;

use super::super::pattern::has_wildcard;
use super::admitted::{Token, issuer_of};
use super::certainty::Certainty;
use super::condition::Condition;
use super::operator::{Comparison, Operator};
use super::statement::{Effect, Principal, Statement};

/// Tokens that one statement is about.
#[derive(Debug, Clone)]
pub(super) struct Share<'a> {
    /// None: any provider of the account, but those.
    pub(super) provider: Option<&'a str>,
    pub(super) but_providers: Vec<&'a str>,
    pub(super) subjects: Values<'a>,
    pub(super) audiences: Values<'a>,
    /// Conditions that are not summed up.
    pub(super) conditions: Vec<&'a Condition>,
    /// Whether the statement is about them at all.
    pub(super) certainty: Certainty,
}

/// The values of a claim that conditions let through.
#[derive(Debug, Clone, Default)]
pub(super) struct Values<'a> {
    /// None: any.
    pub(super) listed: Option<Vec<&'a str>>,
    /// How the listed ones are compared.
    pub(super) ignore_case: bool,
    pub(super) are_patterns: bool,
    /// Those that are taken out again.
    pub(super) but: Vec<&'a str>,
}

impl<'a> Share<'a> {
    /// Sums up a statement for each provider that it names.
    pub(super) fn all(statement: &'a Statement) -> Vec<Self> {
        let principals = &statement.principals;
        let named = principals
            .values
            .iter()
            .filter_map(|principal| match principal {
                Principal::Anyone | Principal::AnyProvider => Some(None),
                // Its users come with an assertion, not with a token.
                Principal::Provider(name) if name.contains(":saml-provider/") => None,
                Principal::Provider(name) => Some(Some(name.as_str())),
                Principal::Aws(_) | Principal::Service(_) => None,
            });
        let named: Vec<Option<&str>> = named.collect();
        if !principals.negated {
            return named
                .into_iter()
                .filter_map(|it| Self::of(statement, it))
                .collect();
        }
        if named.contains(&None) {
            return Vec::new();
        }
        let but_providers = named.into_iter().flatten().collect();
        let any = Self::of(statement, None);
        any.map(|any| Self {
            but_providers,
            ..any
        })
        .into_iter()
        .collect()
    }

    /// Sums up a statement for one provider, or any; nothing when it is about none of its tokens.
    pub(super) fn of(statement: &'a Statement, provider: Option<&'a str>) -> Option<Self> {
        let bare = Token {
            provider: provider.unwrap_or_default().into(),
            claims: BTreeMap::new(),
        };
        let issuer = issuer_of(&bare.provider);
        let (mut subjects, mut audiences, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
        let mut certainty = statement.is_about_tokens();
        if statement.effect == Effect::Unknown || !statement.unclear.is_empty() {
            certainty = certainty.min(Certainty::Unsure);
        }
        for condition in &statement.conditions {
            match condition.claim(issuer) {
                Some("sub") => subjects.push(condition),
                Some("aud") => audiences.push(condition),
                Some(_) => conditions.push(condition),
                None if provider.is_none() && condition.is_about_tokens() => {
                    conditions.push(condition);
                }
                None => match condition.holds(&bare) {
                    Certainty::No => return None,
                    Certainty::Yes => {}
                    Certainty::Unsure => {
                        certainty = certainty.min(Certainty::Unsure);
                        conditions.push(condition);
                    }
                },
            }
        }
        let (subjects, rest_of_subjects) = Values::of(subjects)?;
        let (audiences, rest_of_audiences) = Values::of(audiences)?;
        conditions.extend(rest_of_subjects.into_iter().chain(rest_of_audiences));
        if !conditions.iter().all(|condition| condition.is_understood()) {
            certainty = certainty.min(Certainty::Unsure);
        }
        Some(Self {
            provider,
            but_providers: Vec::new(),
            subjects,
            audiences,
            conditions,
            certainty,
        })
    }

    /// Whether every identity is known by its subject and its audience.
    pub(super) fn is_exact(&self) -> bool {
        self.provider.is_some()
            && self.conditions.is_empty()
            && self.subjects.are_exact()
            && self.audiences.are_exact()
    }
}

impl<'a> Values<'a> {
    /// Sums up the conditions on a claim that every token has, and returns those that do not fit;
    /// nothing when no value passes.
    fn of(conditions: Vec<&'a Condition>) -> Option<(Self, Vec<&'a Condition>)> {
        let chosen = [
            Comparison::Equals,
            Comparison::EqualsIgnoreCase,
            Comparison::Like,
        ]
        .into_iter()
        .find_map(|comparison| {
            let is_choice =
                |operator: Operator| operator.is_positive() && operator.comparison == comparison;
            conditions.iter().position(|condition| {
                condition.is_understood() && condition.operator.is_some_and(is_choice)
            })
        });
        let mut others = conditions;
        let mut summed = Self::default();
        if let Some(chosen) = chosen {
            let chosen = others.remove(chosen);
            let comparison = chosen.operator.map(|operator| operator.comparison);
            summed.ignore_case = comparison == Some(Comparison::EqualsIgnoreCase);
            let patterns = comparison == Some(Comparison::Like);
            let passes = |value: &&str| {
                if has_wildcard(value) {
                    // No subject and no audience has such a letter in it.
                    return patterns;
                }
                others
                    .iter()
                    .all(|other| other.passes(value) != Certainty::No)
            };
            let values: Vec<&str> = chosen
                .values
                .iter()
                .map(String::as_str)
                .filter(passes)
                .collect();
            if values.is_empty() {
                return None;
            }
            summed.are_patterns = patterns && values.iter().any(|value| has_wildcard(value));
            summed.listed = Some(values);
        }
        let mut rest = Vec::new();
        for other in others {
            let is_settled = if summed.are_exact() {
                let mut values = summed.listed.iter().flatten();
                values.all(|value| other.passes(value) == Certainty::Yes)
            } else if other.is_about_presence() {
                match other.passes("any value") {
                    Certainty::No => return None,
                    settled => settled == Certainty::Yes,
                }
            } else {
                false
            };
            match other.operator {
                _ if is_settled => {}
                Some(operator) if operator.is_exclusion() && other.is_understood() => {
                    let values = other.values.iter().map(String::as_str);
                    let patterns = operator.comparison == Comparison::Like;
                    summed
                        .but
                        .extend(values.filter(|value| patterns || !has_wildcard(value)));
                }
                _ => rest.push(other),
            }
        }
        Some((summed, rest))
    }

    /// One value and no other.
    pub(super) fn only(value: &'a str) -> Self {
        Self {
            listed: Some(vec![value]),
            ..Self::default()
        }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = &'a str> {
        self.listed.clone().into_iter().flatten()
    }

    /// Whether every value is known as it stands.
    pub(super) fn are_exact(&self) -> bool {
        self.listed.is_some() && !self.are_patterns && !self.ignore_case
    }
}

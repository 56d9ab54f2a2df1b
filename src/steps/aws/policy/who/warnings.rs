//! What an operator should know of a trust policy besides whom it lets in.

use super::super::AUDIENCE;
use super::super::pattern::has_wildcard;
use super::admitted::{Admitted, issuer_of};
use super::certainty::Certainty;
use super::condition::Condition;
use super::operator::{Comparison, Operator, Set};
use super::share::Share;
use super::statement::{Effect, Principal, Statement};

/// A service account that no policy names: where it is let in, everyone is.
const STRANGER: &str = "system:serviceaccount:\u{1}:\u{1}";

impl Admitted {
    /// Returns what is dangerous, never works, or lets in others than web identities.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .shares()
            .iter()
            .filter_map(|share| self.lets_in_everyone(share))
            .collect();
        for statement in self.about_tokens(Effect::Allow) {
            warnings.extend(of_principals(statement));
            warnings.extend(of_absence(statement));
        }
        for statement in &self.statements {
            warnings.extend(statement.conditions.iter().filter_map(never_matches));
        }
        let allowing = self
            .statements
            .iter()
            .filter(|it| it.has(Effect::Allow) != Certainty::No);
        warnings.extend(allowing.flat_map(other_callers));
        warnings.extend(
            self.unclear
                .iter()
                .map(|what| format!("not understood: {what}")),
        );
        let mut once: Vec<String> = Vec::new();
        for warning in warnings {
            if !once.contains(&warning) {
                once.push(warning);
            }
        }
        once
    }

    fn lets_in_everyone(&self, share: &Share<'_>) -> Option<String> {
        let provider = share.provider?;
        let mut audiences: Vec<&str> = share.audiences.listed().collect();
        if audiences.is_empty() {
            audiences.push(AUDIENCE);
        }
        let lets_in = |audience: &&str| {
            let stranger = share.token([("sub", STRANGER), ("aud", audience)]);
            self.judge(&stranger) != Certainty::No
        };
        audiences.iter().any(lets_in).then(|| {
            format!(
                "{} of issuer `{}` may assume it, since no condition on `sub` keeps others out",
                share.anybody(),
                issuer_of(provider)
            )
        })
    }
}

/// Principals that let in more, or less, than it seems.
fn of_principals(statement: &Statement) -> Vec<String> {
    if statement.principals.negated {
        return vec!["`NotPrincipal` with `Allow` lets in everybody whom it does not list".into()];
    }
    let principals = statement.principals.values.iter();
    let warning = |principal: &Principal| match principal {
        Principal::Anyone | Principal::AnyProvider => {
            Some("principal `*` lets in tokens of every identity provider of the account".into())
        }
        Principal::Provider(name) if has_wildcard(name) => Some(format!(
            "principal `{name}` is nobody: a part of a principal is no pattern"
        )),
        _ => None,
    };
    principals.filter_map(warning).collect()
}

/// Conditions that hold where the key is missing, and that no other one makes up for.
fn of_absence(statement: &Statement) -> Vec<String> {
    let lets_in = |operator: Operator| {
        operator.is_positive() && (operator.set == Set::All || operator.if_exists)
    };
    let wants_presence = |other: &Condition| match other.operator {
        Some(operator) if operator.comparison == Comparison::Null => {
            other.passes_without() == Certainty::No
        }
        Some(operator) => operator.is_positive() && !lets_in(operator),
        None => false,
    };
    let conditions = &statement.conditions;
    let is_alone = |condition: &&Condition| {
        let same = conditions
            .iter()
            .filter(|other| other.is_about_the_key_of(condition));
        condition.operator.is_some_and(lets_in) && !same.into_iter().any(wants_presence)
    };
    let alone = conditions.iter().filter(is_alone);
    alone
        .map(|it| format!("{} on `{}` lets in tokens that lack it", it.name, it.key))
        .collect()
}

/// A common mistake: nothing but the letter itself equals a `*`.
fn never_matches(condition: &Condition) -> Option<String> {
    let compares = |operator: Operator| {
        [Comparison::Equals, Comparison::EqualsIgnoreCase].contains(&operator.comparison)
    };
    let value = condition.values.iter().find(|value| has_wildcard(value))?;
    (condition.operator.is_some_and(compares) && condition.is_of_an_issuer()).then(|| {
        format!(
            "`{}` {} `{value}` never matches: StringLike has patterns, {} has none",
            condition.key, condition.name, condition.name
        )
    })
}

/// Who may assume the role by other ways than a token.
fn other_callers(statement: &Statement) -> Vec<String> {
    let by = |action: &str| statement.is_about(&action.to_ascii_lowercase()) != Certainty::No;
    let conditions: Vec<_> = statement
        .conditions
        .iter()
        .map(|it| it.in_words(""))
        .collect();
    let condition = match &conditions[..] {
        [] => String::new(),
        conditions => format!(", if {}", conditions.join(" and ")),
    };
    let caller = |principal: &Principal| {
        let (who, action) = match principal {
            Principal::Anyone => ("any AWS account".into(), "sts:AssumeRole"),
            Principal::Aws(name) => (account(name), "sts:AssumeRole"),
            Principal::Service(name) => (format!("service `{name}`"), "sts:AssumeRole"),
            Principal::Provider(name) if name.contains(":saml-provider/") => (
                format!("users of SAML provider `{name}`"),
                "sts:AssumeRoleWithSAML",
            ),
            Principal::Provider(_) | Principal::AnyProvider => return None,
        };
        by(action).then(|| format!("{who} may assume it too, by `{action}`{condition}"))
    };
    if statement.principals.negated {
        return Vec::new();
    }
    statement
        .principals
        .values
        .iter()
        .filter_map(caller)
        .collect()
}

/// The account ARN and the account's id mean the same: everybody to whom the account gives it.
fn account(name: &str) -> String {
    let id = name
        .strip_suffix(":root")
        .and_then(|arn| arn.rsplit(':').next());
    match id.unwrap_or(name) {
        id if id.len() == 12 && id.bytes().all(|letter| letter.is_ascii_digit()) => {
            format!("account `{id}`")
        }
        _ => format!("`{name}`"),
    }
}

//! An evaluator written again, in the plainest way, and asked about every token there is.

use std::thread;

use fastrand::Rng;

use super::super::admitted;
use super::random::{About, Condition, Statement, Universe};
use super::{Certainty, Token, token};

const POLICIES: usize = 100_000;

/// How many policies are also put in words.
const WORDED: usize = 10;

fn universe() -> Universe {
    let issuers = ["oidc.example/id/1", "oidc.example/id/2"];
    Universe {
        providers: issuers.map(|it| format!("arn:aws:iam::123451234512:oidc-provider/{it}")),
        issuers: issuers.map(str::to_owned),
        subjects: vec![
            vec![],
            vec!["system:serviceaccount:rok:rok"],
            vec!["system:serviceaccount:rok:other"],
        ],
        audiences: vec![
            vec![],
            vec!["sts.amazonaws.com"],
            vec!["x"],
            vec!["sts.amazonaws.com", "x"],
        ],
        with_unknown: true,
    }
}

/// Every token of the universe.
fn tokens(universe: &Universe) -> Vec<Token> {
    let mut tokens = Vec::new();
    for provider in &universe.providers {
        for subject in &universe.subjects {
            for audience in &universe.audiences {
                let claims = [("sub", &subject[..]), ("aud", &audience[..])];
                tokens.push(token(provider, &claims));
            }
        }
    }
    tokens
}

/// A statement that is about tokens, and its conditions.
type Relevant<'a> = (&'a Statement, Vec<&'a Condition>);

/// What the statements say of a token; nothing when it cannot be told.
fn judged(statements: &[Relevant<'_>], universe: &Universe, token: &Token) -> Option<bool> {
    let says = |allow: bool| -> Option<bool> {
        let mut unsure = false;
        for statement in statements.iter().filter(|(it, _)| it.allow == allow) {
            match applies(statement, universe, token) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unsure = true,
            }
        }
        if unsure { None } else { Some(false) }
    };
    match (says(true), says(false)) {
        (Some(false), _) | (_, Some(true)) => Some(false),
        (Some(true), Some(false)) => Some(true),
        _ => None,
    }
}

fn applies(relevant: &Relevant<'_>, universe: &Universe, token: &Token) -> Option<bool> {
    let (statement, conditions) = relevant;
    let named = statement
        .principals
        .iter()
        .any(|(kind, value)| match *kind {
            "*" => true,
            "AWS" => value == "*",
            "Federated" => value == "*" || *value == token.provider,
            _ => false,
        });
    if named == statement.but_principals {
        return Some(false);
    }
    let mut unsure = false;
    for condition in conditions {
        match holds(condition, universe, token) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => unsure = true,
        }
    }
    if unsure { None } else { Some(true) }
}

fn is_about_tokens(statement: &Statement) -> bool {
    let listed = statement.actions.iter().any(|pattern| {
        let pattern = pattern.to_lowercase();
        glob(pattern.as_bytes(), b"sts:assumerolewithwebidentity")
    });
    listed != statement.but_actions
}

fn holds(condition: &Condition, universe: &Universe, token: &Token) -> Option<bool> {
    let values: &[String] = match condition.about {
        About::Unknown => return None,
        About::Provider => std::slice::from_ref(&token.provider),
        About::Claim(issuer, claim) if universe.providers[issuer] == token.provider => {
            token.claims.get(claim).map_or(&[], Vec::as_slice)
        }
        About::Claim(..) => &[],
    };
    let operator = condition.operator.as_str();
    if operator == "Null" {
        return Some(values.is_empty() == (condition.values[0] == "true"));
    }
    if operator.contains("Numeric") || operator.contains("string") {
        return None;
    }
    let any = operator.starts_with("ForAnyValue");
    let all = operator.starts_with("ForAllValues");
    let not = operator.contains("Not");
    if values.is_empty() {
        if any && operator.ends_with("IfExists") {
            return None;
        }
        return Some(all || !any && (not || operator.ends_with("IfExists")));
    }
    let each: Vec<Option<bool>> = values
        .iter()
        .map(|value| compares(operator, &condition.values, value))
        .collect();
    // Without a qualifier, "not" means: none of them.
    if all || (not && !any) {
        if each.contains(&Some(false)) {
            Some(false)
        } else if each.contains(&None) {
            None
        } else {
            Some(true)
        }
    } else if each.contains(&Some(true)) {
        Some(true)
    } else if each.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// One value of the request against all of the policy.
fn compares(operator: &str, wanted: &[&str], value: &str) -> Option<bool> {
    let matches = |wanted: &&str| {
        if operator.contains("Like") {
            glob(wanted.as_bytes(), value.as_bytes())
        } else if operator.contains("IgnoreCase") {
            wanted.to_lowercase() == value.to_lowercase()
        } else {
            *wanted == value
        }
    };
    let found = wanted.iter().filter(|it| !it.contains('$')).any(matches);
    if !found && wanted.iter().any(|it| it.contains('$')) {
        return None;
    }
    Some(found != operator.contains("Not"))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => glob(rest, text) || !text.is_empty() && glob(pattern, &text[1..]),
        ([b'?', rest @ ..], [_, text @ ..]) => glob(rest, text),
        ([one, rest @ ..], [other, text @ ..]) if one == other => glob(rest, text),
        _ => false,
    }
}

/// Judges `total` policies of one seed; returns how many tokens were let in, kept out and uncertain.
fn compare(seed: u64, total: usize) -> [usize; 3] {
    let (universe, mut random) = (universe(), Rng::with_seed(seed));
    let mut counts = [0; 3];
    let tokens = tokens(&universe);
    for number in 0..total {
        let policy = universe.policy(&mut random);
        let document = policy.written(&mut random);
        let admitted = admitted(&document);
        let about_tokens = policy.0.iter().filter(|it| is_about_tokens(it));
        let statements: Vec<Relevant<'_>> = about_tokens
            .map(|it| (it, it.effective_conditions()))
            .collect();
        let mut lets_in = false;
        for token in &tokens {
            let expected = judged(&statements, &universe, token);
            let (certainty, place) = match expected {
                Some(true) => (Certainty::Yes, 0),
                Some(false) => (Certainty::No, 1),
                None => (Certainty::Unsure, 2),
            };
            counts[place] += 1;
            let found = admitted.judge(token);
            assert_eq!(found, certainty, "seed {seed}: {token:?}\n{document:#}");
            lets_in |= expected != Some(false) && token.claims.len() == 2;
        }
        if number % WORDED == 0 {
            admitted.warnings();
            let words = admitted.in_words();
            assert!(!lets_in || !words.is_empty(), "seed {seed}: {document:#}");
        }
    }
    counts
}

#[test]
fn random_policies_are_judged_like_by_brute_force() {
    const SEEDS: [u64; 4] = [0, 1, 2, 3];
    let share = POLICIES / SEEDS.len();
    let workers: Vec<_> = SEEDS
        .into_iter()
        .map(|seed| thread::spawn(move || compare(seed, share)))
        .collect();
    let seen = workers.into_iter().map(|worker| worker.join().unwrap());
    let seen = seen.fold([0; 3], |sum, one| {
        [0, 1, 2].map(|place| sum[place] + one[place])
    });
    let [let_in, kept_out, unsure] = seen;
    println!(
        "{} policies: {let_in} tokens let in, {kept_out} kept out, {unsure} uncertain",
        share * SEEDS.len()
    );
    assert!(seen.iter().all(|count| *count > POLICIES / 2), "{seen:?}");
}

//! The evaluator against one that looks at every token of a small universe, against the practice
//! cloud, and against policies as people write them.

mod agreement;
mod brute_force;
mod labelled;
mod random;

use super::{Certainty, Token};

/// A token with these claims; an empty list is a claim that is missing.
fn token(provider: &str, claims: &[(&str, &[&str])]) -> Token {
    let claims = claims.iter().filter(|(_, values)| !values.is_empty());
    Token {
        provider: provider.into(),
        claims: claims
            .map(|(name, values)| {
                let values = values.iter().map(ToString::to_string);
                ((*name).to_owned(), values.collect())
            })
            .collect(),
    }
}

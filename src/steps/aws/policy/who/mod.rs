//! Who can assume a role with a web identity, judged from its trust policy alone.
//!
//! STS takes a token of an IAM OIDC provider and asks the role's trust policy whether whoever shows
//! it may act as the role: `Action` `sts:AssumeRoleWithWebIdentity`, `Principal` the provider, and
//! the token's claims as condition keys with the issuer before them (`oidc.example/id/1:sub`). What
//! the policy looks at beyond that (addresses, times, tags) is not known here, so the answer has
//! three values, and only what is certain admits anybody.

mod admitted;
mod certainty;
mod condition;
mod operator;
mod share;
mod statement;
mod warnings;
mod words;

pub use admitted::{Admitted, Token, admitted};
pub use certainty::Certainty;

pub(in crate::steps) use condition::Condition;
pub(in crate::steps) use statement::Statement;

#[cfg(test)]
mod tests;

//! Files whose values are encrypted, in the format of SOPS with age keys: YAML and dotenv.
//!
//! Names and order stay readable, values become `ENC[AES256_GCM,…]`, and a MAC over all of them tells
//! whether somebody changed one. What SOPS, Flux and Argo CD's plugins write is read here, and the other way round.
//!
//! Values are replaced where they stand in the text, so comments, order and layout of a file are the
//! ones its author gave it, encrypted or not. No library kept that, or read dotenv.

mod cipher;
mod dotenv;
mod error;
#[cfg(any(test, fuzzing))]
mod fed;
mod file;
mod keys;
mod metadata;
mod parts;
mod recipients;
mod rule;
mod scalar;
mod tree;
mod values;
mod vault;
mod yaml;

pub use cipher::is_encrypted;
pub use error::{SopsError, Trouble};
#[cfg(fuzzing)]
pub use fed::{feed, feed_keys};
pub use file::{Format, Opened, open, renew, reseal, seal};
pub use keys::{AgeKeys, Keyring};
pub use metadata::recipients_of;
pub use recipients::{Recipient, Recipients};
pub use rule::Rule;
pub use values::{end_of, values, with_values, without_lines};
pub use vault::Vault;

#[cfg(test)]
mod tests;

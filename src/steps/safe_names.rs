//! Names that collide with nobody's: short, and told apart by a digest of whose they are.
//!
//! The computed names can be another installation's beginning (`prod` of `prod2`). In these the
//! digest comes before everything that two installations may have in common.

use std::fmt::Write as _;

use super::names::{PREFIX_LIMIT, ROLE_LIMIT};

/// How many digits of the digest a name holds.
const DIGITS: usize = 8;

/// Returns a bucket prefix and a role's name for `whose`, which the cluster's name makes readable;
/// for the same input the same ones. Another `turn` gives others.
pub fn safe_names(whose: &str, cluster: &str, turn: u32) -> (String, String) {
    let digest = digest(&format!("{whose}#{turn}"));
    let plain = cluster.to_ascii_lowercase();
    let plain = plain.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let prefix = cut(format!("rok-{digest}-{plain}"), PREFIX_LIMIT);
    let role = cut(format!("rok-{digest}-{cluster}"), ROLE_LIMIT);
    (prefix, role)
}

fn cut(mut name: String, limit: usize) -> String {
    // Both names are ASCII: clusters are.
    name.truncate(limit);
    name.trim_end_matches('-').to_owned()
}

fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut digits = String::new();
    for byte in &digest.as_ref()[..DIGITS / 2] {
        write!(digits, "{byte:02x}").expect("a string takes everything");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::names::{check_prefix, check_role};

    #[test]
    fn they_are_valid_deterministic_and_another_for_everybody() {
        let long = "Prod_".repeat(20);
        for cluster in ["arrikto-cluster", "a", "Prod_1", &long] {
            let (prefix, role) = safe_names("one", cluster, 0);
            check_prefix(&prefix).unwrap();
            check_role(&role).unwrap();
            assert_eq!(safe_names("one", cluster, 0), (prefix.clone(), role));
            assert_ne!(safe_names("two", cluster, 0).0, prefix);
            assert_ne!(safe_names("one", cluster, 1).0, prefix);
        }
    }

    #[test]
    fn none_begins_another() {
        let prod = safe_names("prod", "prod", 0).0;
        let prod2 = safe_names("prod2", "prod2", 0).0;
        assert!(!prod2.starts_with(&prod) && !prod.starts_with(&prod2));
    }
}

//! Names, keys and ids that nobody can guess.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Lowercase hexadecimal digits.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
/// Capital letters and digits, as in AWS access key ids and EKS issuer ids.
pub(super) const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters and digits, as in secret keys and tokens.
pub(super) const ALPHANUMERIC: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Returns `length` characters of `alphabet`, drawn evenly.
pub(super) fn text(length: usize, alphabet: &[u8]) -> String {
    let random = SystemRandom::new();
    // Bytes from the last, incomplete stretch of the alphabet would favour its first letters.
    let even = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        random
            .fill(&mut bytes)
            .expect("the operating system gives random bytes");
        let drawn = bytes.iter().map(|byte| usize::from(*byte));
        text.extend(
            drawn
                .filter(|byte| *byte < even)
                .map(|byte| char::from(alphabet[byte % alphabet.len()]))
                .take(length - text.len()),
        );
    }
    text
}

/// Returns a random (version 4) UUID.
pub(super) fn uuid() -> String {
    let digits = text(32, HEX);
    let variant = text(1, b"89ab");
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_and_the_letters_asked_for() {
        for length in [0, 1, 32, 200] {
            let text = text(length, b"abc");
            assert_eq!(text.len(), length);
            assert!(text.chars().all(|letter| "abc".contains(letter)), "{text}");
        }
        assert_ne!(text(40, ALPHANUMERIC), text(40, ALPHANUMERIC));
    }

    #[test]
    fn a_uuid_has_its_groups_version_and_variant() {
        let uuid = uuid();
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(&uuid[14..15], "4", "{uuid}");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}

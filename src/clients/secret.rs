//! A string that cannot be printed, serialised or cloned by accident, and what is done about secrets
//! in texts that others wrote.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

use super::git;

/// A secret. Only [`Secret::expose`] shows it; `Debug` does not. Its memory is wiped at its end.
#[derive(PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a string out of sight.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// Returns the secret itself, for the one place that has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// Words after which a server or proxy that repeats a request shows what we sent with it, in small
/// letters: the rest of the header, up to a blank or quote, is the secret.
const HEADERS: [&str; 3] = ["bearer", "basic", "x-amz-security-token"];

/// Shorter values are no secrets, and would be found in every other word.
const SHORTEST: usize = 6;

/// Returns what a server or a program said, without the credentials that it repeats: those in
/// addresses and headers, tokens, and the `known` ones.
pub(in crate::clients) fn hushed<'a>(
    text: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut text = git::redact(text);
    for secret in known {
        if secret.len() >= SHORTEST {
            text = text.replace(secret, HIDDEN);
        }
    }
    for header in HEADERS {
        if let Cow::Owned(clean) = without_value(&text, header) {
            text = clean;
        }
    }
    without_tokens(&text)
}

/// Removes the value that follows a header's name, or the scheme of an `Authorization`.
fn without_value<'a>(text: &'a str, header: &str) -> Cow<'a, str> {
    let small = text.to_ascii_lowercase();
    if !small.contains(header) {
        return Cow::Borrowed(text);
    }
    let (mut clean, mut from) = (String::with_capacity(text.len()), 0);
    for (start, _) in small.match_indices(header) {
        let end = start + header.len();
        let after = &text[end..];
        let value = after.trim_start_matches([':', '=', ' ', '"', '\'']);
        let start = end + after.len() - value.len();
        let is_end = |letter: char| letter.is_whitespace() || "\"'`,;&<>)]}".contains(letter);
        let length = value.find(is_end).unwrap_or(value.len());
        let is_word = |text: &str| {
            let letters = text.bytes().skip(1);
            letters
                .into_iter()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        // In a sentence, as in `basic authentication failed`, a word follows.
        if start == end || start < from || length < 2 * SHORTEST || is_word(&value[..length]) {
            continue;
        }
        clean.push_str(&text[from..start]);
        clean.push_str(HIDDEN);
        from = start + length;
    }
    clean.push_str(&text[from..]);
    Cow::Owned(clean)
}

/// Removes the signature of every JSON web token.
fn without_tokens(text: &str) -> String {
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '=');
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("eyJ") {
        let (before, token) = rest.split_at(start);
        clean.push_str(before);
        let end = token
            .find(|letter| !is_part(letter) && letter != '.')
            .unwrap_or(token.len());
        match token[..end].match_indices('.').nth(1) {
            Some((dot, _)) if dot + 1 < end => {
                clean.push_str(&token[..=dot]);
                clean.push_str(HIDDEN);
            }
            _ => clean.push_str(&token[..end]),
        }
        rest = &token[end..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        let secret = Secret::new("canary");
        assert!(!format!("{secret:?} {:#?}", Some(&secret)).contains("canary"));
        assert_eq!(secret.expose(), "canary");
    }

    #[test]
    fn what_a_server_repeats_is_hushed_and_all_else_stays() {
        for (said, shown) in [
            (
                "denied (Authorization: Bearer k8s-aws-v1.aHR0cHM6Ly9z, try again)",
                "denied (Authorization: Bearer ***, try again)",
            ),
            (
                r#"{"authorization":"Basic cm9rOnMzY3JldA==","x":1}"#,
                r#"{"authorization":"Basic ***","x":1}"#,
            ),
            (
                "X-Amz-Security-Token=FwoGZXIvYXdzECanary&Action=GetRole",
                "X-Amz-Security-Token=***&Action=GetRole",
            ),
            (
                "token eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl is expired",
                "token eyJhbGciOi.eyJzdWIi.*** is expired",
            ),
            (
                "GET https://me:pw@host/x failed",
                "GET https://host/x failed",
            ),
            ("the plugin has ENV-SECRET-1", "the plugin has ***"),
            ("a bearer token is missing", "a bearer token is missing"),
            ("Basic authentication failed", "Basic authentication failed"),
            ("user: basic", "user: basic"),
            (
                "eyJust a word. Or two. Or three",
                "eyJust a word. Or two. Or three",
            ),
        ] {
            assert_eq!(hushed(said, ["ENV-SECRET-1", "a"]), shown);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_can_be_hushed_once_and_for_all(said in "\\PC{0,40}(Bearer |eyJ|://|basic=)?\\PC{0,40}") {
            let once = hushed(&said, []);
            prop_assert_eq!(hushed(&once, []), once);
        }
    }
}

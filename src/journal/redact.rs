//! Takes secrets out of what leaves the machine.
//!
//! Journal, wire log and answers hold none by construction, except one that an operator types where
//! none belongs: user and password in a URL. Such a value never reaches an archive.

use std::borrow::Cow;

/// What stands where a secret stood.
const GONE: &str = "(redacted)";

/// Ends of key names whose values are secret.
const SECRET_KEYS: [&str; 5] = [
    "password",
    "secret_key",
    "access_key",
    "client_secret",
    "token",
];

/// Returns the text without user and password in URLs and without the values of keys with secret
/// names, `key: value` on a line.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    let without = match urls(text) {
        Some(changed) => Cow::Owned(changed),
        None => Cow::Borrowed(text),
    };
    match values(&without) {
        Some(changed) => Cow::Owned(changed),
        None => without,
    }
}

/// Returns the text without what stands before the `@` of a web address. In other addresses a user
/// without a password is none of anybody's secrets: `ssh://git@host`.
fn urls(text: &str) -> Option<String> {
    let (mut kept, mut from) = (String::new(), 0);
    for (mark, _) in text.match_indices("://") {
        let start = mark + 3;
        let length = authority(&text[start..]);
        let Some(end) = text[start..start + length].rfind('@') else {
            continue;
        };
        let is_web = text[..mark].ends_with("http") || text[..mark].ends_with("https");
        if start < from || (!is_web && !text[start..start + end].contains(':')) {
            continue;
        }
        if &text[start..start + end] == GONE {
            continue;
        }
        kept.push_str(&text[from..start]);
        kept.push_str(GONE);
        from = start + end;
    }
    (from > 0).then(|| kept + &text[from..])
}

/// Where user, host and port end. What looks like a port and is no number is a password, whose own
/// `/` does not end it.
fn authority(text: &str) -> usize {
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '\\');
    let word = &text[..text.find(is_end).unwrap_or(text.len())];
    let length = |text: &str| text.find(['/', '?', '#']).unwrap_or(text.len());
    let first = &word[..length(word)];
    let is_host = first.contains('@') || first.starts_with('[') || {
        let port = first.split_once(':').map_or("", |(_, port)| port);
        port.bytes().all(|byte| byte.is_ascii_digit())
    };
    match word.rfind('@') {
        Some(at) if !is_host => at + length(&word[at..]),
        _ => first.len(),
    }
}

fn values(text: &str) -> Option<String> {
    let secret = |line: &&str| {
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let key = key.trim().to_ascii_lowercase();
        let is_word = key
            .chars()
            .all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
        let value = value.trim();
        is_word && !matches!(value, "" | GONE) && SECRET_KEYS.iter().any(|end| key.ends_with(end))
    };
    text.lines().any(|line| secret(&line)).then(|| {
        let mut kept = String::new();
        for line in text.split_inclusive('\n') {
            match line.split_once(':').filter(|_| secret(&line)) {
                Some((key, _)) => kept.extend([key, ": ", GONE, "\n"]),
                None => kept += line,
            }
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_go_and_plain_users_stay() {
        for (text, expected) in [
            (
                "gitops_url: https://me:hunter2@git.example.com/a.git\n",
                "gitops_url: https://(redacted)@git.example.com/a.git\n",
            ),
            (
                r#"{"a":"https://ghp_token@host/x","b":"http://host/y@z"}"#,
                r#"{"a":"https://(redacted)@host/x","b":"http://host/y@z"}"#,
            ),
            ("ssh://git:pass@host:22/x", "ssh://(redacted)@host:22/x"),
            ("https://me:h/un?ter@host/x", "https://(redacted)@host/x"),
        ] {
            assert_eq!(redact(text), expected);
            assert_eq!(redact(expected), expected, "once is enough");
        }
        for text in [
            "ssh://git@host/x",
            "git@host:team/x.git",
            "https://host/path",
            "https://host:8443/x:y@z",
            "file:///home/me@work/x",
            "arn:aws:iam::123456789012:role/rok",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn values_of_secret_keys_go() {
        let text = "eks_cluster: a\naz_client_secret: hunter2\nverify_pull_secret: regcred\nDB_PASSWORD: x";
        assert_eq!(
            redact(text),
            "eks_cluster: a\naz_client_secret: (redacted)\nverify_pull_secret: regcred\nDB_PASSWORD: (redacted)\n"
        );
    }
}

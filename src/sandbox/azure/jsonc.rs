//! JSON as Resource Manager takes it: with comments, last commas, and keys without quotes.
//!
//! `az deployment` sends a template as it was written, behind a bare `template:`.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// Reads a body. What is plain JSON is read as such.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        let text = std::str::from_utf8(body).map_err(|_| error)?;
        serde_json::from_str(&plain(text))
    })
}

/// The same in plain JSON.
fn plain(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => copy_string(&mut letters, &mut plain),
            '/' if skip_comment(&mut letters) => plain.push(' '),
            '}' | ']' => {
                let kept = plain.trim_end();
                let kept = kept.strip_suffix(',').unwrap_or(kept).len();
                plain.truncate(kept);
                plain.push(letter);
            }
            _ if is_of_word(letter) => {
                let mut word = String::from(letter);
                while let Some(letter) = letters.next_if(|letter| is_of_word(*letter)) {
                    word.push(letter);
                }
                // Before a colon it is a key, whatever else it might mean.
                let is_key = letters.clone().find(|letter| !letter.is_whitespace()) == Some(':');
                if is_key {
                    plain.push('"');
                    plain.push_str(&word);
                    plain.push('"');
                } else {
                    plain.push_str(&word);
                }
            }
            _ => plain.push(letter),
        }
    }
    plain
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || "_$-+.".contains(letter)
}

/// Copies the rest of a string, with its last quote.
fn copy_string(letters: &mut Peekable<Chars<'_>>, plain: &mut String) {
    plain.push('"');
    while let Some(letter) = letters.next() {
        plain.push(letter);
        match letter {
            '\\' => plain.extend(letters.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// Skips a comment whose first slash was read; returns whether it is one.
fn skip_comment(letters: &mut Peekable<Chars<'_>>) -> bool {
    if letters.next_if_eq(&'/').is_some() {
        while letters.next_if(|letter| *letter != '\n').is_some() {}
        return true;
    }
    if letters.next_if_eq(&'*').is_none() {
        return false;
    }
    let mut last = ' ';
    for letter in letters.by_ref() {
        if (last, letter) == ('*', '/') {
            break;
        }
        last = letter;
    }
    true
}

/// Whatever is sent, it is read or refused.
#[cfg(any(test, fuzzing))]
pub fn feed(text: &[u8]) {
    parse(text).ok();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_az_sends_is_understood() {
        let body = r#"{"properties": {"mode": "Incremental", template:{
            // The identity.
            "name": "it's // no comment, [x,]", /* and
            more */ "count": -1.5, 'odd': 1,
            "list": [true, null,],
        }}}"#;
        assert!(
            parse(body.as_bytes()).is_err(),
            "single quotes are not taken"
        );
        let parsed = parse(body.replace("'odd': 1,", "odd : 1,").as_bytes()).unwrap();
        let expected = json!({
            "name": "it's // no comment, [x,]",
            "count": -1.5,
            "odd": 1,
            "list": [true, null],
        });
        assert_eq!(parsed["properties"]["template"], expected);
        for broken in ["", "{", "{a:}", "\"a", "/* {}"] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    crate::corpus::fed!("jsonc", feed);
}

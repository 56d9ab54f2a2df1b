//! Reads and writes the `NAME=value` files of `deploy/env.*`.
//!
//! Operators `source` these files, so a value must mean here what it means to a shell. What a shell
//! would compute (`$NAME`, `$(…)`, backticks) is refused rather than taken literally.

/// A line that is no plain assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read `{file}`, line {line}: found {found}, expected `NAME=value`")]
pub struct EnvFileError {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there, in words; never the value, which may be a secret.
    pub found: String,
}

/// Returns the assignments of `text` in their order; `name` is only for messages.
pub fn parse(name: &str, text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let mut assignments = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        assignments.push(assignment(line).map_err(|found| EnvFileError {
            file: name.into(),
            line: index + 1,
            found,
        })?);
    }
    Ok(assignments)
}

/// Returns `value` as a shell reads it back, in quotes only where it needs them.
pub fn quote(value: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:@%+,=".contains(character);
    if !value.is_empty() && value.chars().all(plain) {
        return value.into();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn assignment(line: &str) -> Result<(String, String), String> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let Some((name, value)) = line.split_once('=') else {
        return Err("a line without `=`".into());
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("a name that is not letters, digits and `_`".into());
    }
    Ok((name.into(), unquote(value)?))
}

/// Reads one shell word, and after it nothing but a comment.
fn unquote(text: &str) -> Result<String, String> {
    if text.starts_with('~') {
        return Err(computed('~'));
    }
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => loop {
                match characters.next() {
                    Some('\'') => break,
                    Some(character) => value.push(character),
                    None => return Err("a `'` that is not closed on its line".into()),
                }
            },
            '"' => loop {
                match characters.next() {
                    Some('"') => break,
                    Some('\\') => match characters.next() {
                        Some(escaped @ ('"' | '\\' | '$' | '`')) => value.push(escaped),
                        Some(other) => value.extend(['\\', other]),
                        None => return Err("a `\"` that is not closed on its line".into()),
                    },
                    Some(character @ ('$' | '`')) => return Err(computed(character)),
                    Some(character) => value.push(character),
                    None => return Err("a `\"` that is not closed on its line".into()),
                }
            },
            '\\' => match characters.next() {
                Some(escaped) => value.push(escaped),
                None => return Err("a value continued on the next line".into()),
            },
            '$' | '`' => return Err(computed(character)),
            ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                return Err(format!("`{character}` outside of quotes"));
            }
            ' ' | '\t' => {
                let rest = characters.as_str().trim_start();
                if rest.is_empty() || rest.starts_with('#') {
                    return Ok(value);
                }
                return Err("more than one word outside of quotes".into());
            }
            other => value.push(other),
        }
    }
    Ok(value)
}

fn computed(character: char) -> String {
    let what = if character == '`' {
        "a backtick".into()
    } else {
        format!("`{character}`")
    };
    format!("{what}, which a shell would compute (put the value in single quotes if it is meant)")
}

/// What is taken reads the same when it is written, and no refusal quotes a value.
#[cfg(any(test, fuzzing))]
pub fn feed(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match parse("env", &text) {
        Ok(read) => {
            let line = |(name, value): &(String, String)| format!("{name}={}\n", quote(value));
            let written: String = read.iter().map(line).collect();
            assert_eq!(parse("env", &written), Ok(read));
        }
        Err(error) => assert!(!error.to_string().contains("canary-secret"), "{error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn value(line: &str) -> String {
        parse("deploy/env.test", line).unwrap().remove(0).1
    }

    fn refusal(text: &str) -> String {
        parse("deploy/env.test", text).unwrap_err().to_string()
    }

    /// What bash makes of the line; the oracle for everything accepted here.
    fn bash(line: &str) -> String {
        let output = Command::new("bash")
            .args(["-c", &format!("{line}\nprintf %s \"$A\"")])
            .output()
            .expect("bash runs");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn comments_blank_lines_and_export_are_read() {
        let text = "# state\n\nA=1\nexport B='two words'\r\n  C=\"x # y\" # note\nD=\n";
        let pairs = parse("env", text).unwrap();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "")]
        );
    }

    #[test]
    fn values_mean_what_bash_makes_of_them() {
        for line in [
            "A=plain",
            "A=",
            "A=''",
            "A='a b'",
            "A=\"a b\"",
            "A=a'b c'd",
            "A=\"a\\\"b\\\\c\\n\"",
            "A=a\\ b",
            "A=x#y",
            "A=x #y",
            "A='$HOME'",
            "A=\"\\$HOME\"",
            "A=\"it's\"",
            "A=arn:aws:iam::1:role/x",
            "export A=b=c",
            "A='it'\\''s'",
            "A=x~",
            "A=k8s://h?x=1",
        ] {
            assert_eq!(value(line), bash(line), "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_compute_is_refused_without_the_value() {
        for line in [
            "A=$SECRET",
            "A=\"$(secret)\"",
            "A=`secret`",
            "A=${SECRET}",
            "A=~secret",
        ] {
            let refusal = refusal(&format!("B=1\n{line}\n"));
            assert!(
                refusal.starts_with("read `deploy/env.test`, line 2: found"),
                "{refusal}"
            );
            assert!(refusal.contains("a shell would compute"), "{refusal}");
            assert!(!refusal.to_lowercase().contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn other_lines_are_refused_in_words() {
        for (line, found) in [
            ("just words", "a line without `=`"),
            ("A B=1", "a name that"),
            ("1A=1", "a name that"),
            ("=1", "a name that"),
            ("A=a b", "more than one word"),
            ("A='open", "a `'` that is not closed"),
            ("A=\"open", "a `\"` that is not closed"),
            ("A=a\\", "continued on the next line"),
            ("A=a;reboot", "`;` outside of quotes"),
        ] {
            assert!(refusal(line).contains(found), "{line}: {}", refusal(line));
        }
    }

    #[test]
    fn safe_values_are_written_plainly() {
        let arn = "arn:aws:iam::123451234512:role/rok-us-west-2-arrikto-cluster";
        assert_eq!(quote(arn), arn);
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's $5"), r"'it'\''s $5'");
    }

    #[test]
    fn bash_reads_a_quoted_value_back() {
        for value in [
            "",
            "a b",
            "it's",
            "$HOME `x` \\ \"",
            "~",
            "~x",
            "a=~b",
            "#x",
            "é",
            "*",
            "!x",
            "a{b,c}",
        ] {
            assert_eq!(bash(&format!("A={}", quote(value))), value);
        }
    }

    proptest! {
        #[test]
        fn a_written_value_reads_back(text in "[^\r\n\0]{0,40}") {
            prop_assert_eq!(value(&format!("A={}", quote(&text))), text);
        }
    }

    crate::corpus::fed!("envfile", feed);
}

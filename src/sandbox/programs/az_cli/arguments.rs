//! The options of a command, by their long names.

use std::collections::BTreeMap;

use super::{Failure, USAGE};

/// An option of a command.
#[derive(Debug)]
pub(super) struct Known {
    /// All its names, the long one first.
    pub(super) names: &'static [&'static str],
    /// Whether a value follows it.
    pub(super) takes_value: bool,
    pub(super) required: bool,
}

/// An option that may be left out.
pub(super) const fn value(names: &'static [&'static str]) -> Known {
    Known {
        names,
        takes_value: true,
        required: false,
    }
}

/// An option that must be there.
pub(super) const fn required(names: &'static [&'static str]) -> Known {
    Known {
        required: true,
        ..value(names)
    }
}

/// An option without a value.
pub(super) const fn flag(names: &'static [&'static str]) -> Known {
    Known {
        takes_value: false,
        ..value(names)
    }
}

/// The options of every command.
const COMMON: [Known; 5] = [
    value(&["--output", "-o"]),
    value(&["--query"]),
    value(&["--subscription"]),
    flag(&["--only-show-errors"]),
    flag(&["--debug"]),
];

/// A command line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments(BTreeMap<&'static str, String>);

impl Arguments {
    pub(super) fn parse(words: &[String], known: &[Known]) -> Result<Self, Failure> {
        let mut arguments = BTreeMap::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, given) = match word.split_once('=') {
                Some((name, given)) if name.starts_with("--") => (name, Some(given.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut all = known.iter().chain(&COMMON);
            let option = all
                .find(|option| option.names.contains(&name))
                .ok_or_else(|| Failure(USAGE, format!("unrecognized arguments: {word}")))?;
            let value = match given {
                _ if !option.takes_value => String::new(),
                Some(given) => given,
                None => words.next().cloned().ok_or_else(|| {
                    let names = option.names.join("/");
                    Failure(USAGE, format!("argument {names}: expected one argument"))
                })?,
            };
            arguments.insert(option.names[0], value);
        }
        let missing: Vec<String> = known
            .iter()
            .filter(|option| option.required && !arguments.contains_key(option.names[0]))
            .map(|option| option.names.join("/"))
            .collect();
        if missing.is_empty() {
            return Ok(Self(arguments));
        }
        let words = format!(
            "the following arguments are required: {}",
            missing.join(", ")
        );
        Err(Failure(USAGE, words))
    }

    /// The value of an option; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Whether an option without a value is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 2] = [
        required(&["--container-name", "-c"]),
        flag(&["--identity", "-i"]),
    ];

    fn parse(line: &str) -> Result<Arguments, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words, &KNOWN)
    }

    #[test]
    fn options_have_long_and_short_names() {
        let arguments = parse("-c rok -i --output=tsv").unwrap();
        assert_eq!(arguments.get("--container-name"), Some("rok"));
        assert_eq!(arguments.get("--output"), Some("tsv"));
        assert!(arguments.has("--identity") && !arguments.has("--debug"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            (
                "",
                "the following arguments are required: --container-name/-c",
            ),
            ("-c", "argument --container-name/-c: expected one argument"),
            ("-c a --teapot", "unrecognized arguments: --teapot"),
        ] {
            assert_eq!(parse(line), Err(Failure(USAGE, expected.into())), "{line}");
        }
    }
}

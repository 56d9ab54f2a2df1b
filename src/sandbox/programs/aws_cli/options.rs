//! The command line of the AWS CLI: which operation, with which options.

use std::collections::BTreeMap;

use super::Failure;

/// Options that stand alone.
const FLAGS: [&str; 3] = ["no-cli-pager", "no-paginate", "version"];

/// A command line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    words: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Reads a command line. Fails with the CLI's own words.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix("--") else {
                options.words.push(argument.clone());
                continue;
            };
            let (name, value) = if let Some((name, value)) = option.split_once('=') {
                (name, value.to_owned())
            } else if FLAGS.contains(&option) {
                (option, String::new())
            } else {
                let value = arguments.next();
                let value = value.ok_or_else(|| {
                    Failure::usage(&format!("argument --{option}: expected one argument"))
                })?;
                (option, value.clone())
            };
            options.values.insert(name.to_owned(), value);
        }
        Ok(options)
    }

    /// What is no option: `["s3api", "list-object-versions"]`.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// The value of an option.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of an option that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| {
            let words = format!("the following arguments are required: --{name}");
            Failure::usage(&words)
        })
    }

    /// Checks that there is no option but those of every command and these.
    pub(super) fn check(&self, known: &[&str]) -> Result<(), Failure> {
        let common = ["region", "output", "query"];
        let unknown: Vec<String> = self
            .values
            .iter()
            .filter(|(name, _)| {
                let name = name.as_str();
                ![&FLAGS[..], &common, known]
                    .iter()
                    .any(|names| names.contains(&name))
            })
            .flat_map(|(name, value)| [format!("--{name}"), value.clone()])
            .collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            let words = format!("Unknown options: {}", unknown.join(", "));
            Err(Failure::usage(&words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_and_words_may_be_mixed() {
        let options = parse("--region=eu-west-1 s3api list --no-paginate --bucket b").unwrap();
        assert_eq!(options.words, ["s3api", "list"]);
        assert_eq!(options.get("region"), Some("eu-west-1"));
        assert_eq!(options.required("bucket"), Ok("b"));
        assert!(options.check(&["bucket"]).is_ok());
        let Failure(_, unknown) = options.check(&[]).unwrap_err();
        assert!(unknown.ends_with("aws: error: Unknown options: --bucket, b"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let Failure(_, missing) = parse("s3api list --bucket").unwrap_err();
        assert!(missing.ends_with(": argument --bucket: expected one argument"));
        let options = parse("s3api list").unwrap();
        let Failure(_, missing) = options.required("bucket").unwrap_err();
        assert!(missing.ends_with(": the following arguments are required: --bucket"));
    }
}

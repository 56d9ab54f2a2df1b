//! The profiles that the operator's AWS files name, for the wizard to choose from.
//!
//! Only section headings are read here; what a profile means is the SDK's business.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

/// Returns the names of the profiles in `~/.aws/config` and `~/.aws/credentials`, sorted, `default`
/// first. `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` move the files; a file that is not
/// there or cannot be read has no profiles.
pub fn profiles() -> Vec<String> {
    let read = |variable, name| {
        location(variable, name)
            .and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default()
    };
    names(
        &read("AWS_CONFIG_FILE", "config"),
        &read("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    )
}

fn location(variable: &str, name: &str) -> Option<PathBuf> {
    match env::var_os(variable) {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => Some(env::home_dir()?.join(".aws").join(name)),
    }
}

fn names(config: &str, credentials: &str) -> Vec<String> {
    let from_config = headings(config).filter_map(|heading| {
        // `[sso-session …]` and `[services …]` share the file and are no profiles.
        match heading.split_once(char::is_whitespace) {
            Some(("profile", name)) => Some(unquoted(name)),
            None if heading == "default" => Some(heading),
            _ => None,
        }
    });
    let named: BTreeSet<&str> = from_config
        .chain(headings(credentials).map(unquoted))
        .filter(|name| !name.is_empty())
        .collect();
    let (default, others): (Vec<&str>, Vec<&str>) =
        named.into_iter().partition(|name| *name == "default");
    default
        .into_iter()
        .chain(others)
        .map(str::to_owned)
        .collect()
}

/// What stands between the brackets of each section heading. A comment may follow a heading.
fn headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (heading, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        Some(heading.trim())
    })
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_merged_and_default_comes_first() {
        let config = "\
[profile zeta]
region = us-west-2
[ default ] ; the usual one
[profile \"with space\"]
# [profile commented]
[sso-session corp]
sso_region = us-east-1
[services local]
s3 =
  endpoint_url = http://localhost
[alpha-without-the-word]
[profile broken
";
        let credentials = "[default]\naws_access_key_id = AKIA\n\n  [only-keys]\n[zeta]\n";
        assert_eq!(
            names(config, credentials),
            ["default", "only-keys", "with space", "zeta"]
        );
    }

    #[test]
    fn no_files_are_no_profiles() {
        assert!(names("", "").is_empty());
    }
}

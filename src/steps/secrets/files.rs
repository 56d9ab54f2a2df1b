//! The files that hold the credentials, in clear: how they are read, and how values get into them while
//! all else stays.

use super::ConfigVars;
use super::credentials::Credentials;
use crate::clients::secret::Secret;
use crate::clients::sops::{self, Format, Rule, SopsError, Trouble};

/// What S3Proxy reads.
pub const CREDENTIALS: &str =
    "rok/rok-external-services/s3proxy/overlays/deploy/secrets/credentials.env";
/// What Rok's daemon reads, where it is encrypted.
pub const SECRET_VARS: &str = "rok/rok-cluster/overlays/deploy/patches/configvars-secrets.yaml";
/// What Rok's daemon reads, where it is in clear.
pub(super) const CONFIGVARS: &str = "rok/rok-cluster/overlays/deploy/patches/configvars.yaml";
/// For whom files are encrypted.
pub const RECIPIENTS: &str = "deploy/age-recipients.txt";

/// The names in S3Proxy's file.
const NAMES: [&str; 2] = ["S3PROXY_IDENTITY", "S3PROXY_CREDENTIAL"];

/// Which values of Rok's file are encrypted; all others stay readable.
const ENCRYPTED: &str = r"^daemons\.s3d\.(aws\.)?(access_key_id|secret_access_key)$";

/// A new file of Rok's, but for the values.
const HEAD: &str = "\
# Credentials of S3Proxy, for Rok's daemon. The same as in S3Proxy's `secrets/credentials.env`.
# `rok-deploy rotate` makes new ones in both.
apiVersion: rok.arrikto.com/v1alpha1
kind: RokCluster
metadata:
  name: rok
spec:
  configVars:
";

/// Returns the format of one of these files.
pub(super) fn format(path: &str) -> Format {
    Format::of(path).expect("each has an ending of its own")
}

/// Returns which values of one of these files are encrypted.
pub(super) fn rule(path: &str) -> Rule {
    if path == SECRET_VARS {
        Rule::matching(ENCRYPTED)
    } else {
        Rule::default()
    }
}

/// Where the values of a file are.
fn paths(path: &str, vars: ConfigVars) -> [Vec<String>; 2] {
    let under = |above: &[&str], name: &str| -> Vec<String> {
        above
            .iter()
            .chain([&name])
            .map(|part| (*part).to_owned())
            .collect()
    };
    if path == CREDENTIALS {
        NAMES.map(|name| under(&[], name))
    } else {
        vars.names()
            .map(|name| under(&["spec", "configVars"], name))
    }
}

/// Returns the values that a file in clear has under one sort of names.
fn found(path: &str, text: &str, vars: ConfigVars) -> Result<[Option<Secret>; 2], SopsError> {
    let values = sops::values(format(path), path, text, &paths(path, vars))?;
    let mut values = values.into_iter();
    Ok([values.next().flatten(), values.next().flatten()])
}

/// Whether a file may have values. Rok's settings are the operator's, in any form, where they have none.
fn may_have(path: &str, text: &str) -> bool {
    path != CONFIGVARS || text.contains("secret_access_key")
}

/// Returns the credentials of a file in clear, under whichever names it has them.
pub(super) fn credentials(path: &str, text: &str) -> Result<Option<Credentials>, SopsError> {
    if !may_have(path, text) {
        return Ok(None);
    }
    for vars in ConfigVars::ALL {
        if let Some(credentials) = Credentials::of(found(path, text, vars)?) {
            return Ok(Some(credentials));
        }
    }
    Ok(None)
}

/// Whether a file in clear has values under these names.
pub(super) fn has(path: &str, text: &str, vars: ConfigVars) -> Result<bool, SopsError> {
    Ok(may_have(path, text) && Credentials::of(found(path, text, vars)?).is_some())
}

/// Returns the file with other values under the names that it has, all sorts of them.
pub(super) fn replaced(path: &str, text: &str, new: &Credentials) -> Result<String, SopsError> {
    let mut text = text.to_owned();
    for vars in ConfigVars::ALL {
        text = put(path, &text, vars, new)?.0;
    }
    Ok(text)
}

/// Returns the file with the values in it: in their places, else at the end of their list. Without a
/// file it is a new one.
pub(super) fn with(
    path: &str,
    text: Option<&str>,
    vars: ConfigVars,
    credentials: &Credentials,
) -> Result<String, SopsError> {
    let new = if path == CREDENTIALS { "" } else { HEAD };
    let (mut text, are_there) = match text {
        Some(text) => put(path, text, vars, credentials)?,
        None => (new.to_owned(), [false; 2]),
    };
    let names = if path == CREDENTIALS {
        NAMES
    } else {
        vars.names()
    };
    let missing = names.into_iter().zip(credentials.values()).zip(are_there);
    let missing = missing.filter(|(_, is_there)| !is_there);
    let lines: Vec<String> = missing
        .map(|((name, value), _)| {
            if path == CREDENTIALS {
                format!("{name}={value}")
            } else {
                format!("{name}: \"{value}\"")
            }
        })
        .collect();
    if lines.is_empty() {
        return Ok(text);
    }
    let (at, indent) = if path == CREDENTIALS || text == HEAD {
        (
            text.len(),
            if path == CREDENTIALS { "" } else { "    " }.to_owned(),
        )
    } else {
        let above = ["spec".to_owned(), "configVars".to_owned()];
        sops::end_of(format(path), path, &text, &above)?.ok_or_else(|| {
            Trouble::unsupported("a file without a value in `spec.configVars`").of(path)
        })?
    };
    let mut added = String::new();
    if at > 0 && !text[..at].ends_with('\n') {
        added.push('\n');
    }
    for line in lines {
        added.push_str(&indent);
        added.push_str(&line);
        added.push('\n');
    }
    text.insert_str(at, &added);
    // A file in another layout may have taken it in another way.
    if !has(path, &text, vars)? {
        return Err(Trouble::unsupported("a layout that values cannot be added to").of(path));
    }
    Ok(text)
}

/// Returns the file with other values in their places, and which of both it has.
fn put(
    path: &str,
    text: &str,
    vars: ConfigVars,
    new: &Credentials,
) -> Result<(String, [bool; 2]), SopsError> {
    let found = found(path, text, vars)?;
    let are_there = found.map(|value| value.is_some());
    let paths = paths(path, vars);
    let values: Vec<_> = paths.into_iter().zip(new.values()).collect();
    Ok((
        sops::with_values(format(path), path, text, &values)?,
        are_there,
    ))
}

/// Returns the file without the lines of the values.
pub(super) fn without(path: &str, text: &str) -> Result<String, SopsError> {
    let paths: Vec<_> = ConfigVars::ALL
        .iter()
        .flat_map(|vars| paths(path, *vars))
        .collect();
    sops::without_lines(format(path), path, text, &paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(identity: &str, credential: &str) -> Credentials {
        Credentials {
            identity: Secret::new(identity),
            credential: Secret::new(credential),
        }
    }

    #[test]
    fn a_new_file_holds_the_values_quoted_and_reads_back() {
        let new = pair("aa", "00");
        for vars in ConfigVars::ALL {
            let text = with(SECRET_VARS, None, vars, &new).unwrap();
            let [identity, credential] = vars.names();
            assert!(text.ends_with(&format!(
                "  configVars:\n    {identity}: \"aa\"\n    {credential}: \"00\"\n"
            )));
            assert!(credentials(SECRET_VARS, &text).unwrap() == Some(pair("aa", "00")));
        }
        let text = with(CREDENTIALS, None, ConfigVars::Aws, &new).unwrap();
        assert_eq!(text, "S3PROXY_IDENTITY=aa\nS3PROXY_CREDENTIAL=00\n");
    }

    #[test]
    fn what_others_have_in_the_files_stays() {
        let new = pair("aa", "bb");
        let text = "# mine\nOTHER=1\nS3PROXY_CREDENTIAL=old\n\n# end";
        assert_eq!(
            with(CREDENTIALS, Some(text), ConfigVars::Aws, &new).unwrap(),
            "# mine\nOTHER=1\nS3PROXY_CREDENTIAL=bb\n\n# end\nS3PROXY_IDENTITY=aa\n"
        );
        let text = "spec:\n  # these\n  configVars:\n      a.b: 1 # one\n  other: x\n";
        let both = with(CONFIGVARS, Some(text), ConfigVars::Legacy, &new).unwrap();
        assert_eq!(
            both,
            "spec:\n  # these\n  configVars:\n      a.b: 1 # one\n      daemons.s3d.access_key_id: \"aa\"\n      \
             daemons.s3d.secret_access_key: \"bb\"\n  other: x\n"
        );
        assert_eq!(without(CONFIGVARS, &both).unwrap(), text);
        let changed = replaced(CONFIGVARS, &both, &pair("cc", "dd")).unwrap();
        assert_eq!(changed, both.replace("aa", "cc").replace("bb", "dd"));
    }

    #[test]
    fn a_layout_that_takes_nothing_is_told() {
        let new = pair("aa", "bb");
        for text in ["spec: {}\n", "spec:\n  configVars: {a: 1}\n"] {
            let error = with(CONFIGVARS, Some(text), ConfigVars::Aws, &new).unwrap_err();
            assert!(error.to_string().contains("configvars.yaml"), "{error}");
        }
    }
}

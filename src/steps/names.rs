//! Names that are computed from answers, as the documentation computes them in the shell.
//!
//! `${VAR%-rok-rok}` drops a literal suffix once, if it is there. That is not quite what the
//! documentation says in words ("when both are `rok`"), so [`ambiguity`] tells where the two part.

mod azure;

use ring::digest::{SHA256, digest};

pub use azure::{
    AzureInputs, assignment, check_account, check_cluster, check_container_prefix, check_group,
    check_guid, check_identity, check_pod_identity, storage_account,
};

/// The longest bucket prefix: a bucket's 63 characters less the longest suffix that Rok appends.
pub const PREFIX_LIMIT: usize = 52;

/// The longest name of an IAM role.
pub const ROLE_LIMIT: usize = 64;

/// The suffix of the bucket that proves access; Rok's own, so the proof leaves nothing new.
pub const PROBE_SUFFIX: &str = "-chocks-ca";

/// The longest name of a bucket.
pub const BUCKET_LIMIT: usize = 63;

/// What the names are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// `us-west-2`.
    pub region: &'a str,
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// The namespace of the Rok cluster.
    pub namespace: &'a str,
    /// The Rok cluster's name, which is its service account's name too.
    pub name: &'a str,
}

impl Inputs<'_> {
    /// Returns the role's name: `rok-<region>-<cluster>-<namespace>-<name>` less `-rok-rok`.
    pub fn role(&self) -> String {
        let Self {
            region,
            cluster,
            namespace,
            name,
            ..
        } = self;
        strip(&format!("rok-{region}-{cluster}-{namespace}-{name}"))
    }

    /// Returns the bucket prefix: `rok-<account>-<region>-<cluster>-<namespace>-<name>` less
    /// `-rok-rok`.
    pub fn bucket_prefix(&self) -> String {
        let Self {
            account,
            region,
            cluster,
            namespace,
            name,
        } = self;
        strip(&format!(
            "rok-{account}-{region}-{cluster}-{namespace}-{name}"
        ))
    }

    /// Returns what to notice when the shell's rule drops a suffix that the documentation, in
    /// words, would keep: namespace `dev-rok` with name `rok` is named like namespace `dev`.
    pub fn ambiguity(&self) -> Option<String> {
        let dropped = format!("-{}-{}", self.namespace, self.name).ends_with("-rok-rok");
        let both = self.namespace == "rok" && self.name == "rok";
        (dropped && !both).then(|| {
            let Self {
                region,
                cluster,
                namespace,
                ..
            } = self;
            let safe = format!("rok-{region}-{cluster}-{namespace}");
            format!(
                "the name drops `-rok-rok` although namespace is `{}` and name is `{}`, so another \
                 Rok could compute the same one; a safe name is `{safe}`",
                self.namespace, self.name
            )
        })
    }
}

/// Returns the subject of a service account's tokens: `system:serviceaccount:<namespace>:<name>`.
pub fn subject(namespace: &str, account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{account}")
}

/// Returns the name of the bucket that proves access.
pub fn probe_bucket(prefix: &str) -> String {
    format!("{prefix}{PROBE_SUFFIX}")
}

/// Returns a name beside one that is taken: the same for the same installation, and next to
/// impossible for another.
pub fn beside(name: &str, installation: &str) -> String {
    let hash = digest(&SHA256, format!("{name}\n{installation}").as_bytes());
    let hash = hex(&hash.as_ref()[..3]);
    let kept = ROLE_LIMIT - hash.len() - 1;
    let kept: String = name.chars().take(kept).collect();
    format!("{}-{hash}", kept.trim_end_matches('-'))
}

/// Returns bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("a nibble is below 16");
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// Checks a bucket prefix.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix.starts_with("arn:") {
        return Err(format!(
            "is `{prefix}`, which is an ARN; expected a bucket prefix"
        ));
    }
    let odd = prefix
        .chars()
        .find(|character| !matches!(character, 'a'..='z' | '0'..='9' | '-' | '.'));
    if let Some(odd) = odd {
        return Err(format!(
            "is `{prefix}`, which holds {odd:?}; bucket names hold lower-case letters, digits, \
             `-` and `.`; set `aws_s3_bucket_prefix`"
        ));
    }
    if !prefix.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(format!(
            "is `{prefix}`; a bucket name starts with a letter or a digit"
        ));
    }
    let length = prefix.chars().count();
    let probe = probe_bucket(prefix).chars().count();
    if length > PREFIX_LIMIT || probe > BUCKET_LIMIT {
        return Err(format!(
            "is `{prefix}`, {length} characters; expected at most {PREFIX_LIMIT}, so that the \
             longest bucket name stays within {BUCKET_LIMIT}; set `aws_s3_bucket_prefix` to a \
             shorter one"
        ));
    }
    Ok(())
}

/// Checks an IAM path: `/`, or `/team/`.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_path(path: &str) -> Result<(), String> {
    let inner = |character: char| ('!'..='\u{7e}').contains(&character);
    let slashes = path.starts_with('/') && path.ends_with('/') && !path.contains("//");
    if slashes && path.chars().all(inner) && path.len() <= 512 {
        return Ok(());
    }
    Err(format!(
        "is `{path}`; expected a path that begins and ends with `/`, as in `/team/`"
    ))
}

/// Checks the ARN of a managed policy.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_policy_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", account, resource] = parts[..] {
        let owner = account == "aws"
            || account.len() == 12 && account.chars().all(|digit| digit.is_ascii_digit());
        let named = resource
            .strip_prefix("policy/")
            .is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
        if partition.starts_with("aws") && owner && named {
            return Ok(());
        }
    }
    Err(format!(
        "is `{arn}`; expected the ARN of a policy, as in `arn:aws:iam::123451234512:policy/boundary`"
    ))
}

/// Checks a role's name.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_role(role: &str) -> Result<(), String> {
    if role.starts_with("arn:") {
        return Err(format!(
            "is `{role}`; expected the role's name, not its ARN"
        ));
    }
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "+=,.@_-".contains(character);
    if let Some(odd) = role.chars().find(|character| !allowed(*character)) {
        return Err(format!(
            "is `{role}`, which holds {odd:?}; role names hold letters, digits and `+=,.@_-`"
        ));
    }
    let length = role.chars().count();
    if length > ROLE_LIMIT {
        return Err(format!(
            "is `{role}`, {length} characters; expected at most {ROLE_LIMIT}; set `aws_s3_role` \
             to a shorter one"
        ));
    }
    Ok(())
}

/// Checks a name of Kubernetes' DNS label kind.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_label(name: &str) -> Result<(), String> {
    let inner = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-');
    let edge =
        |character: Option<char>| character.is_some_and(|found| found.is_ascii_alphanumeric());
    if name.len() > 63 {
        return Err(format!(
            "is `{name}`, {} characters; expected at most 63",
            name.len()
        ));
    }
    if !name.chars().all(inner) || !edge(name.chars().next()) || !edge(name.chars().last()) {
        return Err(format!(
            "is `{name}`; expected lower-case letters, digits and `-`, starting and ending with \
             a letter or a digit"
        ));
    }
    Ok(())
}

fn strip(name: &str) -> String {
    name.strip_suffix("-rok-rok").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: Inputs<'static> = Inputs {
        account: "123451234512",
        region: "us-west-2",
        cluster: "arrikto-cluster",
        namespace: "rok",
        name: "rok",
    };

    #[test]
    fn a_path_has_slashes_and_a_boundary_is_the_arn_of_a_policy() {
        for path in ["/", "/team/", "/a/b/"] {
            assert_eq!(check_path(path), Ok(()));
        }
        for path in ["", "team", "/team", "team/", "//", "/a b/"] {
            assert!(check_path(path).is_err(), "{path}");
        }
        for arn in [
            "arn:aws:iam::123451234512:policy/boundary",
            "arn:aws-cn:iam::123451234512:policy/team/boundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
        ] {
            assert_eq!(check_policy_arn(arn), Ok(()));
        }
        for arn in [
            "boundary",
            "arn:aws:iam::123451234512:role/rok",
            "arn:aws:iam::12345:policy/b",
            "arn:aws:iam::123451234512:policy/",
        ] {
            assert!(check_policy_arn(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn names_are_those_of_the_documentation() {
        assert_eq!(
            DOCUMENTED.bucket_prefix(),
            "rok-123451234512-us-west-2-arrikto-cluster"
        );
        assert_eq!(DOCUMENTED.role(), "rok-us-west-2-arrikto-cluster");
        let second = Inputs {
            name: "rok2",
            ..DOCUMENTED
        };
        assert_eq!(
            second.bucket_prefix(),
            "rok-123451234512-us-west-2-arrikto-cluster-rok-rok2"
        );
        assert_eq!(second.role(), "rok-us-west-2-arrikto-cluster-rok-rok2");
        let once = Inputs {
            cluster: "a-rok",
            ..DOCUMENTED
        };
        assert_eq!(once.bucket_prefix(), "rok-123451234512-us-west-2-a-rok");
    }

    #[test]
    fn prefixes_end_at_52_characters() {
        let fits = Inputs {
            name: "rok2",
            ..DOCUMENTED
        }
        .bucket_prefix();
        assert_eq!(fits.len(), 51);
        check_prefix(&fits).unwrap();
        check_prefix(&format!("{fits}x")).unwrap();
        let long = Inputs {
            namespace: "rok-dev",
            ..DOCUMENTED
        }
        .bucket_prefix();
        assert_eq!(long.len(), 54);
        let error = check_prefix(&long).unwrap_err();
        assert!(
            error.contains("54 characters") && error.contains(&long),
            "{error}"
        );
        let upper = Inputs {
            cluster: "Prod_1",
            ..DOCUMENTED
        }
        .bucket_prefix();
        assert!(check_prefix(&upper).unwrap_err().contains("'P'"));
        assert!(
            check_prefix("arn:aws:iam::1:role/x")
                .unwrap_err()
                .contains("ARN")
        );
    }

    #[test]
    fn roles_end_at_64_characters() {
        check_role(&"r".repeat(64)).unwrap();
        assert!(
            check_role(&"r".repeat(65))
                .unwrap_err()
                .contains("65 characters")
        );
        assert!(check_role("a b").is_err());
        assert!(check_role("arn:aws:iam::1:role/x").is_err());
    }

    #[test]
    fn a_name_beside_another_is_its_own_and_fits() {
        let taken = DOCUMENTED.role();
        let beside = |installation| super::beside(&taken, installation);
        assert!(beside("a").starts_with(&format!("{taken}-")));
        assert_eq!(beside("a"), beside("a"));
        assert_ne!(beside("a"), beside("b"));
        let long = super::beside(&"r".repeat(64), "a");
        assert_eq!(long.len(), ROLE_LIMIT);
        check_role(&long).unwrap();
        assert_ne!(super::beside(&long, "a"), long);
    }

    #[test]
    fn the_shell_rule_is_told_where_it_differs_from_the_words() {
        assert_eq!(DOCUMENTED.ambiguity(), None);
        assert_eq!(
            Inputs {
                namespace: "dev",
                ..DOCUMENTED
            }
            .ambiguity(),
            None
        );
        let trap = Inputs {
            namespace: "dev-rok",
            ..DOCUMENTED
        };
        assert_eq!(trap.role(), "rok-us-west-2-arrikto-cluster-dev");
        assert!(
            trap.ambiguity()
                .unwrap()
                .contains("`rok-us-west-2-arrikto-cluster-dev-rok`")
        );
    }

    #[test]
    fn labels_are_kubernetes_labels() {
        check_label("rok-2").unwrap();
        for bad in ["Rok", "-rok", "rok-", "r.k", &"r".repeat(64)] {
            assert!(check_label(bad).is_err(), "{bad}");
        }
    }
}

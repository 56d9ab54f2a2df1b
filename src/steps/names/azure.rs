//! Names on Azure: the documented formulas, the limits of each, and where the shell's rule surprises.

use ring::digest::{SHA256, digest};

use super::{BUCKET_LIMIT, PREFIX_LIMIT, check_label, hex, probe_bucket, strip};

/// The longest name of a managed identity.
pub const IDENTITY_LIMIT: usize = 128;

/// The longest name of a federated credential.
pub const CREDENTIAL_LIMIT: usize = 120;

/// The longest name of a storage account.
pub const ACCOUNT_LIMIT: usize = 24;

/// What the names are computed from.
#[derive(Debug, Clone, Copy)]
pub struct AzureInputs<'a> {
    /// The AKS cluster's name.
    pub cluster: &'a str,
    /// The namespace of the Rok cluster.
    pub namespace: &'a str,
    /// The Rok cluster's name.
    pub name: &'a str,
}

impl AzureInputs<'_> {
    /// Returns the managed identity's name: `rok-<cluster>-<namespace>-<name>` less `-rok-rok`.
    pub fn identity(&self) -> String {
        let Self {
            cluster,
            namespace,
            name,
        } = self;
        strip(&format!("rok-{cluster}-{namespace}-{name}"))
    }

    /// Returns the bucket prefix: `rok-<namespace>-<name>` less `-rok-rok`.
    pub fn bucket_prefix(&self) -> String {
        strip(&format!("rok-{}-{}", self.namespace, self.name))
    }

    /// Returns the Pod identity's name: `rok-<name>` less `-rok`.
    pub fn pod_identity(&self) -> String {
        let whole = format!("rok-{}", self.name);
        whole.strip_suffix("-rok").unwrap_or(&whole).to_owned()
    }

    /// Returns the name of the credential that lets the service account be the identity:
    /// `rok-<namespace>-<name>`, cut where it is too long.
    pub fn credential(&self) -> String {
        let whole = format!("rok-{}-{}", self.namespace, self.name);
        if whole.len() <= CREDENTIAL_LIMIT {
            return whole;
        }
        let hash = hex(&digest(&SHA256, whole.as_bytes()).as_ref()[..4]);
        let kept: String = whole.chars().take(CREDENTIAL_LIMIT - 9).collect();
        format!("{kept}-{hash}")
    }

    /// Returns what to notice when the shell's rule drops a suffix from identity and prefix that the
    /// documentation, in words, would keep.
    pub fn ambiguity(&self) -> Option<String> {
        let Self {
            cluster,
            namespace,
            name,
        } = self;
        let dropped = format!("-{namespace}-{name}").ends_with("-rok-rok");
        let both = *namespace == "rok" && *name == "rok";
        (dropped && !both).then(|| {
            format!(
                "the name drops `-rok-rok` although namespace is `{namespace}` and name is `{name}`, \
                 so another Rok could compute the same one; safe names are \
                 `rok-{cluster}-{namespace}` and, for buckets, `rok-{namespace}`"
            )
        })
    }

    /// The same, of the Pod identity: `my-rok` becomes `rok-my`.
    pub fn pod_identity_ambiguity(&self) -> Option<String> {
        let name = self.name;
        (name.ends_with("-rok")).then(|| {
            format!(
                "the name drops `-rok` although the Rok cluster is `{name}`, so another Rok could \
                 compute the same one; a safe name is `rok-{name}`"
            )
        })
    }
}

/// Returns a storage account's name, as the documentation's example is made: `rok`, seven digits of a
/// digest, then group and cluster without anything that such a name may not hold, cut at 24.
pub fn storage_account(subscription: &str, group: &str, cluster: &str) -> String {
    let whose = format!("{subscription}/{group}/{cluster}").to_ascii_lowercase();
    let hash = hex(&digest(&SHA256, whose.as_bytes()).as_ref()[..4]);
    let readable = format!("{group}{cluster}").to_ascii_lowercase();
    let readable = readable.chars().filter(char::is_ascii_alphanumeric);
    let name = "rok".chars().chain(hash.chars().take(7)).chain(readable);
    name.take(ACCOUNT_LIMIT).collect()
}

/// Returns the name of the assignment of a role at a scope to a principal: the same for the same
/// three, so that a request which is sent again finds what it made.
pub fn assignment(scope: &str, principal: &str, role: &str) -> String {
    let what = format!("{scope}\n{principal}\n{role}").to_ascii_lowercase();
    guid(what.as_bytes())
}

/// Returns the GUID that stands for a text, in the shape of a version 5.
fn guid(text: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&SHA256, text).as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    parts.join("-")
}

/// Checks a managed identity's name.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_identity(name: &str) -> Result<(), String> {
    check_of(name, 3, IDENTITY_LIMIT).map_err(|problem| {
        let whole = name.starts_with('/');
        let hint = if whole {
            "; expected its name, not its resource id"
        } else {
            "; set `az_managed_identity`"
        };
        format!("{problem}{hint}")
    })
}

/// Checks a name that becomes a Pod identity: an object's name, and the value of a label.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_pod_identity(name: &str) -> Result<(), String> {
    check_label(name)
}

/// Checks a storage account's name.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_account(name: &str) -> Result<(), String> {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if (3..=ACCOUNT_LIMIT).contains(&name.len()) && name.chars().all(inner) {
        return Ok(());
    }
    Err(format!(
        "is `{name}`, {} characters; expected 3 to {ACCOUNT_LIMIT} lower-case letters and digits, \
         and nothing else",
        name.chars().count()
    ))
}

/// Checks the prefix of containers.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_container_prefix(prefix: &str) -> Result<(), String> {
    let inner = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    if let Some(odd) = prefix.chars().find(|letter| !inner(*letter)) {
        return Err(format!(
            "is `{prefix}`, which holds {odd:?}; containers' names hold lower-case letters, digits \
             and `-`; set `s3_bucket_prefix`"
        ));
    }
    let starts = prefix.starts_with(|first: char| first != '-');
    if !starts || prefix.contains("--") || prefix.ends_with('-') {
        return Err(format!(
            "is `{prefix}`; each `-` of a container's name stands between letters or digits"
        ));
    }
    let length = prefix.len();
    if length > PREFIX_LIMIT || probe_bucket(prefix).len() > BUCKET_LIMIT {
        return Err(format!(
            "is `{prefix}`, {length} characters; expected at most {PREFIX_LIMIT}, so that the \
             longest container's name stays within {BUCKET_LIMIT}; set `s3_bucket_prefix` to a \
             shorter one"
        ));
    }
    Ok(())
}

/// Checks the id of a tenant or a subscription.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_guid(id: &str) -> Result<(), String> {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    let digits = |part: &str| part.chars().all(|digit| digit.is_ascii_hexdigit());
    if lengths == [8, 4, 4, 4, 12] && id.split('-').all(digits) {
        return Ok(());
    }
    Err(format!(
        "is `{id}`; expected an id such as `3b63afce-113a-4798-a303-f37dada04319`"
    ))
}

/// Checks a resource group's name.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_group(name: &str) -> Result<(), String> {
    let inner = |letter: char| letter.is_alphanumeric() || "-_.()".contains(letter);
    if name.chars().all(inner) && !name.ends_with('.') && name.chars().count() <= 90 {
        return Ok(());
    }
    Err(format!(
        "is `{name}`; expected at most 90 letters, digits, `-`, `_`, `.` and parentheses, not ending \
         in `.`"
    ))
}

/// Checks an AKS cluster's name.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_cluster(name: &str) -> Result<(), String> {
    let edge = name.ends_with(|last: char| last.is_ascii_alphanumeric());
    if edge && check_of(name, 1, 63).is_ok() {
        return Ok(());
    }
    Err(format!(
        "is `{name}`; expected at most 63 letters, digits, `-` and `_`, beginning and ending with a \
         letter or a digit"
    ))
}

/// A letter or digit, then letters, digits, `-` and `_`.
fn check_of(name: &str, least: usize, most: usize) -> Result<(), String> {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let first = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let length = name.chars().count();
    if first && name.chars().all(inner) && (least..=most).contains(&length) {
        return Ok(());
    }
    Err(format!(
        "is `{name}`, {length} characters; expected {least} to {most} letters, digits, `-` and `_`, \
         beginning with a letter or a digit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: AzureInputs<'static> = AzureInputs {
        cluster: "arrikto-cluster",
        namespace: "rok",
        name: "rok",
    };

    #[test]
    fn names_are_those_of_the_documentation() {
        assert_eq!(DOCUMENTED.identity(), "rok-arrikto-cluster");
        assert_eq!(DOCUMENTED.bucket_prefix(), "rok");
        assert_eq!(DOCUMENTED.pod_identity(), "rok");
        let dev = AzureInputs {
            name: "dev",
            ..DOCUMENTED
        };
        assert_eq!(dev.identity(), "rok-arrikto-cluster-rok-dev");
        assert_eq!(dev.bucket_prefix(), "rok-rok-dev");
        assert_eq!(dev.pod_identity(), "rok-dev");
        assert_eq!(dev.credential(), "rok-rok-dev");
    }

    #[test]
    fn a_credentials_name_is_cut_at_its_limit_and_stays_its_own() {
        let long = "n".repeat(63);
        let inputs = AzureInputs {
            namespace: &long,
            name: &long,
            ..DOCUMENTED
        };
        let name = inputs.credential();
        assert_eq!(name.len(), CREDENTIAL_LIMIT);
        let other = format!("{}m", "n".repeat(62));
        let other = AzureInputs {
            name: &other,
            ..inputs
        };
        assert_ne!(other.credential(), name);
    }

    #[test]
    fn the_shell_rule_is_told_where_it_differs_from_the_words() {
        assert_eq!(DOCUMENTED.ambiguity(), None);
        assert_eq!(DOCUMENTED.pod_identity_ambiguity(), None);
        let trap = AzureInputs {
            namespace: "dev-rok",
            ..DOCUMENTED
        };
        assert_eq!(trap.bucket_prefix(), "rok-dev");
        assert!(trap.ambiguity().unwrap().contains("`rok-dev-rok`"));
        let trap = AzureInputs {
            name: "my-rok",
            ..DOCUMENTED
        };
        assert_eq!(trap.pod_identity(), "rok-my");
        let told = trap.pod_identity_ambiguity().unwrap();
        assert!(told.contains("`rok-my-rok`"), "{told}");
    }

    #[test]
    fn an_accounts_name_has_the_documented_shape_and_keeps_to_its_limit() {
        let name = storage_account("sub", "arrikto", "arrikto-cluster");
        check_account(&name).unwrap();
        assert_eq!(name.len(), ACCOUNT_LIMIT);
        assert_eq!(&name[10..], "arriktoarrikto");
        assert_ne!(name, storage_account("other", "arrikto", "arrikto-cluster"));
        check_account(&storage_account("sub", "A_b", "C")).unwrap();
        for bad in ["ab", "Rok", "rok-1", &"r".repeat(25)] {
            assert!(check_account(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_assignments_name_is_a_guid_that_ignores_case() {
        let one = assignment("/subscriptions/S/resourceGroups/G", "P", "R");
        check_guid(&one).unwrap();
        assert_eq!(
            one,
            assignment("/subscriptions/s/resourcegroups/g", "p", "r")
        );
        assert_ne!(one, assignment("/subscriptions/s", "p", "r"));
        assert_eq!(&one[14..15], "5");
        assert!("89ab".contains(&one[19..20]));
        for bad in ["", "3b63afce", "3b63afce-113a-4798-a303-f37dada0431g"] {
            assert!(check_guid(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_keep_to_what_azure_takes() {
        check_identity("rok-arrikto-cluster").unwrap();
        let said = check_identity("/subscriptions/s/resourceGroups/g").unwrap_err();
        assert!(said.contains("not its resource id"), "{said}");
        assert!(check_identity("ab").is_err() && check_identity(&"r".repeat(129)).is_err());
        check_container_prefix("rok").unwrap();
        check_container_prefix(&"r".repeat(52)).unwrap();
        for bad in ["Rok", "rok--a", "-rok", "rok-", "r.k", &"r".repeat(53)] {
            assert!(check_container_prefix(bad).is_err(), "{bad}");
        }
        check_group("my_group.(1)").unwrap();
        assert!(check_group("ends.").is_err() && check_group("a/b").is_err());
        check_cluster("arrikto-cluster").unwrap();
        assert!(check_cluster("-a").is_err() && check_cluster("a-").is_err());
    }
}

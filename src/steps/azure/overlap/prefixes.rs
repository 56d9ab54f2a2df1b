//! Which names of containers meet a prefix, and which prefix meets none of them.

use crate::steps::azure::AzureIdentity;
use crate::steps::names::{self, AzureInputs, PREFIX_LIMIT, PROBE_SUFFIX};
use crate::steps::safe_names::safe_names;

/// How many names are listed in one sentence.
const LISTED: usize = 5;

/// Returns the containers whose names begin so.
pub(super) fn under<'a>(prefix: &str, containers: &'a [String]) -> Vec<&'a str> {
    let names = containers.iter().map(String::as_str);
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Returns the shorter prefixes that begin ours and that a Rok uses: each has left the container of its
/// proof.
pub(super) fn over<'a>(prefix: &str, containers: &'a [String]) -> Vec<&'a str> {
    let probed = containers
        .iter()
        .filter_map(|name| name.strip_suffix(PROBE_SUFFIX));
    probed
        .filter(|shorter| *shorter != prefix && prefix.starts_with(shorter))
        .collect()
}

/// Returns a prefix with the cluster's name in it that meets none of those taken. Where a prefix as short
/// as `rok` is taken, nothing that begins so is free.
pub(super) fn safe_prefix(identity: &AzureIdentity, taken: &[&str]) -> Option<String> {
    let AzureIdentity {
        cluster,
        namespace,
        service_account,
        ..
    } = identity;
    let inputs = AzureInputs {
        cluster,
        namespace,
        name: service_account,
    };
    let computed = plain(&inputs.identity());
    let rest = computed.strip_prefix("rok-").unwrap_or(&computed);
    let named = [computed.clone(), cut(format!("{rest}-rok"))];
    let subscription = &identity.subscription;
    let whose = format!("{subscription}/{cluster}/{namespace}/{service_account}");
    let digested = (0..8).map(|turn| {
        let (name, _) = safe_names(&whose, cluster, turn);
        let digest = name.trim_start_matches("rok-");
        // A container's name begins with a letter or a digit, whichever.
        cut(plain(digest))
    });
    named.into_iter().chain(digested).find(|candidate| {
        let meets =
            |taken: &&str| taken.starts_with(candidate.as_str()) || candidate.starts_with(*taken);
        names::check_container_prefix(candidate).is_ok() && !taken.iter().any(meets)
    })
}

/// Returns the text with nothing but what a container's name may hold.
fn plain(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut name = String::new();
    for letter in lower.chars() {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    cut(name)
}

fn cut(mut name: String) -> String {
    name.truncate(PREFIX_LIMIT);
    name.trim_end_matches('-').to_owned()
}

/// Names, the first of them where there are many.
pub(super) fn listed(names: &[&str]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::azure::sample;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn containers_meet_a_prefix_that_begins_them_or_that_they_begin() {
        let held = names(&["rok-chocks-ca", "rok-x", "other"]);
        assert_eq!(under("rok", &held), ["rok-chocks-ca", "rok-x"]);
        assert_eq!(over("rok", &held), [""; 0]);
        assert_eq!(over("rok-east", &held), ["rok"]);
    }

    #[test]
    fn a_safe_prefix_holds_the_clusters_name_and_meets_nobody() {
        let of = |taken: &[&str]| safe_prefix(&sample(), taken).unwrap();
        assert_eq!(of(&["rok-rok-dev"]), "rok-arrikto-cluster");
        // Whatever begins with `rok` would be that one's too.
        assert_eq!(of(&["rok"]), "arrikto-cluster-rok");
        let third = of(&["rok", "arrikto-cluster-rok"]);
        assert!(third.ends_with("-arrikto-cluster"), "{third}");
        names::check_container_prefix(&third).unwrap();
    }

    #[test]
    fn many_names_are_not_all_listed() {
        assert_eq!(listed(&["a"]), "`a`");
        assert!(listed(&["a", "b", "c", "d", "e", "f"]).ends_with("and 1 more"));
    }
}

//! Resource ids: paths whose upper and lower case does not count.

/// The id of a resource in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceId {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub group: String,
    /// The kind: `Microsoft.Storage/storageAccounts`.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl ResourceId {
    /// Reads `/subscriptions/…/resourceGroups/…/providers/NAMESPACE/TYPE/NAME`, in whatever case.
    /// Something in that resource, as a subnet is in a network, is no such id.
    pub fn parse(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id
            .strip_prefix('/')?
            .trim_end_matches('/')
            .split('/')
            .collect();
        let [
            subscriptions,
            subscription,
            groups,
            group,
            providers,
            namespace,
            kind,
            name,
        ] = parts[..]
        else {
            return None;
        };
        let is = |found: &str, wanted: &str| found.eq_ignore_ascii_case(wanted);
        let is_path = is(subscriptions, "subscriptions")
            && is(groups, "resourceGroups")
            && is(providers, "providers");
        let is_whole = parts.iter().all(|part| !part.is_empty());
        (is_path && is_whole).then(|| Self {
            subscription: subscription.into(),
            group: group.into(),
            kind: format!("{namespace}/{kind}"),
            name: name.into(),
        })
    }
}

/// Whether two ids are of the same resource: services write them in different cases.
pub fn is_same_id(one: &str, other: &str) -> bool {
    let plain = |id: &str| id.trim_end_matches('/').to_ascii_lowercase();
    plain(one) == plain(other)
}

/// Returns the resource group of an id; nothing of one that has none.
pub(super) fn group_of(id: &str) -> String {
    ResourceId::parse(id).map_or_else(String::new, |id| id.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/s/resourceGroups/arrikto/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok";

    #[test]
    fn an_id_is_read_in_whatever_case() {
        let id = ResourceId::parse(&ID.replace("resourceGroups", "resourcegroups")).unwrap();
        assert_eq!(
            (&id.subscription[..], &id.group[..], &id.name[..]),
            ("s", "arrikto", "rok")
        );
        assert_eq!(id.kind, "Microsoft.ManagedIdentity/userAssignedIdentities");
    }

    #[test]
    fn what_is_no_resource_in_a_group_is_no_id() {
        for id in [
            "",
            "/",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/g/providers/n/t/",
            "/subscriptions//resourceGroups/g/providers/n/t/x",
            "/subscriptions/s/resourceGroups/g/providers/n/t/x/u/y",
            "subscriptions/s/resourceGroups/g/providers/n/t/x",
        ] {
            assert_eq!(ResourceId::parse(id), None, "{id}");
        }
    }

    #[test]
    fn ids_are_compared_without_case() {
        assert!(is_same_id(ID, &ID.to_ascii_uppercase()));
        assert!(!is_same_id(ID, &format!("{ID}2")));
    }
}

//! The paths of Resource Manager: which resource is meant, and where it stands.

use percent_encoding::percent_decode_str;

/// The namespace of what needs no provider: subscriptions and groups.
pub(super) const RESOURCES: &str = "Microsoft.Resources";

/// A path, taken apart. Letters keep the case they were written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourcePath {
    /// The whole path, decoded.
    pub(super) text: String,
    /// What stands before the last `providers`: the resource, group or subscription extended.
    pub(super) scope: String,
    /// `Microsoft.Storage`.
    pub(super) namespace: String,
    /// `storageAccounts`, `blobServices`.
    pub(super) types: Vec<String>,
    /// One for each type, or one less for a collection or an action.
    pub(super) names: Vec<String>,
}

impl ResourcePath {
    /// Takes a path apart; `None` when it cannot be one of Resource Manager.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        let mut segments: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
        // The one type that is also asked for without its provider.
        let is = |at: usize, word: &str| {
            segments
                .get(at)
                .is_some_and(|part| part.eq_ignore_ascii_case(word))
        };
        if is(2, "resourcegroups") && is(4, "deployments") {
            segments.splice(4..4, ["providers", RESOURCES]);
        }
        let joined = |parts: &[&str]| {
            parts.iter().fold(String::new(), |mut text, part| {
                text.push('/');
                text.push_str(part);
                text
            })
        };
        let text = joined(&segments);
        let provider = segments
            .iter()
            .rposition(|part| part.eq_ignore_ascii_case("providers"))
            // Without a type it is a provider itself, which belongs to the subscription.
            .filter(|at| segments.len() > at + 2 && segments.last() != Some(&"register"));
        let (scope, namespace, rest) = match provider {
            Some(at) => (
                joined(&segments[..at]),
                segments[at + 1],
                &segments[at + 2..],
            ),
            None => (String::new(), RESOURCES, &segments[..]),
        };
        if rest.is_empty() {
            return None;
        }
        let every_second = |first: usize| -> Vec<String> {
            let parts = rest.iter().skip(first).step_by(2);
            parts.map(|part| (*part).to_owned()).collect()
        };
        Some(Self {
            text,
            scope,
            namespace: namespace.into(),
            types: every_second(0),
            names: every_second(1),
        })
    }

    /// Whether it names one resource.
    pub(super) fn is_named(&self) -> bool {
        self.names.len() == self.types.len()
    }

    /// `storageAccounts/blobServices`.
    pub(super) fn kind(&self) -> String {
        self.types.join("/")
    }

    /// The last name, of the resource that is asked for.
    pub(super) fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The path without its last part: of a collection or an action, what that belongs to.
    pub(super) fn parent(&self) -> &str {
        match self.text.rsplit_once('/') {
            Some((parent, _)) => parent,
            None => &self.text,
        }
    }

    /// Of a resource inside another one, that other one.
    pub(super) fn owner(&self) -> &str {
        let mut parts = self.text.rsplitn(3, '/');
        parts.nth(2).unwrap_or_default()
    }

    pub(super) fn subscription(&self) -> Option<&str> {
        after(&self.text, "subscriptions")
    }

    pub(super) fn group(&self) -> Option<&str> {
        after(&self.text, "resourcegroups")
    }
}

/// The resource group that an id names.
pub(super) fn group_of(id: &str) -> &str {
    after(id, "resourcegroups").unwrap_or_default()
}

/// The last name in an id.
pub(super) fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// The segment after another one, which is compared without case.
fn after<'a>(path: &'a str, wanted: &str) -> Option<&'a str> {
    let mut segments = path.split('/');
    segments.find(|part| part.eq_ignore_ascii_case(wanted))?;
    segments.next().filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> (String, String, String, Vec<String>) {
        let path = ResourcePath::parse(path).unwrap();
        (
            path.scope.clone(),
            path.namespace.clone(),
            path.kind(),
            path.names,
        )
    }

    #[test]
    fn a_path_tells_scope_provider_types_and_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected = |scope: &str, namespace: &str, kind: &str, of: &[&str]| {
            (
                scope.to_owned(),
                namespace.to_owned(),
                kind.to_owned(),
                names(of),
            )
        };
        assert_eq!(
            parsed("/subscriptions/s/resourceGroups/g/providers/N.A/accounts/a"),
            expected(
                "/subscriptions/s/resourceGroups/g",
                "N.A",
                "accounts",
                &["a"]
            )
        );
        assert_eq!(
            parsed(
                "/subscriptions/s/resourceGroups/g/providers/N.A/accounts/a/providers/M/roles/r"
            ),
            expected(
                "/subscriptions/s/resourceGroups/g/providers/N.A/accounts/a",
                "M",
                "roles",
                &["r"]
            )
        );
        assert_eq!(
            parsed("//subscriptions/s/resourcegroups"),
            expected("", RESOURCES, "subscriptions/resourcegroups", &["s"])
        );
        assert_eq!(
            parsed("/subscriptions/s/providers/N.A"),
            expected("", RESOURCES, "subscriptions/providers", &["s", "N.A"])
        );
        assert_eq!(ResourcePath::parse("/"), None);
    }

    #[test]
    fn subscription_and_group_are_found_in_any_case() {
        let path = ResourcePath::parse("/SUBSCRIPTIONS/s/resourceGROUPS/my%20g/x").unwrap();
        assert_eq!(path.subscription(), Some("s"));
        assert_eq!(path.group(), Some("my g"));
    }

    crate::corpus::fed!("resource-path", feed);

    fn feed(text: &[u8]) {
        if let Some(path) = ResourcePath::parse(&String::from_utf8_lossy(text)) {
            let _ = (path.parent(), path.owner(), path.kind(), path.name());
            let _ = (path.subscription(), path.group(), path.is_named());
        }
    }
}

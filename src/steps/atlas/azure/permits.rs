//! What the roles of an identity say about a storage account, as far as assignments alone can tell.

use crate::clients::azure::RoleAssignment;

/// A role of Microsoft's, the same in every subscription.
struct BuiltIn {
    id: &'static str,
    name: &'static str,
    /// Whether it opens blobs for reading and writing.
    opens: bool,
}

const fn built_in(id: &'static str, name: &'static str, opens: bool) -> BuiltIn {
    BuiltIn { id, name, opens }
}

/// The roles that people give where they mean blobs.
const BUILT_IN: [BuiltIn; 9] = [
    built_in(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        true,
    ),
    built_in(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        true,
    ),
    built_in(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        false,
    ),
    built_in(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
        false,
    ),
    built_in("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", false),
    built_in("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", false),
    built_in("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", false),
    built_in(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        false,
    ),
    built_in(OPERATOR, "Managed Identity Operator", false),
];

/// The role that lets a cluster hand out an identity.
const OPERATOR: &str = "f1a07417-d97a-45cb-824c-7a7467783830";

/// What the assignments of a principal say about the blobs of a storage account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This role at this scope opens them.
    Opened { role: String, scope: String },
    /// A role opens them, as far as this condition lets it.
    Conditional(String),
    /// Roles that we do not know count there.
    Unclear(String),
    /// Roles count there, and none of them opens blobs.
    OtherRoles(String),
    /// A role opens those at other scopes.
    Elsewhere(String),
    /// There is none at all.
    Missing,
}

/// Whether what is assigned at `scope` counts at `place`: there, and below.
pub(super) fn counts(scope: &str, place: &str) -> bool {
    let plain = |id: &str| id.trim_end_matches('/').to_ascii_lowercase();
    let (scope, place) = (plain(scope), plain(place));
    let below = place.strip_prefix(&scope);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Decides as Azure does: one role that opens is enough.
pub(super) fn decide(assignments: &[RoleAssignment], storage: &str) -> Verdict {
    let (here, elsewhere): (Vec<_>, Vec<_>) = assignments
        .iter()
        .partition(|assignment| counts(&assignment.scope, storage));
    let opening: Vec<_> = here.iter().filter(|it| opens(it) == Some(true)).collect();
    if let Some(opening) = opening.iter().find(|it| it.condition.is_none()) {
        return Verdict::Opened {
            role: name(opening),
            scope: opening.scope.clone(),
        };
    }
    if let Some(condition) = opening.iter().find_map(|it| it.condition.clone()) {
        return Verdict::Conditional(condition);
    }
    let unknown: Vec<_> = here.iter().filter(|it| opens(it).is_none()).collect();
    if !unknown.is_empty() {
        return Verdict::Unclear(names(unknown.into_iter().copied()));
    }
    if !here.is_empty() {
        return Verdict::OtherRoles(names(here.into_iter()));
    }
    let scopes: Vec<_> = elsewhere
        .into_iter()
        .filter(|it| opens(it) == Some(true))
        .map(|it| it.scope.as_str())
        .collect();
    if scopes.is_empty() {
        Verdict::Missing
    } else {
        Verdict::Elsewhere(scopes.join(", "))
    }
}

/// What the assignments of a cluster's identity say about handing out an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operator {
    /// It may, and AKS sees that it may.
    Direct,
    /// It may by a role at this scope above, which AKS does not look for.
    Inherited(String),
    /// It may not; these are its roles there.
    Missing(String),
}

/// Decides as AKS does: it looks for a role at the identity's own scope, and nowhere above.
pub(super) fn operates(assignments: &[RoleAssignment], identity: &str) -> Operator {
    let there = assignments.iter().filter(|it| counts(&it.scope, identity));
    let there: Vec<_> = there.collect();
    let is_operator = |it: &&&RoleAssignment| guid(&it.role_definition_id) == OPERATOR;
    let operators: Vec<_> = there.iter().filter(is_operator).collect();
    let is_direct = |scope: &str| counts(identity, scope);
    if operators.iter().any(|it| is_direct(&it.scope)) {
        Operator::Direct
    } else if let Some(inherited) = operators.first() {
        Operator::Inherited(inherited.scope.clone())
    } else if there.is_empty() {
        Operator::Missing("no role there".into())
    } else {
        Operator::Missing(names(there.into_iter()))
    }
}

fn opens(assignment: &RoleAssignment) -> Option<bool> {
    known(assignment).map(|role| role.opens)
}

fn known(assignment: &RoleAssignment) -> Option<&'static BuiltIn> {
    let id = guid(&assignment.role_definition_id);
    BUILT_IN.iter().find(|role| role.id == id)
}

/// The last part of a role's resource id, which is the same everywhere.
fn guid(id: &str) -> String {
    let last = id.rsplit('/').next().unwrap_or(id);
    last.to_ascii_lowercase()
}

fn name(assignment: &RoleAssignment) -> String {
    match known(assignment) {
        Some(role) => format!("`{}`", role.name),
        None => format!("role {}", guid(&assignment.role_definition_id)),
    }
}

fn names<'a>(assignments: impl Iterator<Item = &'a RoleAssignment>) -> String {
    let mut names: Vec<_> = assignments.map(name).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORAGE: &str = "/subscriptions/s/resourceGroups/arrikto/providers/Microsoft.Storage/storageAccounts/rokpractice";
    const IDENTITY: &str = "/subscriptions/s/resourceGroups/arrikto/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok";

    fn assigned(role: &str, scope: &str) -> RoleAssignment {
        let role = BUILT_IN.iter().find(|known| known.name == role);
        let role = role.map_or("c0ffee00-0000-0000-0000-000000000000", |role| role.id);
        RoleAssignment {
            id: format!("{scope}/providers/Microsoft.Authorization/roleAssignments/1"),
            name: "1".into(),
            scope: scope.into(),
            principal_id: "p".into(),
            principal_type: None,
            role_definition_id: format!(
                "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{}",
                role.to_ascii_uppercase()
            ),
            description: None,
            condition: None,
        }
    }

    #[test]
    fn a_scope_counts_there_and_below_in_whatever_case() {
        let group = "/subscriptions/S/resourcegroups/ARRIKTO";
        assert!(counts(group, STORAGE) && counts("/", STORAGE) && counts(STORAGE, STORAGE));
        assert!(!counts("/subscriptions/s/resourceGroups/arr", STORAGE));
        assert!(!counts(STORAGE, group));
    }

    #[test]
    fn one_role_over_data_is_enough_and_no_other_counts() {
        let data = "Storage Blob Data Contributor";
        let of = |role: &str, scope: &str| decide(&[assigned(role, scope)], STORAGE);
        assert!(matches!(of(data, STORAGE), Verdict::Opened { .. }));
        assert!(matches!(
            of(data, "/subscriptions/s"),
            Verdict::Opened { .. }
        ));
        let others = Verdict::OtherRoles("`Contributor`".into());
        assert_eq!(of("Contributor", STORAGE), others);
        let reader = Verdict::OtherRoles("`Storage Blob Data Reader`".into());
        assert_eq!(of("Storage Blob Data Reader", STORAGE), reader);
        let elsewhere = STORAGE.replace("practice", "other");
        assert_eq!(of(data, &elsewhere), Verdict::Elsewhere(elsewhere.clone()));
        assert!(matches!(of("custom", STORAGE), Verdict::Unclear(_)));
        assert_eq!(of("Reader", &elsewhere), Verdict::Missing);
        assert_eq!(decide(&[], STORAGE), Verdict::Missing);
        let mut narrowed = assigned(data, STORAGE);
        narrowed.condition = Some("@Resource…".into());
        let verdict = decide(&[narrowed.clone()], STORAGE);
        assert_eq!(verdict, Verdict::Conditional("@Resource…".into()));
        let both = [narrowed, assigned("Storage Blob Data Owner", STORAGE)];
        assert!(matches!(decide(&both, STORAGE), Verdict::Opened { .. }));
    }

    #[test]
    fn aks_sees_no_inherited_operator() {
        let role = "Managed Identity Operator";
        let of = |role: &str, scope: &str| operates(&[assigned(role, scope)], IDENTITY);
        assert_eq!(of(role, &IDENTITY.to_ascii_uppercase()), Operator::Direct);
        let group = "/subscriptions/s/resourceGroups/arrikto";
        assert_eq!(of(role, group), Operator::Inherited(group.into()));
        let other = Operator::Missing("`Reader`".into());
        assert_eq!(of("Reader", IDENTITY), other);
        let none = Operator::Missing("no role there".into());
        assert_eq!(of(role, STORAGE), none);
    }
}

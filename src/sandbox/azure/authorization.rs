//! Whether somebody may do something somewhere: role assignments, really evaluated.

use jiff::Timestamp;

use super::role::{self, Permission};
use super::state::{Assignment, AzureState, key};

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// A resource, by Resource Manager.
    Control,
    /// What is in it.
    Data,
}

/// Returns whether the principal has a role that allows the action at the scope or above it.
pub(super) fn is_allowed(
    state: &AzureState,
    principal: &str,
    action: &str,
    scope: &str,
    plane: Plane,
    now: Timestamp,
) -> bool {
    permissions(state, principal, scope, now)
        .iter()
        .any(|permission| permission.allows(action, plane))
}

/// What the principal may do at a scope, one entry for each role it has there.
pub(super) fn permissions(
    state: &AzureState,
    principal: &str,
    scope: &str,
    now: Timestamp,
) -> Vec<Permission> {
    assigned(state, principal, now)
        .filter(|assignment| is_within(scope, &assignment.scope))
        .filter_map(|assignment| role::of_guid(state, &assignment.role, Some(now)))
        .flat_map(|role| role.permissions.clone())
        .collect()
}

/// Whether the principal has the role by an assignment at this very scope.
pub(super) fn has_role_at(
    state: &AzureState,
    principal: &str,
    role: &str,
    scope: &str,
    now: Timestamp,
) -> bool {
    assigned(state, principal, now)
        .any(|assignment| key(&assignment.scope) == key(scope) && assignment.role == role)
}

/// Whether the principal has anything to do with what is at or below a scope.
pub(super) fn has_access_below(
    state: &AzureState,
    principal: &str,
    scope: &str,
    now: Timestamp,
) -> bool {
    assigned(state, principal, now).any(|assignment| {
        is_within(&assignment.scope, scope) || is_within(scope, &assignment.scope)
    })
}

/// The assignments of a principal that decisions know of.
fn assigned<'a>(
    state: &'a AzureState,
    principal: &'a str,
    now: Timestamp,
) -> impl Iterator<Item = &'a Assignment> {
    state.assignments.values().filter(move |assignment| {
        assignment.principal.eq_ignore_ascii_case(principal)
            && assignment.in_force.seen(now).is_some()
    })
}

/// Whether a scope is the other one or below it.
pub(super) fn is_within(scope: &str, other: &str) -> bool {
    let (scope, other) = (key(scope), key(other));
    match scope.strip_prefix(&other) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_by_whole_names_and_without_case() {
        for (scope, other, expected) in [
            (
                "/subscriptions/s/resourceGroups/g",
                "/subscriptions/S",
                true,
            ),
            ("/subscriptions/s", "/subscriptions/s/", true),
            ("/subscriptions/s", "/", true),
            ("/subscriptions/s", "", true),
            ("/subscriptions/s2", "/subscriptions/s", false),
            (
                "/subscriptions/s",
                "/subscriptions/s/resourceGroups/g",
                false,
            ),
        ] {
            assert_eq!(is_within(scope, other), expected, "{scope} in {other}");
        }
    }
}

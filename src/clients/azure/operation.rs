//! What a request is called in the wire log, in errors and at the gate.

use azure_core::http::Method;

/// Returns `PUT Microsoft.ManagedIdentity/userAssignedIdentities rok` of a method and a path.
pub(super) fn named(method: Method, path: &str) -> String {
    let verb = method.as_ref();
    match of_path(path) {
        (kind, name) if name.is_empty() => format!("{verb} {kind}"),
        (kind, name) => format!("{verb} {kind} {name}"),
    }
}

/// Takes a path apart into the kinds and the names in it, beginning at its last provider.
fn of_path(path: &str) -> (String, String) {
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let provider = parts
        .iter()
        .rposition(|part| part.eq_ignore_ascii_case("providers"));
    let Some(provider) = provider else {
        return outside_of_providers(&parts);
    };
    let Some((namespace, rest)) = parts[provider + 1..].split_first() else {
        return (path.trim_matches('/').to_owned(), String::new());
    };
    let mut kinds = vec![*namespace];
    kinds.extend(rest.iter().step_by(2));
    let names: Vec<&str> = rest.iter().skip(1).step_by(2).copied().collect();
    (kinds.join("/"), names.join("/"))
}

fn outside_of_providers(parts: &[&str]) -> (String, String) {
    match parts {
        ["subscriptions", _, groups, group] if groups.eq_ignore_ascii_case("resourceGroups") => {
            ("resourceGroups".into(), (*group).into())
        }
        ["subscriptions", _, rest @ ..] if !rest.is_empty() => (rest.join("/"), String::new()),
        // Of Entra the tenant comes first.
        [_, "oauth2", rest @ ..] => (format!("oauth2/{}", rest.join("/")), String::new()),
        _ => (parts.join("/"), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_by_its_last_provider() {
        let group = "/subscriptions/s/resourceGroups/arrikto";
        for (path, told) in [
            ("/subscriptions", "GET subscriptions"),
            ("/subscriptions/s/resources", "GET resources"),
            (group, "GET resourceGroups arrikto"),
            (
                &format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok"),
                "GET Microsoft.ManagedIdentity/userAssignedIdentities rok",
            ),
            (
                &format!(
                    "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok/federatedIdentityCredentials/f%20g"
                ),
                "GET Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials rok/f g",
            ),
            (
                &format!(
                    "{group}/providers/Microsoft.Storage/storageAccounts/a/providers/Microsoft.Authorization/roleAssignments/guid"
                ),
                "GET Microsoft.Authorization/roleAssignments guid",
            ),
            (
                "/subscriptions/s/providers/Microsoft.Storage/checkNameAvailability",
                "GET Microsoft.Storage/checkNameAvailability",
            ),
            (
                &format!(
                    "{group}/providers/Microsoft.ContainerService/managedClusters/c/listClusterUserCredential"
                ),
                "GET Microsoft.ContainerService/managedClusters/listClusterUserCredential c",
            ),
            ("/tenant/oauth2/v2.0/token", "GET oauth2/v2.0/token"),
            ("/metadata/endpoints", "GET metadata/endpoints"),
            ("/providers", "GET providers"),
        ] {
            assert_eq!(named(Method::Get, path), told);
        }
    }
}

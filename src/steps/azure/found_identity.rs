//! A managed identity that was there before, by its meaning: where it is, whom it lets in, and what it
//! may do.

use serde_json::{Value, json};

use super::identity::{AzureIdentity, DATA_ROLE, OPERATOR_ROLE};
use super::refused::refused;
use super::role_assignment::{DATA_ROLE_ID, OPERATOR_ROLE_ID};
use super::who::Admission;
use crate::clients::azure::{
    Azure, AzureErrorKind, FederatedCredential, ManagedIdentity, RoleAssignment, RoleFilter,
};
use crate::engine::StepError;
use crate::steps::adoption::meaning_digest;

/// Built-in roles that are met often, by id.
const ROLES: [(&str, &str); 6] = [
    (DATA_ROLE_ID, DATA_ROLE),
    (OPERATOR_ROLE_ID, OPERATOR_ROLE),
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),
    ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"),
    ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"),
    (
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
    ),
];

/// What is known of an identity that was there before.
pub(super) struct FoundIdentity<'a> {
    identity: &'a AzureIdentity,
    found: &'a ManagedIdentity,
    credentials: Vec<FederatedCredential>,
    /// Its roles but the one that Rok needs; nothing where the caller may not look.
    roles: Option<Vec<RoleAssignment>>,
}

impl<'a> FoundIdentity<'a> {
    /// Looks at what hangs on the identity.
    pub(super) async fn look(
        azure: &Azure,
        identity: &'a AzureIdentity,
        found: &'a ManagedIdentity,
    ) -> Result<Self, StepError> {
        let subscription = format!("/subscriptions/{}", identity.subscription);
        let roles = async {
            let filter = RoleFilter::Principal(&found.principal_id);
            match azure.role_assignments(&subscription, filter).await {
                Ok(roles) => Ok(Some(roles)),
                Err(error) if error.kind == AzureErrorKind::AccessDenied => Ok(None),
                Err(error) => Err(error),
            }
        };
        let (credentials, roles) =
            tokio::try_join!(azure.federated_credentials(&found.id), roles).map_err(refused)?;
        let roles = roles.map(|mut roles| {
            roles.retain(|role| !is_wanted(role, identity));
            roles
        });
        Ok(Self {
            identity,
            found,
            credentials,
            roles,
        })
    }

    /// Returns how it differs from one that we would make, a sentence each.
    pub(super) fn differences(&self, admission: Admission<'_>) -> Vec<String> {
        let mut told = Vec::new();
        let (found, wanted) = (&self.found.location, &self.identity.location);
        if !found.eq_ignore_ascii_case(wanted) {
            told.push(format!(
                "it is in `{found}`, expected `{wanted}`; that cannot be changed, and does no harm"
            ));
        }
        let others = admission.others(&self.credentials);
        told.extend(others.iter().map(|other| format!("it lets in {other}")));
        match &self.roles {
            Some(roles) => told.extend(roles.iter().map(|role| {
                let name = title(&role.role_definition_id);
                format!("it has role {name} at `{}`", role.scope)
            })),
            None => told.push("which other roles it has may not be seen".into()),
        }
        told
    }

    /// Returns the digest of what it means beside what Rok needs, when all of it could be seen.
    pub(super) fn digest(&self, admission: Admission<'_>) -> Option<String> {
        let roles = self.roles.as_ref()?;
        let mut roles: Vec<Value> = roles.iter().map(meaning).collect();
        roles.sort_by_key(Value::to_string);
        let mut credentials: Vec<Value> = self
            .credentials
            .iter()
            .filter(|one| !admission.is_about(one))
            .map(|one| {
                let mut audiences = one.audiences.clone();
                audiences.sort();
                json!({ "issuer": one.issuer, "subject": one.subject, "audiences": audiences })
            })
            .collect();
        credentials.sort_by_key(Value::to_string);
        Some(meaning_digest(&json!({
            "location": self.found.location.to_ascii_lowercase(),
            "credentials": credentials,
            "roles": roles,
        })))
    }
}

fn meaning(role: &RoleAssignment) -> Value {
    json!({
        "role": definition(&role.role_definition_id),
        "scope": role.scope.to_ascii_lowercase(),
        "condition": role.condition,
    })
}

/// Whether it is the role that Rok needs, on the storage account of that name and nothing else.
fn is_wanted(role: &RoleAssignment, identity: &AzureIdentity) -> bool {
    let account = format!("/storageaccounts/{}", identity.account);
    definition(&role.role_definition_id) == DATA_ROLE_ID
        && role.scope.to_ascii_lowercase().ends_with(&account)
}

/// The id of a role without the path before it.
pub(super) fn definition(id: &str) -> String {
    let last = id.rsplit('/').next().unwrap_or_default();
    last.to_ascii_lowercase()
}

/// Returns a role's name where it is one that everybody knows, else its id.
pub(super) fn title(id: &str) -> String {
    let id = definition(id);
    let known = ROLES.iter().find(|(known, _)| *known == id);
    format!("`{}`", known.map_or(id.as_str(), |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::azure::sample;

    fn identity() -> ManagedIdentity {
        ManagedIdentity {
            id: sample().id(),
            name: sample().name,
            location: "EastUS".into(),
            client_id: "c".into(),
            principal_id: "p".into(),
            tenant_id: "t".into(),
            tags: std::collections::BTreeMap::new(),
        }
    }

    fn role(definition: &str, scope: &str) -> RoleAssignment {
        RoleAssignment {
            id: "i".into(),
            name: "n".into(),
            scope: scope.into(),
            principal_id: "p".into(),
            principal_type: None,
            role_definition_id: format!("/x/roleDefinitions/{definition}"),
            description: None,
            condition: None,
        }
    }

    fn credential(name: &str, subject: &str) -> FederatedCredential {
        FederatedCredential {
            name: name.into(),
            issuer: "https://i/".into(),
            subject: subject.into(),
            audiences: vec!["api://AzureADTokenExchange".into()],
        }
    }

    const OURS: Admission<'static> = Admission {
        issuer: "https://i/",
        subject: "system:serviceaccount:rok:rok",
        audience: "api://AzureADTokenExchange",
        cluster: "c",
    };

    #[test]
    fn what_it_lets_in_and_may_do_beside_ours_is_told_and_digested() {
        let (wanted, found) = (sample(), identity());
        let of = |credentials: Vec<FederatedCredential>, roles| FoundIdentity {
            identity: &wanted,
            found: &found,
            credentials,
            roles: Some(roles),
        };
        let own = credential("x", OURS.subject);
        let exact = of(vec![own.clone()], Vec::new());
        assert_eq!(exact.differences(OURS), [""; 0]);
        let reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
        let more = of(
            vec![own.clone(), credential("ci", "repo:x")],
            vec![role(reader, "/subscriptions/s")],
        );
        assert_eq!(
            more.differences(OURS),
            [
                "it lets in subject `repo:x` of AKS cluster `c` (federated credential `ci`)",
                "it has role `Reader` at `/subscriptions/s`",
            ]
        );
        assert_ne!(exact.digest(OURS), more.digest(OURS));
        let before = of(Vec::new(), Vec::new());
        assert_eq!(exact.digest(OURS), before.digest(OURS), "ours is added");
        let renamed = of(
            vec![own.clone(), credential("cd", "repo:x")],
            vec![role(reader, "/subscriptions/S")],
        );
        assert_eq!(
            renamed.digest(OURS),
            more.digest(OURS),
            "a name means nothing"
        );
        let unseen = FoundIdentity {
            roles: None,
            ..exact
        };
        assert_eq!(unseen.digest(OURS), None);
    }

    #[test]
    fn the_role_that_rok_needs_is_no_difference() {
        let account = sample().account_id().to_uppercase();
        assert!(is_wanted(&role(DATA_ROLE_ID, &account), &sample()));
        assert!(!is_wanted(
            &role(DATA_ROLE_ID, "/subscriptions/s"),
            &sample()
        ));
    }
}

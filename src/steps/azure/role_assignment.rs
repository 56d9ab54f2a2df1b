//! A role of a principal at one resource: the data role of Rok's identity on the storage account, and
//! the cluster's right to give that identity to its nodes.
//!
//! The principal's type is always told, so that nobody looks it up in a directory that has not heard of
//! it. The assignment's name follows from scope, principal and role: a request that is sent again
//! finds what it made. It carries no tags; it is ours by that name, and an equal one of another name
//! is as good.

use async_trait::async_trait;
use serde_json::json;

use super::adoption::{Decisions, Object};
use super::facts::{
    ASSIGNMENT_ID, BLOB_ENDPOINT, CLUSTER_PRINCIPAL, IDENTITY_CLIENT_ID, IDENTITY_ID,
    IDENTITY_PRINCIPAL_ID, STORAGE_ID,
};
use super::identity::{AzureIdentity, DATA_ROLE, OPERATOR_ROLE};
use super::refused::{not_there_yet, refused};
use crate::clients::azure::{
    Azure, NewAssignment, RoleAssignment as Found, RoleFilter, is_same_id,
};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
    lines,
};
use crate::steps::adoption::meaning_digest;
use crate::steps::names;

/// The id of `Storage Blob Data Contributor`, the same everywhere.
pub(super) const DATA_ROLE_ID: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
/// The id of `Managed Identity Operator`, the same everywhere.
pub(super) const OPERATOR_ROLE_ID: &str = "f1a07417-d97a-45cb-824c-7a7467783830";

/// Assigns a role.
pub struct RoleAssignment {
    azure: Azure,
    identity: AzureIdentity,
    role: Role,
}

/// What is assigned to whom and where.
struct Role {
    id: &'static str,
    title: &'static str,
    name: &'static str,
    definition: &'static str,
    scope: &'static FactKey<String>,
    /// Empty while the scope is still to be made.
    exists: &'static FactKey<String>,
    principal: &'static FactKey<String>,
    /// Whether an assignment further up counts too.
    inherits: bool,
    gives: Option<&'static FactKey<String>>,
}

const DATA: Role = Role {
    id: "azure.role-assignment",
    title: "Data role on the storage account",
    name: DATA_ROLE,
    definition: DATA_ROLE_ID,
    scope: &STORAGE_ID,
    exists: &BLOB_ENDPOINT,
    principal: &IDENTITY_PRINCIPAL_ID,
    inherits: true,
    gives: Some(&ASSIGNMENT_ID),
};

/// AKS looks for it at the identity itself, and not further up.
const OPERATOR: Role = Role {
    id: "azure.identity-operator",
    title: "Cluster may assign the managed identity",
    name: OPERATOR_ROLE,
    definition: OPERATOR_ROLE_ID,
    scope: &IDENTITY_ID,
    exists: &IDENTITY_CLIENT_ID,
    principal: &CLUSTER_PRINCIPAL,
    inherits: false,
    gives: None,
};

impl RoleAssignment {
    /// Returns the step that opens the storage account's blobs to the identity.
    pub fn of_data(azure: Azure, identity: AzureIdentity) -> Self {
        Self {
            azure,
            identity,
            role: DATA,
        }
    }

    /// Returns the step that lets the cluster give the identity to its nodes.
    pub fn of_operator(azure: Azure, identity: AzureIdentity) -> Self {
        Self {
            azure,
            identity,
            role: OPERATOR,
        }
    }
}

#[async_trait]
impl Step for RoleAssignment {
    fn meta(&self) -> StepMeta {
        let Role {
            scope,
            exists,
            principal,
            gives,
            ..
        } = self.role;
        StepMeta {
            needs: vec![scope.name(), exists.name(), principal.name()],
            gives: gives.iter().map(|key| key.name()).collect(),
            settle: Settle::IDENTITY,
            ..StepMeta::new(self.role.id, self.role.title, Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (scope, principal) = self.place(facts)?;
        let is_there = !facts.get(self.role.exists)?.is_empty();
        if principal.is_empty() || !is_there {
            return Ok(self.absent());
        }
        let filter = RoleFilter::Principal(&principal);
        let assignments = self.azure.role_assignments(&scope, filter).await;
        let assignments = assignments.map_err(refused)?;
        let Some(found) = self.equal(&assignments, &scope, &principal) else {
            let mut narrowed = assignments.iter();
            let narrowed = narrowed.find(|found| self.is_conditioned(found, &scope, &principal));
            return Ok(match narrowed {
                Some(found) => self.narrowed(found),
                None => self.absent(),
            });
        };
        let note = if is_same_id(&found.scope, &scope) {
            format!("assigned as {}", found.name)
        } else {
            format!("inherited from {}", found.scope)
        };
        Ok(self.giving(Observation::satisfied(note), &found.id))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let (scope, principal) = self.place(facts)?;
        let definition = self.role.definition;
        let assignment = NewAssignment {
            principal_id: principal.clone(),
            role_definition_id: format!(
                "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{definition}",
                self.identity.subscription
            ),
            description: Some(self.identity.assignment_description()),
        };
        // Azure takes each role of a principal at a scope only once, whatever it is called.
        let narrowed = if self.identity.adopt.takes_over(Object::Assignment) {
            self.conditioned(&scope, &principal).await?
        } else {
            None
        };
        let own = || names::assignment(&scope, &principal, definition);
        let name = narrowed.map_or_else(own, |found| found.name);
        let put = self.azure.put_role_assignment(&scope, &name, &assignment);
        put.await.map(|_| ()).map_err(not_there_yet)
    }
}

impl RoleAssignment {
    /// Returns where the role counts, and whose it is; a principal that is still to be made is empty.
    fn place(&self, facts: &Facts) -> Result<(String, String), StepError> {
        let scope = facts.get(self.role.scope)?;
        let principal: String = facts.get(self.role.principal)?;
        if principal.is_empty() && self.role.id == OPERATOR.id {
            return Err(self.no_identity());
        }
        Ok((scope, principal))
    }

    fn equal<'a>(
        &self,
        assignments: &'a [Found],
        scope: &str,
        principal: &str,
    ) -> Option<&'a Found> {
        // A condition may take away what the role gives.
        let is_equal = |found: &&Found| self.is_of(found, principal) && found.condition.is_none();
        let equal = || assignments.iter().filter(is_equal);
        let here = equal().find(|found| is_same_id(&found.scope, scope));
        here.or_else(|| equal().find(|found| self.role.inherits && is_above(&found.scope, scope)))
    }

    /// Whether it gives this role to this principal, somewhere.
    fn is_of(&self, found: &Found, principal: &str) -> bool {
        let role = found.role_definition_id.rsplit('/').next();
        let role = role.is_some_and(|role| role.eq_ignore_ascii_case(self.role.definition));
        role && found.principal_id.eq_ignore_ascii_case(principal)
    }

    /// Whether it is the one that is wanted, under a condition.
    fn is_conditioned(&self, found: &Found, scope: &str, principal: &str) -> bool {
        let here = is_same_id(&found.scope, scope);
        here && self.is_of(found, principal) && found.condition.is_some()
    }

    async fn conditioned(&self, scope: &str, principal: &str) -> Result<Option<Found>, StepError> {
        let filter = RoleFilter::Principal(principal);
        let assignments = self.azure.role_assignments(scope, filter).await;
        let mut assignments = assignments.map_err(not_there_yet)?.into_iter();
        Ok(assignments.find(|found| self.is_conditioned(found, scope, principal)))
    }

    /// The role is there, and somebody has narrowed it.
    fn narrowed(&self, found: &Found) -> Observation {
        let condition = found.condition.as_deref().unwrap_or_default();
        let digest = meaning_digest(&json!({ "condition": condition }));
        let adopt = &self.identity.adopt;
        if adopt.kept(Object::Assignment) == Some(&digest) {
            let note = format!("assigned under a condition (`assignment@{digest}`)");
            return self.giving(Observation::satisfied(note), &found.id);
        }
        let name = self.role.name;
        let change = Change::new(Verb::Update, "role assignment", &found.name)
            .before(format!("{name}, if {condition}\n"))
            .after(format!("{name}\n"));
        if adopt.takes_over(Object::Assignment) {
            return self.giving(Observation::differs(vec![change]), &found.id);
        }
        let choices = vec![
            Decisions::keeping(Object::Assignment, &digest),
            Decisions::taking_over(Object::Assignment, "takes it over and drops the condition"),
        ];
        let held = adopt.to_string();
        let hints = choices.iter().map(|choice| choice.hint(&held)).collect();
        let reason = format!(
            "role `{name}` is assigned under a condition that somebody else has set: found              `{condition}`, expected none"
        );
        Observation::conflict(reason, vec![change], hints).offers(choices)
    }

    fn absent(&self) -> Observation {
        let AzureIdentity {
            name,
            account,
            cluster,
            ..
        } = &self.identity;
        let (who, at) = if self.role.inherits {
            (
                format!("managed identity {name}"),
                format!("storage account {account}"),
            )
        } else {
            (
                format!("control plane of AKS cluster {cluster}"),
                format!("managed identity {name}"),
            )
        };
        let attach = Change::new(Verb::Attach, "role", self.role.name);
        let attach = attach.after(lines([format!("to: {who}"), format!("at: {at}")]));
        self.giving(Observation::differs(vec![attach]), "")
    }

    fn giving(&self, observation: Observation, id: &str) -> Observation {
        match self.role.gives {
            Some(key) => observation.with(key, &id.to_owned()),
            None => observation,
        }
    }

    fn no_identity(&self) -> StepError {
        StepError::answers(format!(
            "the control plane of AKS cluster `{}` acts as no managed identity, so it can give none to \
             its nodes",
            self.identity.cluster
        ))
        .hint("`--set az_identity_method=workload-identity` needs no such right")
    }
}

/// Whether a scope holds another one: a subscription, a group, the root.
fn is_above(scope: &str, below: &str) -> bool {
    let scope = scope.trim_end_matches('/').to_ascii_lowercase();
    let below = below.to_ascii_lowercase();
    below
        .strip_prefix(&scope)
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_above_what_is_in_it() {
        let account = "/subscriptions/s/resourceGroups/g/providers/p/t/n";
        for above in ["/", "/subscriptions/S", "/subscriptions/s/resourcegroups/g"] {
            assert!(is_above(above, account), "{above}");
        }
        for not in [
            account,
            "/subscriptions/s/resourceGroups/g2",
            "/subscriptions/s2",
        ] {
            assert!(!is_above(not, account), "{not}");
        }
    }
}

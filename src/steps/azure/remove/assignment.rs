//! Takes our roles away: that of the identity on the storage account, and that of the cluster on the
//! identity. An assignment whose principal is gone would stay behind as a riddle, so they go first.

use async_trait::async_trait;

use super::{Removal, denied};
use crate::clients::azure::{ManagedIdentity, RoleAssignment};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::azure::found_identity::title;
use crate::steps::removal::Found;

/// Takes one of our roles away.
pub struct RemoveAssignment {
    removal: Removal,
    which: Which,
}

/// Which role.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// That of the identity on the storage account.
    Data,
    /// That of the cluster on the identity.
    Operator,
}

impl RemoveAssignment {
    /// Returns the step that closes the storage account to the identity.
    pub fn of_data(removal: Removal) -> Self {
        let which = Which::Data;
        Self { removal, which }
    }

    /// Returns the step that takes the identity away from the cluster.
    pub fn of_operator(removal: Removal) -> Self {
        let which = Which::Operator;
        Self { removal, which }
    }
}

#[async_trait]
impl Step for RemoveAssignment {
    fn meta(&self) -> StepMeta {
        let (id, title) = match self.which {
            Which::Data => ("azure.remove-role", "Data role is taken away"),
            Which::Operator => (
                "azure.remove-operator-role",
                "Cluster's role on the identity is taken away",
            ),
        };
        StepMeta {
            needs: Removal::needs(),
            after: vec!["azure.remove-pod-identity"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(id, title, Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let found = match self.removal.identity().await? {
            Found::Absent => return Ok(Observation::satisfied("not there")),
            // Its roles are told of with it.
            Found::Foreign(_) => return Ok(Observation::satisfied("the identity is not ours")),
            Found::Ours(found) => found,
        };
        let ours = self.ours(&found, facts).await?;
        if ours.is_empty() {
            return Ok(Observation::satisfied("not assigned"));
        }
        let changes = ours.iter().map(|role| {
            let name = title(&role.role_definition_id);
            let before = format!("{}\nat {}\n", name.trim_matches('`'), role.scope);
            Change::new(Verb::Delete, "role assignment", &role.name).before(before)
        });
        Ok(Observation::differs(changes.collect()))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Found::Ours(found) = self.removal.identity().await? else {
            return Ok(());
        };
        for role in self.ours(&found, facts).await? {
            let deleted = self.removal.azure.delete_role_assignment(&role.id).await;
            deleted.map_err(denied)?;
        }
        Ok(())
    }
}

impl RemoveAssignment {
    async fn ours(
        &self,
        found: &ManagedIdentity,
        facts: &Facts,
    ) -> Result<Vec<RoleAssignment>, StepError> {
        let (ours, _) = match self.which {
            Which::Data => self.removal.roles(found).await?,
            Which::Operator => self.removal.roles_on(found, facts).await?,
        };
        Ok(ours)
    }
}

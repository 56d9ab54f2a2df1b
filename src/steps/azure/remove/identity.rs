//! Deletes our managed identity, unless others let somebody in by it or gave it roles of their own.

use async_trait::async_trait;

use super::{Removal, denied};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::removal::{Found, stays};

/// Deletes the identity.
pub struct RemoveIdentity {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveIdentity {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Removal::needs(),
            after: vec![
                "azure.remove-credential",
                "azure.remove-role",
                "azure.remove-operator-role",
                "azure.remove-pod-identity",
            ],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.remove-identity",
                "Managed identity is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let name = &self.removal.identity.name;
        let what = format!("managed identity `{name}`");
        let found = match self.removal.identity().await? {
            Found::Absent => return Ok(Observation::satisfied("not there")),
            Found::Foreign(why) => return Ok(stays(&what, &why)),
            Found::Ours(found) => found,
        };
        let others = self.removal.others(&found, facts).await?;
        if others.is_empty() {
            let delete = Change::new(Verb::Delete, "managed identity", name);
            return Ok(Observation::differs(vec![
                delete.before(format!("{}\n", found.id)),
            ]));
        }
        Ok(stays(&what, &format!("not ours: {}", others.join(", "))))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Found::Ours(found) = self.removal.identity().await? else {
            return Ok(());
        };
        let deleted = self.removal.azure.delete_identity(&found.id).await;
        deleted.map_err(denied)
    }
}

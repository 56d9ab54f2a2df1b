//! Deletes our federated credential, so that nobody becomes the identity by it any more.

use async_trait::async_trait;

use super::{Removal, denied};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, lines,
};
use crate::steps::removal::{Found, stays};

/// Deletes the credential.
pub struct RemoveCredential {
    /// Of which identity.
    pub removal: Removal,
}

#[async_trait]
impl Step for RemoveCredential {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: Removal::needs(),
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.remove-credential",
                "Federated credential is gone",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let name = &self.removal.identity.name;
        let found = match self.removal.identity().await? {
            Found::Absent => return Ok(Observation::satisfied("not there")),
            Found::Foreign(why) => {
                let credential = &self.removal.identity.credential;
                let what =
                    format!("federated credential `{credential}` of managed identity `{name}`");
                return Ok(stays(&what, &format!("the identity is not ours: {why}")));
            }
            Found::Ours(found) => found,
        };
        let (ours, _) = self.removal.credentials(&found, facts).await?;
        if ours.is_empty() {
            return Ok(Observation::satisfied("not there"));
        }
        let changes = ours.iter().map(|one| {
            let before = lines([
                format!("issuer: {}", one.issuer),
                format!("subject: {}", one.subject),
            ]);
            Change::new(Verb::Delete, "federated credential", &one.name).before(before)
        });
        Ok(Observation::differs(changes.collect()))
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let Found::Ours(found) = self.removal.identity().await? else {
            return Ok(());
        };
        let (ours, _) = self.removal.credentials(&found, facts).await?;
        for credential in ours {
            let azure = &self.removal.azure;
            let deleted = azure.delete_federated_credential(&found.id, &credential.name);
            deleted.await.map_err(denied)?;
        }
        Ok(())
    }
}

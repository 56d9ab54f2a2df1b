//! The user-assigned managed identity that Rok's Pods act as.

use async_trait::async_trait;

use super::facts::{IDENTITY_CLIENT_ID, IDENTITY_ID, IDENTITY_PRINCIPAL_ID, SUBSCRIPTION};
use super::identity::{ADOPT, AzureIdentity};
use super::refused::{not_there_yet, refused};
use crate::clients::azure::{Azure, ManagedIdentity as Found, NewIdentity};
use crate::engine::{
    Change, Choice, Context, ErrorKind, Facts, Observation, Phase, Settle, Step, StepError,
    StepMeta, Verb,
};
use crate::steps::names;
use crate::steps::ownership::Ownership;

/// The word for it in `az_adopt`.
const WORD: &str = "identity";

/// Creates the identity, or marks one that was given to us.
pub struct ManagedIdentity {
    /// The subscription.
    pub azure: Azure,
    /// What it is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for ManagedIdentity {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![SUBSCRIPTION.name()],
            gives: vec![
                IDENTITY_ID.name(),
                IDENTITY_CLIENT_ID.name(),
                IDENTITY_PRINCIPAL_ID.name(),
            ],
            settle: Settle::IDENTITY,
            ..StepMeta::new("azure.managed-identity", "Managed identity", Phase::Apply)
        }
    }

    async fn check(&self, _facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let AzureIdentity {
            name,
            location,
            ownership,
            ..
        } = &self.identity;
        let Some(found) = self.found().await? else {
            let create = Change::new(Verb::Create, "managed identity", name)
                .after(format!("location: {location}\n"));
            let nothing = String::new();
            return Ok(Observation::differs(vec![create])
                .with(&IDENTITY_ID, &self.identity.id())
                .with(&IDENTITY_CLIENT_ID, &nothing)
                .with(&IDENTITY_PRINCIPAL_ID, &nothing));
        };
        let observation = if ownership.is_ours(&found.tags) {
            Observation::satisfied(format!("client id {}, tags are ours", found.client_id))
        } else if self.identity.takes_over(WORD) {
            Observation::differs(vec![ownership.marking(
                "managed identity",
                name,
                &found.tags,
            )])
        } else if context.handed_off && Ownership::is_unmarked(&found.tags) {
            let note = "as it was handed off, so it is used as it is";
            Observation::satisfied(format!("client id {}, {note}", found.client_id))
        } else {
            return Ok(self.in_the_way(&found));
        };
        Ok(observation
            .with(&IDENTITY_ID, &self.identity.id())
            .with(&IDENTITY_CLIENT_ID, &found.client_id)
            .with(&IDENTITY_PRINCIPAL_ID, &found.principal_id))
    }

    async fn apply(&self, _facts: &Facts, context: &Context) -> Result<(), StepError> {
        let AzureIdentity {
            subscription,
            group,
            name,
            location,
            ownership,
            ..
        } = &self.identity;
        let tags = ownership.tags(&context.run);
        let Some(found) = self.found().await? else {
            let identity = NewIdentity {
                subscription: subscription.clone(),
                group: group.clone(),
                name: name.clone(),
                location: location.clone(),
                tags,
            };
            let made = self.azure.create_identity(&identity).await;
            return made.map(|_| ()).map_err(refused);
        };
        if !ownership.is_ours(&found.tags) && !self.identity.takes_over(WORD) {
            let text = format!("managed identity `{name}` was made by somebody else meanwhile");
            return Err(StepError::new(ErrorKind::Conflict, text).retryable());
        }
        let tagged = self.azure.tag(&found.id, &tags).await;
        tagged.map_err(not_there_yet)
    }
}

impl ManagedIdentity {
    async fn found(&self) -> Result<Option<Found>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            name,
            ..
        } = &self.identity;
        let found = self.azure.identity(subscription, group, name).await;
        found.map_err(refused)
    }

    fn in_the_way(&self, found: &Found) -> Observation {
        let AzureIdentity {
            name, ownership, ..
        } = &self.identity;
        let is_of_another = !Ownership::is_unmarked(&found.tags);
        let label = if is_of_another {
            "takes it away from whom its tags name"
        } else {
            "takes it over: our tags are added, nothing else is changed"
        };
        let whose = format!("{}\n{}", ownership.cluster, self.identity.subject());
        let mut choices = vec![
            Choice::item(ADOPT, WORD, label),
            Choice::new(
                "az_managed_identity",
                names::beside(name, &whose),
                "leaves it alone and takes another name",
            ),
        ];
        // What another cluster has is not offered first.
        if is_of_another {
            choices.reverse();
        }
        let held = self.identity.adopt.join(",");
        let hints = choices.iter().map(|choice| choice.hint(&held)).collect();
        let reason = format!(
            "managed identity `{name}` exists and is not ours: found {}, expected {}",
            Ownership::found(&found.tags),
            ownership.expected()
        );
        let marking = ownership.marking("managed identity", name, &found.tags);
        Observation::conflict(reason, vec![marking], hints).offers(choices)
    }
}

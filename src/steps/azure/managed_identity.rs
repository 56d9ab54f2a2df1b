//! The user-assigned managed identity that Rok's Pods act as.

use async_trait::async_trait;

use super::adoption::{Decisions, InTheWay, Object};
use super::facts::{
    CLUSTER_ISSUER, IDENTITY_ADOPTED, IDENTITY_CLIENT_ID, IDENTITY_ID, IDENTITY_PRINCIPAL_ID,
    SUBSCRIPTION,
};
use super::found_identity::FoundIdentity;
use super::identity::AzureIdentity;
use super::refused::{not_there_yet, refused};
use super::who::Admission;
use crate::clients::azure::{Azure, ManagedIdentity as Found, NewIdentity};
use crate::engine::{
    Change, Context, ErrorKind, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::in_the_way::gone;
use crate::steps::ownership::Ownership;

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
            needs: vec![SUBSCRIPTION.name(), CLUSTER_ISSUER.name()],
            gives: vec![
                IDENTITY_ADOPTED.name(),
                IDENTITY_ID.name(),
                IDENTITY_CLIENT_ID.name(),
                IDENTITY_PRINCIPAL_ID.name(),
            ],
            settle: Settle::IDENTITY,
            ..StepMeta::new("azure.managed-identity", "Managed identity", Phase::Apply)
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let AzureIdentity {
            name,
            location,
            ownership,
            adopt,
            ..
        } = &self.identity;
        let Some(found) = self.found().await? else {
            if adopt.kept(Object::Identity).is_some() {
                return Ok(gone(&self.identity, Object::Identity, name));
            }
            let create = Change::new(Verb::Create, "managed identity", name)
                .after(format!("location: {location}\n"));
            let nothing = String::new();
            return Ok(Observation::differs(vec![create])
                .with(&IDENTITY_ADOPTED, &nothing)
                .with(&IDENTITY_ID, &self.identity.id())
                .with(&IDENTITY_CLIENT_ID, &nothing)
                .with(&IDENTITY_PRINCIPAL_ID, &nothing));
        };
        let mut adopted = String::new();
        let observation = if ownership.is_ours(&found.tags) {
            Observation::satisfied(format!("client id {}, tags are ours", found.client_id))
        } else if adopt.takes_over(Object::Identity) {
            let marking = ownership.marking("managed identity", name, &found.tags);
            Observation::differs(vec![marking])
        } else {
            match self.used_as_it_is(&found, facts, context).await? {
                Ok((note, decision)) => {
                    adopted = decision;
                    Observation::satisfied(format!("client id {}, {note}", found.client_id))
                }
                Err(in_the_way) => return Ok(in_the_way),
            }
        };
        Ok(observation
            .with(&IDENTITY_ADOPTED, &adopted)
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
        let takes_over = self.identity.adopt.takes_over(Object::Identity);
        if !ownership.is_ours(&found.tags) && !takes_over {
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

    /// Says why one of others is used as it is, with the decision to keep for the next run; or that it is
    /// in the way.
    async fn used_as_it_is(
        &self,
        found: &Found,
        facts: &Facts,
        context: &Context,
    ) -> Result<Result<(String, String), Observation>, StepError> {
        let issuer: String = facts.get(&CLUSTER_ISSUER)?;
        let subject = self.identity.subject();
        let admission = Admission {
            issuer: &issuer,
            subject: &subject,
            audience: &self.azure.cloud().exchange_audience,
            cluster: &self.identity.cluster,
        };
        let looked = FoundIdentity::look(&self.azure, &self.identity, found).await?;
        let (differences, digest) = (looked.differences(admission), looked.digest(admission));
        let kept = self.identity.adopt.kept(Object::Identity);
        if let Some(kept) = kept.filter(|kept| digest.as_deref() == Some(kept)) {
            return Ok(Ok((
                format!("used as it is (`identity@{kept}`)"),
                String::new(),
            )));
        }
        // What is there untagged and exactly as asked for, is what was asked for.
        let as_asked = context.handed_off
            && kept.is_none()
            && Ownership::is_unmarked(&found.tags)
            && differences.is_empty();
        if let Some(digest) = digest.as_ref().filter(|_| as_asked) {
            let decision = Decisions::keeping(Object::Identity, digest).value;
            let note = "as it was handed off, so it is used as it is".to_owned();
            return Ok(Ok((note, decision)));
        }
        let in_the_way = InTheWay {
            object: Object::Identity,
            name: &found.name,
            tags: &found.tags,
            differences,
            changes: Vec::new(),
            can_be_taken: true,
            digest,
            accepting: Vec::new(),
        };
        Ok(Err(in_the_way.conflict(&self.identity)))
    }
}

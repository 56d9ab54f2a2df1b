//! Proves what of pod identity can be proven without a Pod: AKS has assigned the identity and makes
//! no exception, the cluster's objects name it and bind it to the label of Rok's Pods, the nodes
//! hold it, and its role opens the storage account.
//!
//! Only a Pod can use it, so nothing is asked of the storage account here.

use async_trait::async_trait;

use super::ground::{AzureGround, PROVEN};
use crate::engine::{
    Context, Facts, Link, LinkState, Observation, Phase, Settle, Step, StepError, StepMeta,
};
use crate::steps::proof::ground::Ground;

/// What AKS does by itself, some time after it was told of a pod identity.
const FOLLOWS: [&str; 3] = [
    "az-object-missing",
    "az-binding-missing",
    "az-node-without-identity",
];

/// Looks at every link up to the storage account.
pub struct VerifyBinding {
    /// Whose chain it is.
    pub ground: AzureGround,
}

#[async_trait]
impl Step for VerifyBinding {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: self.ground.needs(),
            gives: vec![PROVEN.name()],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.verify-binding",
                "Rok's Pods are bound to the identity",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let prober = self.ground.prober(facts, context)?;
        let (weakness, chain) = prober.weakness(self.ground.kind().links()).await;
        if let Some(diagnosis) = weakness {
            let follows = diagnosis.cause_id.is_some_and(|id| FOLLOWS.contains(&id));
            let is_awaited = follows && context.has_acted(self.ground.area());
            let error = diagnosis.into_verdict(chain);
            return Err(if is_awaited { error.retryable() } else { error });
        }
        let unknown = |link: &Link| chain[*link].state == LinkState::Unknown;
        if unknown(&Link::PodIdentity) {
            let why = &chain[Link::PodIdentity].note;
            let error = StepError::verification(format!("pod identity is not proven: {why}"));
            // It may be on its way.
            return Err(error.with_chain(chain.clone()).retryable());
        }
        let identity = &self.ground.identity;
        let observation = Observation::satisfied(format!(
            "`{}/{}` is Assigned without exceptions; AzureIdentity, binding, nodes and role agree",
            identity.namespace, identity.pod_identity
        ))
        .with(&PROVEN, &identity.name);
        let unseen = chain.links.iter().filter(|found| unknown(&found.link));
        let unseen = unseen.filter(|found| found.link != Link::Container);
        let notices =
            unseen.map(|found| format!("{} was not looked at: {}", found.link, found.note));
        let observation = notices.fold(observation, Observation::notice);
        Ok(observation.with_chain(chain.clone()))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

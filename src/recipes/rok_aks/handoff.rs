//! What an administrator needs to make the identity that the operator may not make.

use std::sync::Arc;

use super::build::Parts;
use crate::engine::{Context, ErrorKind, FactKey, Facts, Step, StepError};
use crate::recipes::HandOver;
use crate::steps::azure::handoff::{Handoff, Known, PARTS, Standing};
use crate::steps::azure::{
    CLUSTER_PRINCIPAL, FederatedCredential, IDENTITY_PRINCIPAL_ID, OIDC_ISSUER, STORAGE_ID, TENANT,
};
use crate::steps::handoff::look;

/// How it is handed over.
pub(super) const HAND_OVER: HandOver = HandOver {
    parts: PARTS,
    look: |answers, tools, context| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move {
            let parts = Parts::new(&answers, &tools).await?;
            Ok(Box::new(build(&parts, &context).await?) as Box<_>)
        })
    },
};

/// Looks what of the identity is missing, and builds what makes it.
async fn build(parts: &Parts, context: &Context) -> Result<Handoff, StepError> {
    let (azure, identity) = (&parts.azure, &parts.identity);
    let (account, cluster) = (parts.account(), parts.cluster());
    let operator = account.caller().await?;
    let mut steps: Vec<Arc<dyn Step>> = vec![Arc::new(account), Arc::new(cluster)];
    steps.extend(parts.identity_steps());
    steps.push(parts.opened_by_others());
    let mut facts = Facts::default();
    let seen = look(&steps, &mut facts, context).await?;
    let storage = known(&facts, &STORAGE_ID)?;
    if storage.is_empty() {
        let account = &identity.account;
        let text = format!(
            "the caller may not see storage account `{account}`, on which a role is to be assigned"
        );
        return Err(StepError::new(ErrorKind::Permission, text)
            .hint("role `Reader` on the subscription shows it"));
    }
    let credential = FederatedCredential {
        azure: azure.clone(),
        identity: identity.clone(),
    };
    Ok(Handoff {
        identity: identity.clone(),
        standing: Standing::of(&seen),
        known: Known {
            tenant: known(&facts, &TENANT)?,
            account: storage,
            principal: known(&facts, &IDENTITY_PRINCIPAL_ID)?,
            issuer: known(&facts, &OIDC_ISSUER)?,
            control_plane: known(&facts, &CLUSTER_PRINCIPAL)?,
            audience: azure.cloud().exchange_audience.clone(),
            credential: credential.name(&facts).await?,
        },
        operator,
    })
}

/// What was found out; nothing where the caller may not look.
fn known(facts: &Facts, key: &FactKey<String>) -> Result<String, StepError> {
    if facts.has(key.name()) {
        facts.get(key)
    } else {
        Ok(String::new())
    }
}

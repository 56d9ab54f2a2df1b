//! Verifies that the identity lets in Rok's Pods, and says who else may become it.

use async_trait::async_trait;

use super::adoption::Object;
use super::facts::{CLUSTER_ID, IDENTITY_CLIENT_ID, IDENTITY_ID, OIDC_ISSUER};
use super::identity::{AzureIdentity, Method};
use super::refused::refused;
use super::who::Admission as Who;
use crate::clients::azure::{Azure, is_same_id};
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta};

/// Reads again who may become the identity, and judges it.
pub struct Admission {
    /// The subscription.
    pub azure: Azure,
    /// What the identity is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for Admission {
    fn meta(&self) -> StepMeta {
        let mut needs = vec![
            IDENTITY_ID.name(),
            IDENTITY_CLIENT_ID.name(),
            CLUSTER_ID.name(),
        ];
        if self.identity.method == Method::WorkloadIdentity {
            needs.push(OIDC_ISSUER.name());
        }
        StepMeta {
            needs,
            after: vec!["azure.federated-credential", "azure.pod-identity"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.admission",
                "Identity lets in Rok's Pods",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let id: String = facts.get(&IDENTITY_ID)?;
        let name = &self.identity.name;
        let credentials = if facts.get(&IDENTITY_CLIENT_ID)?.is_empty() {
            Vec::new()
        } else {
            let held = self.azure.federated_credentials(&id).await;
            held.map_err(refused)?
        };
        let (subject, audience) = (
            self.identity.subject(),
            &self.azure.cloud().exchange_audience,
        );
        let issuer = match self.identity.method {
            Method::WorkloadIdentity => facts.get(&OIDC_ISSUER)?,
            // Whoever a credential lets in is somebody else.
            Method::PodIdentity => String::new(),
        };
        let who = Who {
            issuer: &issuer,
            subject: &subject,
            audience,
            cluster: &self.identity.cluster,
        };
        let mut others = who.others(&credentials);
        let ours = match self.identity.method {
            Method::WorkloadIdentity => {
                if !credentials.iter().any(|one| who.is_granted_by(one)) {
                    let missing = format!(
                        "managed identity `{name}` does not let in {}",
                        who.in_words()
                    );
                    // Replicas may show what was before.
                    return if context.acted.contains("azure.federated-credential") {
                        Ok(Observation::pending(missing))
                    } else {
                        Err(StepError::verification(missing)
                            .hint("`rok-deploy run` makes the federated credential"))
                    };
                }
                who.in_words()
            }
            Method::PodIdentity => {
                others.extend(self.other_pods(&id).await?);
                format!(
                    "Pods of namespace `{}` labelled `aadpodidbinding: {}`",
                    self.identity.namespace, self.identity.pod_identity
                )
            }
        };
        let only = if others.is_empty() { "only " } else { "" };
        let seen = Observation::satisfied(format!("lets in {only}{ours}"));
        let accepted = self.identity.adopt.kept(Object::Identity).is_some();
        Ok(others.iter().fold(seen, |seen, other| {
            let text = format!("managed identity `{name}` lets in {other} too");
            // What was accepted as it is needs no more than a word.
            if accepted {
                seen.notice(text)
            } else {
                seen.warning(text)
            }
        }))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Admission {
    /// Returns in words which other Pods of the cluster get the identity by the add-on.
    async fn other_pods(&self, id: &str) -> Result<Vec<String>, StepError> {
        let AzureIdentity {
            subscription,
            group,
            cluster,
            namespace,
            pod_identity,
            ..
        } = &self.identity;
        let found = self.azure.cluster(subscription, group, cluster).await;
        let profile = found.map_err(refused)?.and_then(|found| found.pod_identity);
        let identities = profile.map(|profile| profile.identities);
        let others = identities.unwrap_or_default().into_iter().filter(|other| {
            let is_ours = other.name == *pod_identity && other.namespace == *namespace;
            is_same_id(&other.identity.resource_id, id) && !is_ours
        });
        let told = others.map(|other| {
            let label = other.binding_selector.as_ref().unwrap_or(&other.name);
            format!(
                "Pods of namespace `{}` labelled `aadpodidbinding: {label}`",
                other.namespace
            )
        });
        Ok(told.collect())
    }
}

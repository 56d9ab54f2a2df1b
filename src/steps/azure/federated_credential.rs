//! The federated credential: the managed identity believes the tokens of one service account.
//!
//! It is known by issuer and subject, since Azure takes each pair only once. It carries no tags; one
//! of our name in an identity of ours is ours.

use async_trait::async_trait;

use super::facts::{IDENTITY_CLIENT_ID, IDENTITY_ID, OIDC_ISSUER};
use super::identity::{AzureIdentity, CREDENTIAL_LIMIT};
use super::refused::{not_there_yet, refused};
use crate::clients::azure::{Azure, FederatedCredential as Found};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, lines,
};

/// Creates the credential, or corrects the one of that service account.
pub struct FederatedCredential {
    /// The subscription.
    pub azure: Azure,
    /// What it is part of.
    pub identity: AzureIdentity,
}

#[async_trait]
impl Step for FederatedCredential {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![
                IDENTITY_ID.name(),
                IDENTITY_CLIENT_ID.name(),
                OIDC_ISSUER.name(),
            ],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "azure.federated-credential",
                "Federated credential",
                Phase::Apply,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (held, wanted) = self.both(facts).await?;
        Ok(match standing(&held, &wanted) {
            Standing::Equal(found) => {
                let name = &found.name;
                let note = format!("`{name}` lets {} in", wanted.subject);
                Observation::satisfied(note)
            }
            Standing::Differs(found) => Observation::differs(vec![
                Change::new(Verb::Update, "federated credential", &found.name)
                    .before(described(found, &found.issuer))
                    .after(self.described(&wanted)),
            ]),
            Standing::Absent if held.len() >= CREDENTIAL_LIMIT => return Err(self.full(&held)),
            Standing::Absent => Observation::differs(vec![
                Change::new(Verb::Create, "federated credential", &wanted.name)
                    .after(self.described(&wanted)),
            ])
            .notice(format!(
                "only {} may act as managed identity `{}`, beside those that could before",
                wanted.subject, self.identity.name
            )),
        })
    }

    async fn apply(&self, facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let (held, wanted) = self.both(facts).await?;
        let credential = match standing(&held, &wanted) {
            Standing::Equal(_) => return Ok(()),
            // The name is nobody's business as long as the rest is right.
            Standing::Differs(found) => Found {
                name: found.name.clone(),
                ..wanted
            },
            Standing::Absent if held.len() >= CREDENTIAL_LIMIT => return Err(self.full(&held)),
            Standing::Absent => wanted,
        };
        let id = facts.get(&IDENTITY_ID)?;
        let put = self.azure.put_federated_credential(&id, &credential);
        put.await.map_err(not_there_yet)
    }
}

impl FederatedCredential {
    /// Returns the credentials that the identity has, and the one that it is to have.
    async fn both(&self, facts: &Facts) -> Result<(Vec<Found>, Found), StepError> {
        let issuer: String = facts.get(&OIDC_ISSUER)?;
        let held = if facts.get(&IDENTITY_CLIENT_ID)?.is_empty() {
            Vec::new()
        } else {
            let id = facts.get(&IDENTITY_ID)?;
            let held = self.azure.federated_credentials(&id).await;
            held.map_err(refused)?
        };
        let wanted = Found {
            name: self.identity.credential.clone(),
            issuer,
            subject: self.identity.subject(),
            audiences: vec![self.azure.cloud().exchange_audience.clone()],
        };
        Ok((held, wanted))
    }

    /// What is wanted, in words that hold while the issuer is still to be made.
    fn described(&self, wanted: &Found) -> String {
        let issuer = format!("that of AKS cluster {}", self.identity.cluster);
        described(wanted, &issuer)
    }

    fn full(&self, held: &[Found]) -> StepError {
        let names: Vec<_> = held.iter().map(|one| one.name.as_str()).collect();
        StepError::failed(format!(
            "managed identity `{}` has {} federated credentials, as many as Azure takes: {}",
            self.identity.name,
            held.len(),
            names.join(", ")
        ))
        .hint("delete one that nobody needs: `az identity federated-credential delete`")
        .hint("or take an identity of its own: `--set az_managed_identity=NAME`")
    }
}

/// How what is wanted stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing<'a> {
    Equal(&'a Found),
    Differs(&'a Found),
    Absent,
}

/// Looks for the credential by issuer and subject, to the letter as Entra does, and by our own name.
fn standing<'a>(held: &'a [Found], wanted: &Found) -> Standing<'a> {
    let of_account =
        |found: &&Found| found.issuer == wanted.issuer && found.subject == wanted.subject;
    if let Some(found) = held.iter().find(of_account) {
        let has = |audience| found.audiences.contains(audience);
        return if wanted.audiences.iter().all(has) {
            Standing::Equal(found)
        } else {
            Standing::Differs(found)
        };
    }
    let of_name = held.iter().find(|found| found.name == wanted.name);
    of_name.map_or(Standing::Absent, Standing::Differs)
}

fn described(credential: &Found, issuer: &str) -> String {
    lines([
        format!("issuer: {issuer}"),
        format!("subject: {}", credential.subject),
        format!("audience: {}", credential.audiences.join(", ")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(name: &str) -> Found {
        Found {
            name: name.into(),
            issuer: "https://eastus.oic.example/t/i/".into(),
            subject: "system:serviceaccount:rok:rok".into(),
            audiences: vec!["api://AzureADTokenExchange".into()],
        }
    }

    #[test]
    fn one_of_that_account_is_adopted_whatever_its_name() {
        let (wanted, held) = (credential("rok-rok-rok"), [credential("theirs")]);
        assert_eq!(standing(&held, &wanted), Standing::Equal(&held[0]));
    }

    #[test]
    fn another_audience_or_another_account_under_our_name_differs() {
        let wanted = credential("rok-rok-rok");
        let held = [Found {
            audiences: vec!["other".into()],
            ..credential("theirs")
        }];
        assert_eq!(standing(&held, &wanted), Standing::Differs(&held[0]));
        // Entra compares to the letter: a slash more or another case is another one.
        for (issuer, subject) in [
            (
                "https://eastus.oic.example/t/i",
                "system:serviceaccount:rok:rok",
            ),
            (
                "https://eastus.oic.example/t/i/",
                "system:serviceaccount:rok:Rok",
            ),
        ] {
            let named = |name: &str| Found {
                issuer: issuer.into(),
                subject: subject.into(),
                ..credential(name)
            };
            let held = [named("rok-rok-rok")];
            assert_eq!(standing(&held, &wanted), Standing::Differs(&held[0]));
            let held = [named("theirs")];
            assert_eq!(standing(&held, &wanted), Standing::Absent);
        }
    }
}

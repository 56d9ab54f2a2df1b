//! The federated credential: the managed identity believes the tokens of one service account.
//!
//! It is known by issuer and subject, since Azure takes each pair only once. It carries no tags; one
//! of our name in an identity of ours is ours.

use async_trait::async_trait;

use super::adoption::{Decisions, Object};
use super::facts::{IDENTITY_CLIENT_ID, IDENTITY_ID, OIDC_ISSUER};
use super::identity::{AzureIdentity, CREDENTIAL_LIMIT};
use super::refused::{not_there_yet, refused};
use super::who::Admission;
use crate::clients::azure::{Azure, FederatedCredential as Found};
use crate::engine::{
    Change, Context, ErrorKind, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
    lines,
};
use crate::steps::in_the_way::Installation as _;

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
        let who = self.admission(&wanted);
        let others = who.others(&held);
        let identity = &self.identity.name;
        let seen = match standing(&held, &wanted) {
            Standing::Equal(found) => {
                let only = if others.is_empty() { "only " } else { "" };
                let note = format!("`{}` lets in {only}{}", found.name, who.in_words());
                Observation::satisfied(note)
            }
            Standing::Differs(found) if self.is_of_others(found, who) => {
                return Ok(self.in_the_way(found, &wanted));
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
                "{} may become managed identity `{identity}`",
                who.in_words()
            )),
        };
        let told = |seen: Observation, other: &String| {
            seen.notice(format!("managed identity `{identity}` lets in {other} too"))
        };
        Ok(others.iter().fold(seen, told))
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
    /// Returns the name of the credential that is changed or made: that of one which is about the same,
    /// as far as the caller may see.
    ///
    /// # Errors
    ///
    /// When Azure gives no answer.
    pub async fn name(&self, facts: &Facts) -> Result<String, StepError> {
        let ours = || Ok(self.identity.credential.clone());
        if !self.meta().needs.iter().all(|name| facts.has(name)) {
            return ours();
        }
        match self.both(facts).await {
            Err(error) if error.kind == ErrorKind::Permission => ours(),
            Err(error) => Err(error),
            Ok((held, wanted)) => match standing(&held, &wanted) {
                Standing::Equal(found) | Standing::Differs(found) => Ok(found.name.clone()),
                Standing::Absent => ours(),
            },
        }
    }

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

    fn admission<'a>(&'a self, wanted: &'a Found) -> Admission<'a> {
        Admission {
            issuer: &wanted.issuer,
            subject: &wanted.subject,
            audience: &self.azure.cloud().exchange_audience,
            cluster: &self.identity.cluster,
        }
    }

    /// Whether the credential lets in somebody else, and hangs on an identity that others made: who
    /// changes it, locks that one out.
    fn is_of_others(&self, found: &Found, who: Admission<'_>) -> bool {
        let adopt = &self.identity.adopt;
        let was_there = adopt.of(Object::Identity).is_some();
        was_there && !who.is_about(found) && !adopt.takes_over(Object::Credential)
    }

    fn in_the_way(&self, found: &Found, wanted: &Found) -> Observation {
        let who = self.admission(wanted);
        let identity = &self.identity;
        let label = "changes it, which locks out whom it lets in now";
        let taking = Decisions::taking_over(Object::Credential, label);
        let other = identity.other_name(Object::Credential, &identity.name);
        let choices: Vec<_> = other.into_iter().chain([taking]).collect();
        let held = identity.adopt.to_string();
        let hints = choices.iter().map(|choice| choice.hint(&held)).collect();
        let reason = format!(
            "federated credential `{}` of managed identity `{}` is not ours: it lets in {}, expected {}",
            found.name,
            identity.name,
            who.let_in(found),
            who.in_words()
        );
        let change = Change::new(Verb::Update, "federated credential", &found.name)
            .before(described(found, &found.issuer))
            .after(self.described(wanted));
        Observation::conflict(reason, vec![change], hints).offers(choices)
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

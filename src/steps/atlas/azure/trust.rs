//! Why a managed identity does not trust a token.
//!
//! Entra compares issuer, subject and audience to the letter, and says one sentence for all of it;
//! here the credential that comes nearest is explained.

use super::causes::{
    CREDENTIAL_AUDIENCE, CREDENTIAL_ISSUER, CREDENTIAL_MISSING, CREDENTIAL_SUBJECT,
};
use crate::clients::azure::FederatedCredential;
use crate::steps::atlas::entry::Cause;

/// The token that has to be trusted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) audience: &'a str,
    /// The name of the credential that is ours.
    pub(super) name: &'a str,
}

/// Returns the credential that trusts the token, to the letter.
pub(super) fn trusts<'a>(
    credentials: &'a [FederatedCredential],
    token: Presented<'_>,
) -> Option<&'a FederatedCredential> {
    let mut all = credentials.iter();
    all.find(|credential| mismatch(credential, token).is_none())
}

/// Returns what is wrong with the credentials of an identity, and what was found there; none when
/// one of them trusts the token.
pub(super) fn fault(
    credentials: &[FederatedCredential],
    token: Presented<'_>,
) -> Option<(&'static Cause, String)> {
    if trusts(credentials, token).is_some() {
        return None;
    }
    // The one that is ours by its name, else one that was meant for this service account.
    let ours = credentials.iter().find(|other| other.name == token.name);
    let for_this_account =
        |other: &&FederatedCredential| other.subject.eq_ignore_ascii_case(token.subject);
    let nearest = ours.or_else(|| credentials.iter().find(for_this_account));
    let mismatch = nearest.and_then(|nearest| {
        let (cause, found) = mismatch(nearest, token)?;
        let elsewhere = nearest.name != token.name;
        let named = elsewhere.then(|| format!("{found} in `{}`", nearest.name));
        Some((cause, named.unwrap_or(found)))
    });
    let others = || {
        let names: Vec<_> = credentials
            .iter()
            .map(|other| format!("`{}` for {}", other.name, other.subject))
            .collect();
        if names.is_empty() {
            "no federated credential".to_owned()
        } else {
            names.join(", ")
        }
    };
    Some(mismatch.unwrap_or_else(|| (&CREDENTIAL_MISSING, others())))
}

/// What keeps a credential from trusting the token, the plainest first.
fn mismatch(
    credential: &FederatedCredential,
    token: Presented<'_>,
) -> Option<(&'static Cause, String)> {
    if credential.subject != token.subject {
        return Some((&CREDENTIAL_SUBJECT, credential.subject.clone()));
    }
    if credential.issuer != token.issuer {
        return Some((&CREDENTIAL_ISSUER, credential.issuer.clone()));
    }
    let mut audiences = credential.audiences.iter();
    if audiences.any(|audience| audience == token.audience) {
        return None;
    }
    Some((&CREDENTIAL_AUDIENCE, credential.audiences.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Presented<'static> = Presented {
        issuer: "https://eastus.oic.prod-aks.azure.com/t/c/",
        subject: "system:serviceaccount:rok:rok",
        audience: "api://AzureADTokenExchange",
        name: "rok-rok-rok",
    };

    fn right() -> FederatedCredential {
        FederatedCredential {
            name: TOKEN.name.into(),
            issuer: TOKEN.issuer.into(),
            subject: TOKEN.subject.into(),
            audiences: vec![TOKEN.audience.into()],
        }
    }

    fn of(change: impl FnOnce(&mut FederatedCredential)) -> Option<(&'static str, String)> {
        let mut credential = right();
        change(&mut credential);
        fault(&[credential], TOKEN).map(|(cause, found)| (cause.id, found))
    }

    #[test]
    fn each_mismatch_is_named_with_what_was_found() {
        assert_eq!(of(|_| ()), None);
        let case = "system:serviceaccount:rok:Rok";
        let seen = of(|it| it.subject = case.into());
        assert_eq!(seen, Some(("az-credential-subject", case.into())));
        let bare = TOKEN.issuer.trim_end_matches('/');
        let seen = of(|it| it.issuer = bare.into());
        assert_eq!(seen, Some(("az-credential-issuer", bare.into())));
        let seen = of(|it| it.audiences = vec!["api://other".into()]);
        assert_eq!(seen, Some(("az-credential-audience", "api://other".into())));
    }

    #[test]
    fn a_name_does_not_matter_where_issuer_and_subject_are_right() {
        assert_eq!(of(|it| it.name = "by-hand".into()), None);
        let seen = of(|it| {
            it.name = "by-hand".into();
            it.issuer = "https://other/".into();
        });
        let found = "https://other/ in `by-hand`".to_owned();
        assert_eq!(seen, Some(("az-credential-issuer", found)));
    }

    /// Changing a credential of another workload would mend one and break the other.
    #[test]
    fn a_credential_of_another_workload_is_no_mistake() {
        let mut other = right();
        other.name = "kubeflow".into();
        other.subject = "system:serviceaccount:kubeflow:default".into();
        let (cause, found) = fault(&[other], TOKEN).unwrap();
        assert_eq!(cause.id, "az-credential-missing");
        assert_eq!(
            found,
            "`kubeflow` for system:serviceaccount:kubeflow:default"
        );
        assert_eq!(fault(&[], TOKEN).unwrap().1, "no federated credential");
    }
}

//! Who can become a managed identity: its federated credentials, in words.
//!
//! Entra compares issuer and subject to the letter, so each credential lets exactly one subject in.

use crate::clients::azure::FederatedCredential;

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Whom a credential is to let in.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// The issuer, with `https://` and its trailing slash.
    pub issuer: &'a str,
    /// `system:serviceaccount:<namespace>:<name>`.
    pub subject: &'a str,
    /// What the tokens are for.
    pub audience: &'a str,
    /// The AKS cluster whose issuer it is.
    pub cluster: &'a str,
}

impl Admission<'_> {
    /// Returns the sentence for people.
    pub fn in_words(&self) -> String {
        format!(
            "{} of AKS cluster `{}`",
            exactly(self.subject),
            self.cluster
        )
    }

    /// Whether the credential lets in whom it is to let in.
    pub fn is_granted_by(&self, credential: &FederatedCredential) -> bool {
        self.is_about(credential)
            && credential
                .audiences
                .iter()
                .any(|audience| audience == self.audience)
    }

    /// Whether the credential is about the same issuer and subject.
    pub fn is_about(&self, credential: &FederatedCredential) -> bool {
        credential.issuer == self.issuer && credential.subject == self.subject
    }

    /// Returns in words whom else these credentials let in.
    pub fn others(&self, credentials: &[FederatedCredential]) -> Vec<String> {
        credentials
            .iter()
            .filter(|credential| !self.is_about(credential))
            .map(|credential| self.let_in(credential))
            .collect()
    }

    /// Says whom a credential lets in, and by which name it is known.
    pub fn let_in(&self, credential: &FederatedCredential) -> String {
        let FederatedCredential {
            name,
            issuer,
            subject,
            audiences,
        } = credential;
        let who = if *issuer == self.issuer {
            format!("{} of AKS cluster `{}`", exactly(subject), self.cluster)
        } else if issuer.trim_end_matches('/') == GITHUB {
            format!("GitHub's `{subject}`")
        } else {
            format!("{} of issuer `{issuer}`", exactly(subject))
        };
        let usual = audiences.iter().any(|audience| audience == self.audience);
        let audience = if usual {
            String::new()
        } else {
            format!(" with audience `{}`", audiences.join("`, `"))
        };
        format!("{who}{audience} (federated credential `{name}`)")
    }
}

/// Returns the words for a subject as it stands.
pub(in crate::steps) fn exactly(subject: &str) -> String {
    match account(subject) {
        Some((namespace, name)) => format!("service account `{namespace}/{name}`"),
        None => format!("subject `{subject}`"),
    }
}

/// Returns namespace and name of the service account that a subject is.
pub(super) fn account(subject: &str) -> Option<(&str, &str)> {
    subject.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Admission<'static> = Admission {
        issuer: "https://eastus.oic.example/t/i/",
        subject: "system:serviceaccount:rok:rok",
        audience: "api://AzureADTokenExchange",
        cluster: "west",
    };

    fn credential(issuer: &str, subject: &str, audience: &str) -> FederatedCredential {
        FederatedCredential {
            name: "c".into(),
            issuer: issuer.into(),
            subject: subject.into(),
            audiences: vec![audience.into()],
        }
    }

    #[test]
    fn only_the_same_to_the_letter_is_let_in() {
        let ours = credential(OURS.issuer, OURS.subject, OURS.audience);
        assert!(OURS.is_granted_by(&ours));
        assert_eq!(OURS.others(&[ours]), [""; 0]);
        for (issuer, subject, audience) in [
            (
                "https://eastus.oic.example/t/i",
                OURS.subject,
                OURS.audience,
            ),
            (OURS.issuer, "system:serviceaccount:rok:Rok", OURS.audience),
            (OURS.issuer, OURS.subject, "api://other"),
        ] {
            assert!(!OURS.is_granted_by(&credential(issuer, subject, audience)));
        }
    }

    #[test]
    fn others_are_told_in_words() {
        let told = OURS.others(&[
            credential(OURS.issuer, "system:serviceaccount:dev:x", OURS.audience),
            credential("https://other/", OURS.subject, "api://x"),
            credential(GITHUB, "repo:me/it:ref:refs/heads/main", OURS.audience),
            credential("https://other/", "anybody", OURS.audience),
        ]);
        assert_eq!(
            told,
            [
                "service account `dev/x` of AKS cluster `west` (federated credential `c`)",
                "service account `rok/rok` of issuer `https://other/` with audience `api://x` \
                 (federated credential `c`)",
                "GitHub's `repo:me/it:ref:refs/heads/main` (federated credential `c`)",
                "subject `anybody` of issuer `https://other/` (federated credential `c`)",
            ]
        );
        assert_eq!(
            OURS.in_words(),
            "service account `rok/rok` of AKS cluster `west`"
        );
    }
}

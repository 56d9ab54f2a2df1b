//! Workload identity: judges the links from the service account to the credential that trusts its
//! token, and what came of using it.

use super::causes::{ISSUER_OFF, OTHER_ISSUER, STORAGE_CLOSED};
use super::evidence::{ByToken, Seeing, Walk};
use super::trust::{self, Presented};
use crate::clients::azure::AzureErrorKind;
use crate::engine::{Link, LinkState};
use crate::steps::atlas::bench::{Bench, text};

impl Seeing {
    /// The token's issuer, the cluster's and the one that the credential is made for have to be the
    /// same to the letter.
    pub(super) fn issuer(&self, way: &ByToken, bench: &mut Bench<'_>) {
        let link = Link::Issuer;
        let of_cluster = match &self.cluster {
            Ok(Some(cluster)) if !cluster.is_oidc_enabled => {
                return bench.broken(link, &ISSUER_OFF, "none");
            }
            Ok(Some(cluster)) => cluster.oidc_issuer.clone(),
            _ => None,
        };
        let of_token = way.claims.as_ref().map(|claims| text(&claims["iss"]));
        let expected = &bench.place.issuer;
        let found = [of_token.as_ref().ok(), of_cluster.as_ref()];
        let other = found.into_iter().flatten().find(|found| *found != expected);
        if let Some(other) = other {
            return bench.broken(link, &OTHER_ISSUER, other);
        }
        match of_token {
            Ok(issuer) => bench.proven(link, issuer),
            Err(why) => bench.unknown(link, why),
        }
    }

    pub(super) fn credential(&self, way: &ByToken, bench: &mut Bench<'_>) {
        let link = Link::FederatedCredential;
        let credentials = match &way.credentials {
            Err(why) => return bench.unknown(link, why),
            Ok(credentials) => credentials,
        };
        if matches!(self.identity, Ok(None)) {
            return bench.unknown(link, "there is no identity");
        }
        let (place, subject) = (bench.place, bench.place.subject());
        let token = Presented {
            issuer: &place.issuer,
            subject: &subject,
            audience: &place.azure.exchange_audience,
            name: &place.azure.credential,
        };
        match (
            trust::fault(credentials, token),
            trust::trusts(credentials, token),
        ) {
            (Some((cause, found)), _) => bench.broken(link, cause, found),
            (None, Some(credential)) => {
                let note = format!("`{}` trusts {}", credential.name, credential.subject);
                bench.proven(link, note);
            }
            (None, None) => {}
        }
    }

    pub(super) fn container(&self, walk: &Walk, bench: &mut Bench<'_>) {
        let link = Link::Container;
        let container = bench.place.probe_bucket();
        match walk {
            Walk::NotBegun(why) => bench.unknown(link, format!("no token: {why}")),
            Walk::Refused(error) => bench.unknown(link, format!("no token: {error}")),
            Walk::Answered(Ok(Some(blobs))) => {
                bench.proven(link, format!("`{container}` holds {blobs} blobs"));
            }
            Walk::Answered(Ok(None)) => {
                let note = format!("`{container}` does not exist yet, and may be listed");
                bench.proven(link, note);
            }
            Walk::Answered(Err(error)) if error.kind == AzureErrorKind::AccessDenied => {
                let is_by_rules = error.code.as_deref() == Some("AuthorizationFailure");
                if let (true, Ok(Some(storage))) = (is_by_rules, &self.storage) {
                    let access = storage.public_network_access.as_deref();
                    let access = access.unwrap_or("not told");
                    bench.broken(Link::StorageAccount, &STORAGE_CLOSED, access);
                }
                bench.chain.set(link, LinkState::Broken, error.to_string());
            }
            Walk::Answered(Err(error)) => bench.unknown(link, error.to_string()),
        }
    }
}

/// What worked needs no reading: a token of the identity proves the links before it, an answer of
/// the storage account the role.
pub(super) fn by_use(walk: &Walk, bench: &mut Bench<'_>) {
    let Walk::Answered(answer) = walk else {
        return;
    };
    let mut prove = |links: &[Link], how: &str| {
        for link in links {
            if bench.is(*link, LinkState::Unknown) {
                bench.proven(*link, how);
            }
        }
    };
    let before = [Link::FederatedCredential, Link::ManagedIdentity];
    prove(&before, "by use: Entra took the token");
    if answer.is_ok() {
        let after = [Link::RoleAssignment, Link::StorageAccount];
        prove(&after, "by use: the storage account let the identity in");
    }
}

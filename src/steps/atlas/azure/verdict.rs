//! Judges what was seen of a chain of Azure, link by link.

use super::by_token::by_use;
use super::causes::{
    ACCOUNT_MISSING, ASSIGNMENT_CONDITION, ASSIGNMENT_ELSEWHERE, ASSIGNMENT_MISSING,
    ASSIGNMENT_OTHER_ROLE, IDENTITY_MISSING, IDENTITY_REMADE, NOT_ANNOTATED, OTHER_CLIENT,
    ROLE_UNKNOWN, STORAGE_MISSING, TOKEN_AUDIENCE, TOKEN_SUBJECT,
};
use super::evidence::{About, ByToken, Seeing, Walk, Way};
use super::permits::{Verdict, decide};
use crate::engine::Link;
use crate::steps::atlas::bench::{AccountCauses, Bench, Judged, text};
use crate::steps::atlas::diagnosis::Diagnosis;
use crate::steps::atlas::entry::{Cause, look_up};
use crate::steps::atlas::place::Place;
use crate::steps::atlas::prober::Evidence;
use crate::steps::atlas::symptom::Symptom;
use crate::steps::azure::CLIENT_ID_ANNOTATION;

impl Evidence for Seeing {
    fn judge(&self, place: &Place) -> Judged {
        let mut bench = Bench::new(place, self.kind);
        match &self.way {
            Way::Token(way) => {
                let accounts = AccountCauses {
                    missing: &ACCOUNT_MISSING,
                    not_annotated: &NOT_ANNOTATED,
                    other: &OTHER_CLIENT,
                };
                let client = &place.azure.client_id;
                bench.account(&way.account, CLIENT_ID_ANNOTATION, client, &accounts);
                let audience = &place.azure.exchange_audience;
                bench.token(&way.claims, audience, (&TOKEN_SUBJECT, &TOKEN_AUDIENCE));
                self.issuer(way, &mut bench);
                self.credential(way, &mut bench);
            }
            Way::Node(way) => {
                self.pod_identity(way, &mut bench);
                Self::object(way, &mut bench);
                self.binding(way, &mut bench);
                self.node(way, &mut bench);
            }
        }
        self.managed_identity(&mut bench);
        self.assignment(&mut bench);
        self.storage(&mut bench);
        match &self.way {
            Way::Token(way) => {
                self.container(&way.walk, &mut bench);
                by_use(&way.walk, &mut bench);
            }
            Way::Node(_) => bench.unknown(Link::Container, "only a Pod can ask"),
        }
        bench.judged()
    }

    fn cloud(&self) -> &'static str {
        "Azure"
    }

    fn told_outright(&self, place: &Place, symptom: &Symptom) -> Option<Diagnosis> {
        let entry = look_up(symptom)?;
        let not_yet = |cause: &str, remedy: &str| {
            let open = Diagnosis::open(Some(entry), cause.into(), vec![remedy.into()]);
            Some(Diagnosis {
                not_yet: true,
                ..open
            })
        };
        let is_about_operator = matches!(entry.row, 59..=61);
        if let Way::Node(way) = &self.way
            && is_about_operator
            && self.is_under_way(way, place)
        {
            return not_yet(
                "the cluster has the role at the identity by now, and AKS is still at it",
                "wait a few minutes, then `rok-deploy verify`",
            );
        }
        match self.about {
            About::Right(true) => not_yet(
                "the caller may do it by now: the right was granted a moment ago",
                "log in again for a new token: `az login`",
            ),
            About::Role(true) => not_yet(
                "the role is there by now, and has not reached every replica",
                "wait a few minutes and run again",
            ),
            About::Role(false) => Some(Diagnosis::of(Some(entry), &ROLE_UNKNOWN, place, "none")),
            _ => None,
        }
    }

    fn detail(&self, cause: &'static Cause) -> Option<String> {
        if let (About::Locks(locks), "az-locked") = (&self.about, cause.id) {
            return Some(match &locks[..] {
                [] => "none that the caller may see".into(),
                locks => locks.join(", "),
            });
        }
        let Way::Token(way) = &self.way else {
            return None;
        };
        let credentials = way.credentials.as_ref().ok()?;
        match cause.id {
            "az-credential-exists" => {
                let claims = way.claims.as_ref().ok()?;
                let mut all = credentials.iter();
                let same = all.find(|it| {
                    it.issuer == text(&claims["iss"]) && it.subject == text(&claims["sub"])
                });
                Some(same?.name.clone())
            }
            "az-credentials-full" => Some(credentials.len().to_string()),
            _ => None,
        }
    }

    fn answers(&self, symptom: &Symptom) -> bool {
        let Way::Token(ByToken {
            walk: Walk::Answered(answer),
            ..
        }) = &self.way
        else {
            return false;
        };
        match look_up(symptom).map(|entry| entry.id) {
            Some("az-no-matching-credential" | "az-issuer-unknown" | "az-issuer-unreachable") => {
                true
            }
            Some("az-data-not-yet") => answer.is_ok(),
            _ => false,
        }
    }
}

/// What both ways to the identity have in common.
impl Seeing {
    fn managed_identity(&self, bench: &mut Bench<'_>) {
        let link = Link::ManagedIdentity;
        let azure = &bench.place.azure;
        match &self.identity {
            Err(why) => bench.unknown(link, why),
            Ok(None) => bench.broken(link, &IDENTITY_MISSING, "none"),
            Ok(Some(identity)) if identity.client_id != azure.client_id => {
                bench.broken(link, &IDENTITY_REMADE, &identity.client_id);
            }
            Ok(Some(identity)) => {
                let note = format!("`{}`, client id {}", identity.name, identity.client_id);
                bench.proven(link, note);
            }
        }
    }

    fn assignment(&self, bench: &mut Bench<'_>) {
        let link = Link::RoleAssignment;
        let assignments = match &self.assignments {
            Err(why) => return bench.unknown(link, why),
            Ok(assignments) => assignments,
        };
        match decide(assignments, &bench.place.azure.storage_id) {
            Verdict::Opened { role, scope } => bench.proven(link, format!("{role} at {scope}")),
            Verdict::Conditional(condition) => {
                bench.broken(link, &ASSIGNMENT_CONDITION, condition);
                // Whether it lets the prefix through, only use can tell.
                let note = bench.chain[link].note.clone();
                bench.unknown(link, note);
            }
            Verdict::Unclear(roles) => {
                bench.unknown(link, format!("{roles} may open blobs or not"));
            }
            Verdict::OtherRoles(roles) => bench.broken(link, &ASSIGNMENT_OTHER_ROLE, roles),
            Verdict::Elsewhere(scopes) => bench.broken(link, &ASSIGNMENT_ELSEWHERE, scopes),
            Verdict::Missing => bench.broken(link, &ASSIGNMENT_MISSING, "none"),
        }
    }

    fn storage(&self, bench: &mut Bench<'_>) {
        let link = Link::StorageAccount;
        match &self.storage {
            Err(why) => bench.unknown(link, why),
            Ok(None) => bench.broken(link, &STORAGE_MISSING, "none"),
            Ok(Some(storage)) => {
                let endpoint = storage.blob_endpoint.as_deref().unwrap_or(&storage.name);
                bench.proven(link, endpoint);
            }
        }
    }
}

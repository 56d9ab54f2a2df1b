//! Judges what was seen of the chain, link by link.

use super::causes::{
    ACCOUNT_MISSING, ACTION_MISSING, BOUNDARY, CLIENT_ID_MISSING, DENIED, NODE_ROLE, NOT_ANNOTATED,
    OTHER_ISSUER, OTHER_ROLE, POLICY_DETACHED, POLICY_MISSING, PREFIX_OTHER, PROVIDER_MISSING,
    ROLE_ELSEWHERE, ROLE_MISSING, SESSION_TOO_LONG, THUMBPRINT, TOKEN_AUDIENCE, TOKEN_SUBJECT,
    TRUST_OTHER,
};
use super::evidence::{Policies, Seeing, Walk, bare};
use super::permits::{Held, Verdict, decide};
use super::prober::ROLE_ANNOTATION;
use super::trust;
use crate::clients::aws::AwsErrorKind;
use crate::engine::{ChainKind, Link, LinkState};
use crate::steps::atlas::bench::{AccountCauses, Bench, Judged, text};
use crate::steps::atlas::diagnosis::Diagnosis;
use crate::steps::atlas::entry::{Cause, look_up};
use crate::steps::atlas::place::Place;
use crate::steps::atlas::prober::Evidence;
use crate::steps::atlas::symptom::{Source, Symptom};
use crate::steps::aws::permissions::ACTIONS;
use crate::steps::aws::policy::parse;

impl Evidence for Seeing {
    fn judge(&self, place: &Place) -> Judged {
        let mut bench = Bench::new(place, ChainKind::IamRole);
        let accounts = AccountCauses {
            missing: &ACCOUNT_MISSING,
            not_annotated: &NOT_ANNOTATED,
            other: &OTHER_ROLE,
        };
        bench.account(&self.account, ROLE_ANNOTATION, &place.role_arn, &accounts);
        let tokens = (&TOKEN_SUBJECT, &TOKEN_AUDIENCE);
        bench.token(&self.claims, place.audience(), tokens);
        bench.issuer(self);
        bench.provider(self);
        bench.role_and_trust(self);
        bench.policies(self);
        bench.bucket(self);
        bench.by_use(self);
        bench.judged()
    }

    fn cloud(&self) -> &'static str {
        "AWS"
    }

    fn told_outright(&self, place: &Place, symptom: &Symptom) -> Option<Diagnosis> {
        let role = other_role(symptom, place)?;
        Some(Diagnosis::of(look_up(symptom), &NODE_ROLE, place, &role))
    }

    fn detail(&self, cause: &'static Cause) -> Option<String> {
        if cause == &SESSION_TOO_LONG {
            let role = self.role.as_ref().ok()?.as_ref()?;
            return Some(role.max_session_seconds?.to_string());
        }
        if cause == &THUMBPRINT {
            let provider = self.provider.as_ref().ok()?.as_ref()?;
            return Some(match &provider.thumbprints[..] {
                [] => "none".into(),
                thumbprints => thumbprints.join(", "),
            });
        }
        None
    }

    fn answers(&self, symptom: &Symptom) -> bool {
        match (symptom.source, &self.walk) {
            (Source::Sts, Walk::Answered(..)) | (Source::S3, Walk::Answered(_, Ok(_))) => true,
            (Source::S3, Walk::Answered(_, Err(error))) => {
                error.code.as_deref() == Some("NoSuchBucket")
            }
            _ => false,
        }
    }
}

/// Tells what is wrong when this is who AWS takes the Pod for; none when it is our role.
pub fn diagnose_caller(place: &Place, arn: &str) -> Option<Diagnosis> {
    let role = arn
        .split_once(":assumed-role/")
        .map_or(arn, |(_, rest)| rest.split('/').next().unwrap_or(rest));
    (role != place.role).then(|| Diagnosis::of(None, &NODE_ROLE, place, role))
}

/// The role that AWS took the caller for, where it is not the right one.
fn other_role(symptom: &Symptom, place: &Place) -> Option<String> {
    let refused = symptom.text.contains("is not authorized to perform");
    let (_, role) = symptom.text.split_once(":assumed-role/")?;
    let role = role.split('/').next()?;
    (refused && role != place.role).then(|| role.to_owned())
}

/// Judges the links of a role.
impl Bench<'_> {
    /// The token's issuer, the answer's and the one EKS names have to be the same.
    fn issuer(&mut self, evidence: &Seeing) {
        let link = Link::Issuer;
        let of_token = evidence.claims.as_ref().map(|claims| text(&claims["iss"]));
        let of_cluster = evidence.issuer.as_ref();
        let expected = &self.place.issuer;
        let other = [of_token.as_ref().ok(), of_cluster.ok()]
            .into_iter()
            .flatten()
            .find(|found| bare(found) != expected);
        if let Some(other) = other {
            let found = format!("https://{}", bare(other));
            return self.broken(link, &OTHER_ISSUER, found);
        }
        match of_token {
            Ok(issuer) => self.proven(link, issuer),
            Err(why) => {
                let why = why.clone();
                self.unknown(link, why);
            }
        }
    }

    fn provider(&mut self, evidence: &Seeing) {
        let link = Link::Provider;
        match &evidence.provider {
            Err(why) => self.unknown(link, why),
            Ok(None) => {
                let others = match &evidence.other_providers[..] {
                    [] => "none".into(),
                    others => others.join(", "),
                };
                self.broken(link, &PROVIDER_MISSING, others);
            }
            Ok(Some(provider)) => {
                let ids = provider.client_ids.join(", ");
                if provider
                    .client_ids
                    .iter()
                    .any(|id| id == self.place.audience())
                {
                    self.proven(link, format!("{} with client id {ids}", provider.arn));
                } else {
                    let ids = if ids.is_empty() { "none".into() } else { ids };
                    self.broken(link, &CLIENT_ID_MISSING, ids);
                }
            }
        }
    }

    fn role_and_trust(&mut self, evidence: &Seeing) {
        let role = match &evidence.role {
            Err(why) => {
                self.unknown(Link::Trust, why);
                return self.unknown(Link::Role, why);
            }
            Ok(None) => {
                self.unknown(Link::Trust, "there is no role");
                return self.broken(Link::Role, &ROLE_MISSING, "none");
            }
            Ok(Some(role)) => role,
        };
        let trust = parse(&role.trust_policy);
        let conditions = trust::in_words(&trust);
        match trust::fault(&self.place.admission(), &trust) {
            None => self.proven(Link::Trust, format!("lets it in: {conditions}")),
            Some((cause, found)) => {
                self.broken(Link::Trust, cause, found);
                let token = evidence.claims.as_ref().map_or_else(
                    |_| format!("sub {}", self.place.subject()),
                    |claims| format!("sub {}, aud {}", text(&claims["sub"]), text(&claims["aud"])),
                );
                let note = &self.chain[Link::Trust].note;
                let note = format!("{note}; the role wants {conditions}; the token has {token}");
                self.chain.set(Link::Trust, LinkState::Broken, note);
            }
        }
        if role.arn == self.place.role_arn {
            self.proven(Link::Role, &role.arn);
        } else {
            self.broken(Link::Role, &ROLE_ELSEWHERE, &role.arn);
        }
    }

    fn policies(&mut self, evidence: &Seeing) {
        let policies = match &evidence.policies {
            Err(why) => {
                self.unknown(Link::Policy, why);
                return self.unknown(Link::Prefix, why);
            }
            Ok(None) => {
                self.unknown(Link::Policy, "there is no role");
                return self.unknown(Link::Prefix, "there is no role");
            }
            Ok(Some(policies)) => policies,
        };
        self.unknown(Link::Prefix, "no policy allows anything there");
        let verdicts = self.verdicts(&policies.held);
        let denied = verdicts.iter().find_map(|(action, verdict)| match verdict {
            Verdict::Denied(policy) => Some(format!("`{policy}` denies {action}")),
            _ => None,
        });
        let of = |wanted: fn(&Verdict) -> bool| {
            let actions = verdicts.iter().filter(|(_, verdict)| wanted(verdict));
            actions.map(|(action, _)| *action).collect::<Vec<_>>()
        };
        let missing = of(|verdict| *verdict == Verdict::Missing);
        let unclear = of(|verdict| *verdict == Verdict::Unclear);
        if let Some(denied) = denied {
            return self.broken(Link::Policy, &DENIED, denied);
        }
        if let Some(fault) = self.beyond_boundary(policies) {
            return self.broken(Link::Policy, &BOUNDARY, fault);
        }
        if missing.len() == ACTIONS.len() && policies.ours_is_detached {
            let attached = names(&policies.held);
            return self.broken(Link::Policy, &POLICY_DETACHED, attached);
        }
        if policies.held.is_empty() {
            return self.broken(Link::Policy, &POLICY_MISSING, "none");
        }
        if !missing.is_empty() {
            return self.broken(Link::Policy, &ACTION_MISSING, missing.join(", "));
        }
        self.proven(Link::Policy, format!("attached: {}", names(&policies.held)));
        let mut elsewhere: Vec<_> = verdicts
            .iter()
            .filter_map(|(_, verdict)| match verdict {
                Verdict::Elsewhere(resources) => Some(resources),
                _ => None,
            })
            .flatten()
            .map(|resource| resource.rsplit(":::").next().unwrap_or(resource).to_owned())
            .collect();
        elsewhere.sort();
        elsewhere.dedup();
        if !elsewhere.is_empty() {
            self.broken(Link::Prefix, &PREFIX_OTHER, elsewhere.join(", "));
        } else if unclear.is_empty() {
            let note = format!("{}*", self.place.prefix);
            self.proven(Link::Prefix, note);
        } else {
            let why = format!("depends on conditions: {}", unclear.join(", "));
            self.unknown(Link::Prefix, why);
        }
    }

    fn verdicts(&self, held: &[Held]) -> [(&'static str, Verdict); ACTIONS.len()] {
        let Place { partition, .. } = self.place;
        let bucket = format!("arn:{partition}:s3:::{}", self.place.probe_bucket());
        ACTIONS.map(|action| {
            let resource = if action.ends_with("Object") {
                format!("{bucket}/probe")
            } else {
                bucket.clone()
            };
            (action, decide(held, action, &resource))
        })
    }

    /// What the boundary does not let through. A boundary gives nothing by itself.
    fn beyond_boundary(&self, policies: &Policies) -> Option<String> {
        let boundary = policies.boundary.clone()?;
        let arn = boundary.name.clone();
        let verdicts = self.verdicts(&[boundary]);
        let kept: Vec<_> = verdicts
            .iter()
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Allowed | Verdict::Unclear))
            .map(|(action, _)| *action)
            .collect();
        (!kept.is_empty()).then(|| format!("`{arn}` keeps back {}", kept.join(", ")))
    }

    fn bucket(&mut self, evidence: &Seeing) {
        let link = Link::Bucket;
        let bucket = self.place.probe_bucket();
        match &evidence.walk {
            Walk::NotBegun(why) => self.unknown(link, format!("no session: {why}")),
            Walk::Refused(error) => self.unknown(link, format!("no session: {error}")),
            Walk::Answered(_, Ok(versions)) => {
                self.proven(link, format!("`{bucket}` holds {versions} versions"));
            }
            Walk::Answered(_, Err(error)) if error.code.as_deref() == Some("NoSuchBucket") => {
                self.proven(
                    link,
                    format!("`{bucket}` does not exist yet, and may be listed"),
                );
            }
            Walk::Answered(_, Err(error)) if error.kind == AwsErrorKind::AccessDenied => {
                self.chain.set(link, LinkState::Broken, error.to_string());
            }
            Walk::Answered(_, Err(error)) => self.unknown(link, error.to_string()),
        }
    }

    /// What worked needs no reading: a session proves the links before it, an answer of S3 the
    /// policy. A condition that we do not understand is settled so, too.
    fn by_use(&mut self, evidence: &Seeing) {
        let Walk::Answered(session, answer) = &evidence.walk else {
            return;
        };
        self.breaks.retain(|found| found.cause != &TRUST_OTHER);
        for link in [Link::Provider, Link::Trust, Link::Role] {
            let is_open = self.is(link, LinkState::Unknown)
                || link == Link::Trust && !self.is_explained(link);
            if is_open {
                self.proven(link, format!("by use: became {session}"));
            }
        }
        let reached = match answer {
            Ok(_) => true,
            Err(error) => error.code.as_deref() == Some("NoSuchBucket"),
        };
        if reached {
            for link in [Link::Policy, Link::Prefix] {
                if self.is(link, LinkState::Unknown) {
                    self.proven(link, "by use: S3 let the role in");
                }
            }
        }
    }

    fn is_explained(&self, link: Link) -> bool {
        let state = self.chain[link].state;
        state != LinkState::Broken
            || self
                .breaks
                .iter()
                .any(|found| found.cause.link == Some(link))
    }
}

fn names(held: &[Held]) -> String {
    let names: Vec<_> = held
        .iter()
        .map(|held| held.name.rsplit('/').next().unwrap_or(&held.name))
        .collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

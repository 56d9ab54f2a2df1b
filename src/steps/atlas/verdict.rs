//! Judges what was seen of the chain, link by link.

use serde_json::Value;

use super::causes::{
    ACCOUNT_MISSING, ACTION_MISSING, BOUNDARY, CLIENT_ID_MISSING, DENIED, NOT_ANNOTATED,
    OTHER_ISSUER, OTHER_ROLE, POLICY_DETACHED, POLICY_MISSING, PREFIX_OTHER, PROVIDER_MISSING,
    ROLE_ELSEWHERE, ROLE_MISSING, TOKEN_AUDIENCE, TOKEN_SUBJECT, TRUST_OTHER,
};
use super::entry::Cause;
use super::evidence::{Evidence, Policies, Walk, bare};
use super::permits::{Held, Verdict, decide};
use super::place::Place;
use super::trust;
use crate::clients::aws::AwsErrorKind;
use crate::engine::{Chain, ChainKind, Link, LinkState};
use crate::steps::aws::permissions::ACTIONS;
use crate::steps::aws::policy::parse;

/// The annotation that names the role to assume.
pub(in crate::steps) const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// The chain as it was found, and what breaks it, in the order of its links.
pub(super) struct Judged {
    pub(super) chain: Chain,
    pub(super) breaks: Vec<Break>,
}

/// What breaks a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) cause: &'static Cause,
    /// What was seen there.
    pub(super) found: String,
}

/// Judges every link.
pub(super) fn judge(place: &Place, evidence: &Evidence) -> Judged {
    let mut bench = Bench {
        place,
        chain: Chain::unknown(ChainKind::IamRole, "not looked at"),
        breaks: Vec::new(),
    };
    bench.account(evidence);
    bench.token(evidence);
    bench.issuer(evidence);
    bench.provider(evidence);
    bench.role_and_trust(evidence);
    bench.policies(evidence);
    bench.bucket(evidence);
    bench.by_use(evidence);
    Judged {
        chain: bench.chain,
        breaks: bench.breaks,
    }
}

struct Bench<'a> {
    place: &'a Place,
    chain: Chain,
    breaks: Vec<Break>,
}

impl Bench<'_> {
    fn proven(&mut self, link: Link, note: impl Into<String>) {
        self.chain.set(link, LinkState::Proven, note);
    }

    fn unknown(&mut self, link: Link, why: impl Into<String>) {
        self.chain.set(link, LinkState::Unknown, why);
    }

    fn broken(&mut self, link: Link, cause: &'static Cause, found: impl Into<String>) {
        let found = found.into();
        let note = self.place.fill(cause.text, &found);
        self.chain.set(link, LinkState::Broken, note);
        self.breaks.push(Break { cause, found });
    }

    fn account(&mut self, evidence: &Evidence) {
        let link = Link::ServiceAccount;
        let account = match &evidence.account {
            Err(why) => return self.unknown(link, why),
            Ok(None) => return self.broken(link, &ACCOUNT_MISSING, "none"),
            Ok(Some(account)) => account,
        };
        match account["metadata"]["annotations"][ROLE_ANNOTATION].as_str() {
            Some(role) if role == self.place.role_arn => {
                let note = format!("annotated with {role}");
                self.proven(link, note);
            }
            Some(role) => self.broken(link, &OTHER_ROLE, role),
            None => {
                // A token leads to the bucket all the same; only a Pod misses the annotation.
                self.broken(link, &NOT_ANNOTATED, "none");
                let note = self.chain[link].note.clone();
                self.unknown(link, note);
            }
        }
    }

    fn token(&mut self, evidence: &Evidence) {
        let claims = match &evidence.claims {
            Err(why) => return self.unknown(Link::Token, why),
            Ok(claims) => claims,
        };
        let subject = text(&claims["sub"]);
        let audiences = match &claims["aud"] {
            Value::Array(audiences) => audiences.iter().map(text).collect(),
            single => vec![text(single)],
        };
        if subject != self.place.subject() {
            self.broken(Link::Token, &TOKEN_SUBJECT, subject);
        } else if !audiences
            .iter()
            .any(|audience| audience == self.place.audience())
        {
            self.broken(Link::Token, &TOKEN_AUDIENCE, audiences.join(", "));
        } else {
            let audience = self.place.audience();
            self.proven(Link::Token, format!("sub {subject}, aud {audience}"));
        }
    }

    /// The token's issuer, the answer's and the one EKS names have to be the same.
    fn issuer(&mut self, evidence: &Evidence) {
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

    fn provider(&mut self, evidence: &Evidence) {
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

    fn role_and_trust(&mut self, evidence: &Evidence) {
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

    fn policies(&mut self, evidence: &Evidence) {
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

    fn bucket(&mut self, evidence: &Evidence) {
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
    fn by_use(&mut self, evidence: &Evidence) {
        let Walk::Answered(session, answer) = &evidence.walk else {
            return;
        };
        self.breaks.retain(|found| found.cause != &TRUST_OTHER);
        for link in [Link::Provider, Link::Trust, Link::Role] {
            let is_open = self.chain[link].state == LinkState::Unknown
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
                if self.chain[link].state == LinkState::Unknown {
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

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".into(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

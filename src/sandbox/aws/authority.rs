//! Whether a principal may do what it asks: its identity policies, its boundary, its session.

use jiff::Timestamp;

use super::caller::{Caller, Identity};
use super::condition::Context;
use super::policy::{Decision, Document, Kind, Request};
use super::state::{AwsState, Grants};

/// A denial, with the reason that AWS would give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("User: {arn} is not authorized to perform: {action} on resource: {resource} {reason}")]
pub(super) struct Denied {
    arn: String,
    action: String,
    resource: String,
    reason: String,
}

/// The documents that count for one principal.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) identity: Vec<Document>,
    pub(super) boundary: Option<Document>,
    pub(super) session: Option<Document>,
}

/// What each part decided, in the order in which a denial is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) identity: Decision,
    pub(super) boundary: Option<Decision>,
    session: Option<Decision>,
}

impl Held {
    /// The documents as deciders see them now.
    pub(super) fn seen(state: &AwsState, caller: &Caller, now: Timestamp) -> Self {
        match &caller.identity {
            Identity::User(name) => state.users.get(name).map_or_else(Self::default, |user| {
                Self::of(state, &user.grants, Some(now))
            }),
            Identity::Session(key) => {
                let Some(session) = state.sessions.get(key) else {
                    return Self::default();
                };
                let mut held = state
                    .roles
                    .get(&session.role)
                    .filter(|role| role.id == session.role_id)
                    .map_or_else(Self::default, |role| {
                        Self::of(state, &role.grants, Some(now))
                    });
                held.session = session.policy.as_deref().map(limit);
                held
            }
        }
    }

    /// The documents of a user or role; without `now`, as the IAM API reads them back.
    pub(super) fn of(state: &AwsState, grants: &Grants, now: Option<Timestamp>) -> Self {
        let attached = grants
            .attached
            .iter()
            .filter(|(_, since)| now.is_none_or(|now| since.seen(now).is_some()))
            .filter_map(|(arn, _)| document(state, arn, now));
        let inline = grants.inline.values().filter_map(|text| match now {
            Some(now) => text.seen(now).map(String::as_str),
            None => Some(&text.current),
        });
        Self {
            identity: attached.chain(inline).filter_map(parse).collect(),
            boundary: grants
                .boundary
                .as_ref()
                .map(|arn| document(state, arn, now).map_or_else(Document::silent, limit)),
            session: None,
        }
    }

    pub(super) fn decide(&self, request: Request<'_>) -> Verdict {
        let limit = |document: &Document| document.decide(request);
        Verdict {
            identity: self
                .identity
                .iter()
                .map(|document| document.decide(request))
                .max()
                .unwrap_or(Decision::ImplicitDeny),
            boundary: self.boundary.as_ref().map(limit),
            session: self.session.as_ref().map(limit),
        }
    }
}

impl Verdict {
    /// All parts in one word.
    pub(super) fn overall(self) -> Decision {
        let parts = [Some(self.identity), self.boundary, self.session];
        let mut parts = parts.into_iter().flatten();
        if parts.clone().any(|part| part == Decision::ExplicitDeny) {
            Decision::ExplicitDeny
        } else if parts.all(|part| part == Decision::Allowed) {
            Decision::Allowed
        } else {
            Decision::ImplicitDeny
        }
    }

    fn reason(self, action: &str) -> Option<String> {
        let parts = [
            (Some(self.identity), "identity-based policy", "an"),
            (self.boundary, "permissions boundary", "a"),
            (self.session, "session policy", "a"),
        ];
        let denying = parts
            .iter()
            .find(|part| part.0 == Some(Decision::ExplicitDeny));
        let silent = parts
            .iter()
            .find(|part| part.0 == Some(Decision::ImplicitDeny));
        match (denying, silent) {
            (Some((_, name, article)), _) => {
                Some(format!("with an explicit deny in {article} {name}"))
            }
            (None, Some((_, name, _))) => {
                Some(format!("because no {name} allows the {action} action"))
            }
            (None, None) => None,
        }
    }
}

/// Lets the principal through, or tells why not.
pub(super) fn authorize(
    state: &AwsState,
    caller: &Caller,
    now: Timestamp,
    request: Request<'_>,
) -> Result<(), Denied> {
    let verdict = Held::seen(state, caller, now).decide(request);
    match verdict.reason(request.action) {
        None => Ok(()),
        Some(reason) => Err(Denied {
            arn: caller.arn.clone(),
            action: request.action.into(),
            resource: request.resource.into(),
            reason,
        }),
    }
}

/// The condition keys that AWS gives for every signed request.
pub(super) fn context(state: &AwsState, caller: &Caller, region: &str, now: Timestamp) -> Context {
    let context = Context::default()
        .with("aws:PrincipalAccount", &state.account)
        .with("aws:userid", &caller.id)
        .with("aws:RequestedRegion", region)
        .with("aws:SourceIp", "127.0.0.1")
        // Real endpoints are only reached by TLS; that these are not must not change a decision.
        .with("aws:SecureTransport", "true")
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", now.as_second().to_string());
    match &caller.identity {
        Identity::User(name) => context
            .with("aws:PrincipalType", "User")
            .with("aws:PrincipalArn", &caller.arn)
            .with("aws:username", name),
        Identity::Session(key) => {
            let role = state
                .sessions
                .get(key)
                .and_then(|session| state.roles.get(&session.role));
            context
                .with("aws:PrincipalType", "AssumedRole")
                .with_all("aws:PrincipalArn", role.map(|role| state.role_arn(role)))
        }
    }
}

fn document<'a>(state: &'a AwsState, arn: &str, now: Option<Timestamp>) -> Option<&'a str> {
    let policy = state.policies.get(arn)?;
    match now {
        Some(now) => policy.seen(now),
        None => policy.current(),
    }
}

/// A limit that cannot be read lets nothing through.
fn limit(text: &str) -> Document {
    parse(text).unwrap_or_else(Document::silent)
}

/// A stored document that cannot be read grants nothing.
fn parse(text: &str) -> Option<Document> {
    Document::parse(text, Kind::Identity).ok()
}

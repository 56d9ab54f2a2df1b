//! STS: who am I, and credentials for those whom a role trusts.

use jiff::{SignedDuration, Timestamp};

use super::authority::{self, Held};
use super::call::{Call, Params, invalid};
use super::caller::{Caller, Identity};
use super::cloud::Cloud;
use super::condition::Context;
use super::policy::{Decision, Document, Kind, Request};
use super::refusal::Refusal;
use super::state::{AwsState, Role, Session};
use super::text::{hex, iso, random, unique_id};
use super::xml::Xml;
use crate::sandbox::web_token::WebToken;

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The one operation that nobody signs: the token is the proof.
pub(super) const WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";

pub(super) fn answer(cloud: &Cloud, operation: &str, call: &Call<'_>) -> Result<Xml, Refusal> {
    match operation {
        // AWS allows this to everyone, even under an explicit deny.
        "GetCallerIdentity" => Ok(cloud
            .store
            .read(|state| caller_identity(state, call.caller))),
        "AssumeRole" => cloud.write(|state| assume_role(state, call)),
        _ => Err(unknown_operation(operation)),
    }
}

pub(super) fn unknown_operation(operation: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {operation} for version 2011-06-15"),
    )
}

fn caller_identity(state: &AwsState, caller: &Caller) -> Xml {
    Xml::new()
        .text("UserId", &caller.id)
        .text("Account", &state.account)
        .text("Arn", &caller.arn)
}

fn assume_role(state: &mut AwsState, call: &Call<'_>) -> Result<Xml, Refusal> {
    let wish = Wish::read(call.params)?;
    let context = authority::context(state, call.caller, call.region, call.now)
        .with("sts:RoleSessionName", wish.session_name);
    let request = Request {
        action: call.action,
        resource: wish.role_arn,
        context: &context,
    };
    let identity = Held::seen(state, call.caller, call.now)
        .decide(request)
        .overall();
    let role = find_role(state, wish.role_arn)
        .filter(|role| may_assume(state, role, call, request, identity))
        .cloned()
        .ok_or_else(|| {
            let message = format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                call.caller.arn, wish.role_arn
            );
            Refusal::new(403, "AccessDenied", message)
        })?;
    open_session(state, &role, &wish, call.now)
}

/// A trust that names the caller itself is enough; one that names the account leaves it to the
/// caller's own policies.
fn may_assume(
    state: &AwsState,
    role: &Role,
    call: &Call<'_>,
    request: Request<'_>,
    identity: Decision,
) -> bool {
    let Some(trust) = trust(role, call.now) else {
        return false;
    };
    let root = state.iam_arn("root");
    let role_of_session = match &call.caller.identity {
        Identity::User(_) => None,
        Identity::Session(key) => state
            .sessions
            .get(key)
            .and_then(|session| state.roles.get(&session.role))
            .map(|role| state.role_arn(role)),
    };
    let is_caller = |kind: &str, value: &str| {
        value == "*"
            || kind == "AWS"
                && (value == call.caller.arn || role_of_session.as_deref() == Some(value))
    };
    let is_account =
        |kind: &str, value: &str| kind == "AWS" && (value == root || value == state.account);
    let directly = trust.decide_trust(request, is_caller);
    let at_all = trust.decide_trust(request, |kind, value| {
        is_caller(kind, value) || is_account(kind, value)
    });
    at_all == Decision::Allowed
        && identity != Decision::ExplicitDeny
        && (directly == Decision::Allowed || identity == Decision::Allowed)
}

/// Exchanges a token for credentials.
pub(super) fn assume_with_web_identity(
    cloud: &Cloud,
    params: &Params,
    now: Timestamp,
) -> Result<Xml, Refusal> {
    let wish = Wish::read(params)?;
    let token = WebToken::read(params.required("WebIdentityToken")?)
        .ok_or_else(|| invalid_token("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))?;
    check_life(&token, now)?;
    let issuer = token.claim("iss").unwrap_or_default();
    let audiences = token.claims("aud");
    let provider = cloud
        .store
        .read(|state| find_provider(state, issuer, &audiences, now))?;
    let keys = (cloud.keys)(issuer)
        .filter(|keys| token.is_signed_by(keys))
        .ok_or_else(|| {
            invalid_token(
                "Couldn't retrieve verification key from your identity provider, please reference \
             AssumeRoleWithWebIdentity documentation for requirements",
            )
        });
    keys?;
    let subject = token.claim("sub").unwrap_or_default();
    let key = |name: &str| format!("{}:{name}", provider.url);
    let context = Context::default()
        .with(&key("sub"), subject)
        .with_all(&key("aud"), audiences.iter().cloned())
        .with_all(&key("amr"), token.claims("amr"))
        .with("aws:FederatedProvider", &provider.arn)
        .with("sts:RoleSessionName", wish.session_name);
    let credentials = cloud.write(|state| {
        let request = Request {
            action: "sts:AssumeRoleWithWebIdentity",
            resource: wish.role_arn,
            context: &context,
        };
        let role = find_role(state, wish.role_arn)
            .filter(|role| {
                trust(role, now).is_some_and(|trust| {
                    trust.decide_trust(request, |kind, value| {
                        value == "*" || kind == "Federated" && value == provider.arn
                    }) == Decision::Allowed
                })
            })
            .cloned()
            .ok_or_else(|| {
                Refusal::new(
                    403,
                    "AccessDenied",
                    "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                )
            })?;
        open_session(state, &role, &wish, now)
    })?;
    Ok(credentials
        .text("SubjectFromWebIdentityToken", subject)
        .text("Provider", &provider.arn)
        .text("Audience", &provider.audience))
}

struct FoundProvider {
    arn: String,
    /// Without the scheme: the prefix of its condition keys.
    url: String,
    /// The audience of the token that the provider knows.
    audience: String,
}

fn find_provider(
    state: &AwsState,
    issuer: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<FoundProvider, Refusal> {
    let url = issuer.strip_prefix("https://").unwrap_or(issuer);
    let found = state
        .providers
        .iter()
        .find(|(_, provider)| provider.url == url);
    let (arn, client_ids) = found
        .and_then(|(arn, provider)| Some((arn, provider.client_ids.seen(now)?)))
        .ok_or_else(|| {
            invalid_token(&format!(
                "No OpenIDConnect provider found in your account for {issuer}"
            ))
        })?;
    let audience = audiences
        .iter()
        .find(|audience| client_ids.contains(*audience))
        .ok_or_else(|| invalid_token("Incorrect token audience"))?;
    Ok(FoundProvider {
        arn: arn.clone(),
        url: url.into(),
        audience: audience.clone(),
    })
}

fn check_life(token: &WebToken, now: Timestamp) -> Result<(), Refusal> {
    let seconds = now.as_second();
    match token.moment("exp") {
        None => return Err(invalid_token("Missing a required claim: exp")),
        Some(end) if now >= end => {
            let message = format!(
                "Token expired: current date/time {seconds} must be before the expiration \
                 date/time {}",
                end.as_second()
            );
            return Err(Refusal::new(400, "ExpiredTokenException", message));
        }
        Some(_) => {}
    }
    match token.moment("nbf") {
        Some(start) if now < start => Err(invalid_token(&format!(
            "Token is not valid yet: current date/time {seconds} must be after {}",
            start.as_second()
        ))),
        _ => Ok(()),
    }
}

fn invalid_token(message: &str) -> Refusal {
    Refusal::new(400, "InvalidIdentityToken", message)
}

/// The parameters that both ways to a role have.
struct Wish<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    seconds: i64,
    policy: Option<&'a str>,
}

impl<'a> Wish<'a> {
    fn read(params: &'a Params) -> Result<Self, Refusal> {
        let role_arn = params.required("RoleArn")?;
        if role_arn.len() < 20 {
            let rule = "Member must have length greater than or equal to 20";
            return Err(invalid("RoleArn", role_arn, rule));
        }
        if !role_arn.starts_with("arn:") {
            return Err(Refusal::validation(format!("{role_arn} is invalid")));
        }
        let session_name = params.required("RoleSessionName")?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
        if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(fits) {
            let rule = "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}";
            return Err(invalid("RoleSessionName", session_name, rule));
        }
        let policy = params.get("Policy");
        if let Some(policy) = policy {
            Document::parse(policy, Kind::Identity)
                .map_err(|malformed| Refusal::malformed_policy(malformed.0))?;
        }
        Ok(Self {
            role_arn,
            session_name,
            seconds: params
                .number("DurationSeconds", 900, 43200)?
                .unwrap_or(3600),
            policy,
        })
    }
}

fn find_role<'a>(state: &'a AwsState, arn: &str) -> Option<&'a Role> {
    state
        .roles
        .values()
        .find(|role| state.role_arn(role) == arn)
}

fn trust(role: &Role, now: Timestamp) -> Option<Document> {
    Document::parse(role.trust.seen(now)?, Kind::Trust).ok()
}

fn open_session(
    state: &mut AwsState,
    role: &Role,
    wish: &Wish<'_>,
    now: Timestamp,
) -> Result<Xml, Refusal> {
    if wish.seconds > role.max_session_seconds {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let (name, policy) = (wish.session_name, wish.policy);
    let (access_key, session) = new_session(state, role, name, wish.seconds, policy, now);
    let credentials = Xml::new()
        .text("AccessKeyId", &access_key)
        .text("SecretAccessKey", &session.secret)
        .text("SessionToken", &session.token)
        .text("Expiration", iso(session.expires_at));
    let principal = Xml::new()
        .text("AssumedRoleId", format!("{}:{}", role.id, session.name))
        .text(
            "Arn",
            format!(
                "arn:aws:sts::{}:assumed-role/{}/{}",
                state.account, role.name, session.name
            ),
        );
    Ok(Xml::new()
        .node("Credentials", credentials)
        .node("AssumedRoleUser", principal))
}

/// Opens a session of a role, whoever may have it. Returns its access key, too.
pub(super) fn new_session(
    state: &mut AwsState,
    role: &Role,
    name: &str,
    seconds: i64,
    policy: Option<&str>,
    now: Timestamp,
) -> (String, Session) {
    let access_key = unique_id("ASIA", 16);
    let session = Session {
        secret: hex(&random::<20>()),
        token: format!("practice-session/{}", hex(&random::<64>())),
        role: role.name.clone(),
        role_id: role.id.clone(),
        name: name.into(),
        expires_at: now + SignedDuration::from_secs(seconds),
        policy: policy.map(str::to_owned),
    };
    // A day is long enough for anyone to learn that a session has expired.
    let day = SignedDuration::from_hours(24);
    state
        .sessions
        .retain(|_, session| session.expires_at + day > now);
    state.sessions.insert(access_key.clone(), session.clone());
    (access_key, session)
}

//! The same words of AWS, once for "not yet" and once for "never". What comes is waited for; what
//! does not is told within seconds, with its cause.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use rok_deploy::engine::{ErrorKind, Event, EventKind, Outcome};
use rok_deploy::sandbox::aws::lagged::Lagged;
use rok_deploy::sandbox::aws::state::{Policy, Role};
use rok_deploy::sandbox::aws::{AwsServer, AwsState};

use super::time;
use super::trial::{Go, Meddler, Trial};
use crate::support::practice::{Practice, ROLE};

/// How long the run may go on once it could know.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);
/// How late things come.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// The proof that asks AWS for what was made.
const PROOF: &str = "rok.storage-access";

/// Words of AWS, what is late when they mean "not yet", and what somebody did when they mean "never".
struct Pair {
    edge: &'static str,
    words: &'static str,
    late: fn(&mut AwsState, Timestamp),
    breaks: fn(&mut AwsState),
    /// What the run must name.
    cause: &'static str,
}

const ASSUME: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
const PROVIDER: &str = "No OpenIDConnect provider found in your account";
const DENIED: &str = "s3:ListObjectVersions: AccessDenied";

static PAIRS: [Pair; 9] = [
    Pair {
        edge: "role",
        words: ASSUME,
        late: late_role,
        breaks: |aws| {
            retrust(
                aws,
                "system:serviceaccount:rok:",
                "system:serviceaccount:other:",
            );
        },
        cause: "is for another subject",
    },
    Pair {
        edge: "role",
        words: ASSUME,
        late: late_role,
        breaks: |aws| retrust(aws, "\"sts.amazonaws.com\"", "\"another\""),
        cause: "is for another audience",
    },
    Pair {
        edge: "role",
        words: ASSUME,
        late: late_role,
        breaks: |aws| drop(aws.roles.remove(ROLE)),
        cause: "does not exist",
    },
    Pair {
        edge: "provider",
        words: PROVIDER,
        late: |aws, at| {
            for provider in aws.providers.values_mut() {
                provider.client_ids = Lagged::new(provider.client_ids.current.clone(), at);
            }
        },
        breaks: |aws| aws.providers.clear(),
        cause: "has no IAM OIDC provider for issuer",
    },
    Pair {
        edge: "attachment",
        words: DENIED,
        late: |aws, at| {
            for attached in role(aws).grants.attached.values_mut() {
                *attached = Lagged::new((), at);
            }
        },
        breaks: |aws| role(aws).grants.attached.clear(),
        cause: "is not attached to role",
    },
    Pair {
        edge: "policy",
        words: DENIED,
        late: late_policy,
        breaks: |aws| rewrite(aws, "s3:*", "s3:GetObject"),
        cause: "allows s3:",
    },
    Pair {
        edge: "policy",
        words: DENIED,
        late: late_policy,
        breaks: |aws| rewrite(aws, ":::rok-", ":::another-"),
        cause: "is for another bucket prefix",
    },
    Pair {
        edge: "policy",
        words: DENIED,
        late: late_policy,
        breaks: |aws| rewrite(aws, "Allow", "Deny"),
        cause: "denies outright",
    },
    Pair {
        edge: "policy",
        words: DENIED,
        late: late_policy,
        breaks: |aws| {
            let mut boundary = ours(aws).clone();
            boundary.arn = boundary.arn.replace("policy/", "policy/limits/");
            boundary.versions[0].document = boundary.versions[0].document.replace("s3:*", "ec2:*");
            role(aws).grants.boundary = Some(boundary.arn.clone());
            aws.policies.insert(boundary.arn.clone(), boundary);
        },
        cause: "permissions boundary",
    },
];

fn late_role(aws: &mut AwsState, at: Timestamp) {
    let trust = &mut role(aws).trust;
    *trust = Lagged::new(trust.current.clone(), at);
}

fn late_policy(aws: &mut AwsState, at: Timestamp) {
    let version = &mut ours(aws).default_version;
    *version = Lagged::new(version.current, at);
}

fn role(aws: &mut AwsState) -> &mut Role {
    aws.roles.get_mut(ROLE).expect("the run has made it")
}

fn ours(aws: &mut AwsState) -> &mut Policy {
    let mut policies = aws.policies.values_mut();
    let ours = policies.find(|policy| policy.name == ROLE);
    ours.expect("the run has made it")
}

fn retrust(aws: &mut AwsState, from: &str, to: &str) {
    let trust = &mut role(aws).trust;
    *trust = Lagged::settled(replaced(&trust.current, from, to));
}

fn rewrite(aws: &mut AwsState, from: &str, to: &str) {
    let policy = ours(aws);
    policy.default_version = Lagged::settled(policy.default_version.current);
    for version in &mut policy.versions {
        version.document = replaced(&version.document, from, to);
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

#[test]
fn what_comes_late_is_waited_for() {
    for pair in distinct() {
        let late = pair.late;
        let go = go(Box::new(move |event, aws| {
            if begins_the_proof(event) {
                change(aws, |state| late(state, event.at + LATE));
            }
        }));
        assert_eq!(go.end, Ok(Outcome::Done), "{}", pair.cause);
        let waited = settling(&go).last().expect("it had to wait").1;
        assert!(waited > LATE - AT_ONCE, "{}: {waited}", pair.cause);
        for (reason, _) in settling(&go) {
            assert!(reason.contains(pair.words), "{reason}");
        }
    }
}

#[test]
fn what_never_comes_is_told_at_once() {
    for pair in &PAIRS {
        let breaks = pair.breaks;
        let go = go(Box::new(move |event, aws| {
            if begins_the_proof(event) {
                change(aws, breaks);
            }
        }));
        let began = go.events.iter().find(|event| begins_the_proof(event));
        let began = began.expect("the proof began").at;
        tells_the_cause(pair, &go, began);
    }
}

#[test]
fn what_will_no_longer_come_is_told_at_once() {
    for pair in distinct() {
        let (late, breaks) = (pair.late, pair.breaks);
        let broken = Rc::new(Cell::new(None));
        let noted = Rc::clone(&broken);
        let go = go(Box::new(move |event, aws| match &event.event {
            EventKind::StepSettling { waited_ms, .. }
                if *waited_ms > 120_000 && noted.get().is_none() =>
            {
                noted.set(Some(event.at));
                change(aws, breaks);
            }
            _ if begins_the_proof(event) => change(aws, |state| late(state, event.at + LATE)),
            _ => {}
        }));
        tells_the_cause(pair, &go, broken.get().expect("it was waited for"));
    }
}

/// One pair for each edge that can be late.
fn distinct() -> impl Iterator<Item = &'static Pair> {
    PAIRS
        .chunk_by(|one, next| one.edge == next.edge)
        .map(|pairs| &pairs[0])
}

/// The run fails with the words that it would have waited for, and says what they mean here.
fn tells_the_cause(pair: &Pair, go: &Go, known: Timestamp) {
    assert_eq!(go.end, Ok(Outcome::Verification), "{}", pair.cause);
    let failed = go.events.iter().find_map(|event| match &event.event {
        EventKind::StepFailed { step, error } if step == PROOF => Some((event.at, error)),
        _ => None,
    });
    let (at, error) = failed.expect("the proof failed");
    assert_eq!(error.kind, ErrorKind::Verification);
    assert!(error.message.contains(pair.cause), "{error}");
    assert!(error.message.contains(pair.words), "{error}");
    assert!(!error.hints.is_empty(), "{error}");
    let took = at.duration_since(known);
    assert!(took <= AT_ONCE, "{}: {took} after it was so", pair.cause);
    let end = go.events.last().expect("a run has events").at;
    assert!(end.duration_since(known) <= AT_ONCE, "{}", pair.cause);
}

fn go(meddler: Meddler) -> Go {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let practice = Practice::new();
    time::runtime().block_on(async {
        let trial = Trial::new(&practice.env.state_dir(), &["--no-pod"]);
        let mut goes = trial.with_meddler(meddler).go_on(None, 1).await;
        goes.remove(0)
    })
}

fn begins_the_proof(event: &Event) -> bool {
    matches!(&event.event, EventKind::StepObserving { step } if step == PROOF)
}

fn settling(go: &Go) -> impl Iterator<Item = (&str, SignedDuration)> {
    go.events.iter().filter_map(|event| match &event.event {
        EventKind::StepSettling {
            step,
            reason,
            waited_ms,
            ..
        } if step == PROOF => {
            let waited = i64::try_from(*waited_ms).expect("it is minutes");
            Some((reason.as_str(), SignedDuration::from_millis(waited)))
        }
        _ => None,
    })
}

fn change(aws: &AwsServer, change: impl FnOnce(&mut AwsState)) {
    let changed = aws.state().write(|state| {
        change(state);
        Ok::<_, Infallible>(())
    });
    let Ok(()) = changed.expect("the world is on disk");
}

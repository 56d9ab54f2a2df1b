//! The Lease that keeps two runs apart: taken, renewed, waited for, lost and given back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rok_deploy::clients::cluster::LeaseInfo;
use rok_deploy::engine::ports::Clock;
use rok_deploy::steps::cluster::{HoldCluster, Operator};
use tokio::sync::watch;

use super::*;

const LEASES: &str = "coordination.k8s.io";

/// A clock that stands until it is told to go on.
#[derive(Clone)]
struct Standing(Arc<watch::Sender<jiff::Timestamp>>);

impl Standing {
    fn at(time: &str) -> Self {
        Self(Arc::new(watch::Sender::new(time.parse().expect("a time"))))
    }

    fn pass(&self, seconds: u64) {
        self.0
            .send_modify(|now| *now += Duration::from_secs(seconds));
    }
}

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> jiff::Timestamp {
        *self.0.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now() + duration;
        let mut now = self.0.subscribe();
        now.wait_for(|now| *now >= until)
            .await
            .expect("it is held here");
    }
}

/// A run of somebody: its step, its clock, and its id.
struct Run {
    step: HoldCluster,
    clock: Standing,
    id: &'static str,
}

impl Run {
    /// A run on a machine whose clock shows this time.
    fn of(practice: &Practice, user: &str, id: &'static str, time: &str) -> Self {
        Self::with(practice, user, id, time, |_| false)
    }

    fn with(
        practice: &Practice,
        user: &str,
        id: &'static str,
        time: &str,
        is_over: fn(&str) -> bool,
    ) -> Self {
        let clock = Standing::at(time);
        let operator = Operator {
            user: user.into(),
            host: "laptop".into(),
            pid: 4711,
            state: format!("state of {user}"),
            is_over: Arc::new(is_over),
            clock: Arc::new(clock.clone()),
        };
        Self {
            step: HoldCluster::new(practice.access(), operator, "cluster.uid"),
            clock,
            id,
        }
    }

    fn context(&self, planning: bool) -> Context {
        Context {
            run: self.id.into(),
            acted: BTreeSet::new(),
            planning,
            handed_off: false,
        }
    }

    async fn look(&self) -> Observation {
        let (facts, context) = (Facts::default(), self.context(false));
        let seen = self.step.check(&facts, &context).await;
        seen.expect("it looks")
    }

    async fn act(&self) -> Result<(), StepError> {
        self.step
            .apply(&Facts::default(), &self.context(false))
            .await
    }

    async fn take(&self) {
        let seen = self.look().await;
        assert!(is_differing(&seen), "{seen:?}");
        self.act().await.expect("it is free");
        assert!(is_satisfied(&self.look().await));
        self.step.keep().await.expect("it is held");
    }

    /// What another run is waited for with, and what the step fails with in the end.
    async fn waits(&self) -> (String, StepError) {
        let seen = self.look().await;
        match (seen.finding, seen.otherwise) {
            (Finding::Pending { reason }, Some(error)) => (reason, *error),
            other => panic!("{} does not wait: {other:?}", self.id),
        }
    }
}

async fn lease(practice: &Practice) -> Option<LeaseInfo> {
    let access = practice.access();
    let client = access.client().await.expect("the practice cluster");
    client
        .lease("default", "rok-deploy")
        .await
        .expect("it may be read")
}

fn deny(practice: &Practice, verb: &str) {
    let server = practice.sandbox.cluster().expect("this process serves");
    server
        .deny(verb, LEASES, "leases", None)
        .expect("the world is writable");
}

/// Removes the Lease, as somebody with kubectl would.
async fn remove(practice: &Practice) {
    let access = practice.access();
    let client = access.client().await.expect("the practice cluster");
    let object = serde_json::json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "rok-deploy", "namespace": "default"}});
    assert!(client.delete(&object).await.expect("it may be deleted"));
}

const NOON: &str = "2024-05-01T12:00:00Z";
/// What the clock of another machine shows at noon.
const WRONG: &str = "2024-05-01T09:30:00Z";

#[tokio::test]
async fn two_runs_take_turns_and_each_says_who_it_is() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    let bob = Run::of(&practice, "bob", "run-b", WRONG);
    let plan = alice
        .step
        .check(&Facts::default(), &alice.context(true))
        .await;
    assert!(is_satisfied(&plan.unwrap()), "a plan takes nothing");
    assert_eq!(lease(&practice).await, None);

    alice.take().await;
    let (reason, error) = bob.waits().await;
    for part in [
        "alice@laptop (pid 4711)",
        "since 2024-05-01T12:00:00Z",
        "run run-a",
    ] {
        assert!(reason.contains(part), "{reason}");
        assert!(error.message.contains(part), "{error}");
    }
    assert!(reason.ends_with("free in 30 s unless renewed"), "{reason}");
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.hints[0].contains("on laptop with Ctrl-C or `kill 4711`"));
    let held = lease(&practice).await.unwrap().claim.unwrap();
    assert_eq!(held.holder, "alice@laptop/run-a");
    assert_eq!(held.duration, Some(Duration::from_secs(30)));

    alice.step.release().await;
    assert_eq!(lease(&practice).await, None, "nothing is left of a run");
    bob.take().await;
    bob.step.release().await;
}

#[tokio::test]
async fn who_renews_it_is_waited_for_and_who_does_not_is_followed() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    let bob = Run::of(&practice, "bob", "run-b", WRONG);
    alice.take().await;
    let first = lease(&practice).await.unwrap();
    bob.waits().await;
    bob.clock.pass(29);
    let (reason, _) = bob.waits().await;
    assert!(reason.ends_with("free in 1 s unless renewed"), "{reason}");

    alice.clock.pass(10);
    let renewed = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            let now = lease(&practice).await.unwrap();
            if now.version != first.version {
                break now;
            }
        }
    });
    let renewed = renewed.await.expect("it is renewed").claim.unwrap();
    assert_eq!(
        renewed.renewed,
        Some("2024-05-01T12:00:10Z".parse().unwrap())
    );
    assert_eq!(renewed.acquired, first.claim.unwrap().acquired);

    // The renewal counts from when it is seen, whatever the clock says that wrote it.
    bob.clock.pass(29);
    let (reason, _) = bob.waits().await;
    assert!(reason.ends_with("free in 30 s unless renewed"), "{reason}");
    drop(alice);
    bob.clock.pass(30);
    bob.take().await;
    let Finding::Satisfied { note } = bob.look().await.finding else {
        panic!("it is held");
    };
    assert!(note.starts_with("taken over from alice@laptop"), "{note}");
}

#[tokio::test]
async fn who_slept_too_long_learns_who_has_it_now() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    let bob = Run::of(&practice, "bob", "run-b", NOON);
    alice.take().await;
    bob.waits().await;
    bob.clock.pass(30);
    bob.take().await;

    alice.step.keep().await.expect("it cannot know yet");
    alice.clock.pass(40);
    let error = alice.step.keep().await.unwrap_err();
    assert!(
        error.message.contains("was taken by bob@laptop (pid 4711)"),
        "{error}"
    );
    assert!(!error.retry);
    alice.step.keep().await.expect_err("it stays lost");
    alice.step.release().await;
    let holder = lease(&practice).await.unwrap().claim.unwrap().holder;
    assert_eq!(holder, "bob@laptop/run-b", "what is not ours is left alone");
    bob.step.keep().await.expect("it is held");
}

#[tokio::test]
async fn a_sleep_or_a_strangers_hand_loses_nothing() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    alice.take().await;
    // The lid was closed for an hour, and nobody came.
    alice.clock.pass(3_600);
    alice.step.keep().await.expect("nobody has touched it");

    remove(&practice).await;
    alice.clock.pass(25);
    alice.step.keep().await.expect("it is made again");
    let holder = lease(&practice).await.unwrap().claim.unwrap().holder;
    assert_eq!(holder, "alice@laptop/run-a");
    alice.step.release().await;
    assert_eq!(lease(&practice).await, None);
}

#[tokio::test]
async fn a_dead_run_of_the_same_state_directory_is_followed_at_once() {
    let practice = Practice::new().await;
    let dead = Run::of(&practice, "alice", "run-a", NOON);
    dead.take().await;
    drop(dead);

    Run::with(&practice, "alice", "run-b", NOON, |_| false)
        .waits()
        .await;
    // Its state directory is another one, whatever that says about the run.
    Run::with(&practice, "bob", "run-b", NOON, |_| true)
        .waits()
        .await;
    let next = Run::with(&practice, "alice", "run-b", NOON, |run| run == "run-a");
    next.take().await;
    drop(next);
    // The same run, resumed: whether its journal is held is no question.
    let resumed = Run::with(&practice, "alice", "run-b", NOON, |_| false);
    resumed.take().await;
    resumed.step.release().await;
    assert_eq!(lease(&practice).await, None);
}

#[tokio::test]
async fn of_two_who_see_it_free_one_gets_it() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    let bob = Run::of(&practice, "bob", "run-b", NOON);
    for _ in 0..2 {
        // Absent first, then left behind by somebody who is gone.
        assert!(is_differing(&alice.look().await));
        assert!(is_differing(&bob.look().await));
        alice.act().await.expect("the first");
        let error = bob.act().await.unwrap_err();
        assert!(
            error.retry && error.message.contains("was faster"),
            "{error}"
        );
        bob.waits().await;
        alice.step.release().await;
        let gone = Run::of(&practice, "carol", "run-c", NOON);
        gone.take().await;
        for run in [&alice, &bob] {
            run.waits().await;
            run.clock.pass(30);
        }
    }
}

#[tokio::test]
async fn who_may_not_use_leases_works_without_and_is_told() {
    for verb in ["get", "create"] {
        let practice = Practice::new().await;
        deny(&practice, verb);
        let alice = Run::of(&practice, "alice", "run-a", NOON);
        let seen = alice.look().await;
        if is_differing(&seen) {
            alice.act().await.expect("no reason to fail");
        }
        let seen = alice.look().await;
        assert!(is_satisfied(&seen), "{seen:?}");
        let [notice] = &seen.notices[..] else {
            panic!("{seen:?}");
        };
        assert!(
            notice.starts_with("nothing keeps two runs apart") && notice.contains("forbidden"),
            "{notice}"
        );
        alice.clock.pass(60);
        alice.step.keep().await.expect("there is nothing to keep");
        alice.step.release().await;
    }
}

#[tokio::test]
async fn a_renewal_that_fails_keeps_the_next_act_waiting() {
    let practice = Practice::new().await;
    let alice = Run::of(&practice, "alice", "run-a", NOON);
    let error = alice.step.keep().await.unwrap_err();
    assert!(error.message.contains("does not hold"), "{error}");
    alice.take().await;
    deny(&practice, "update");
    alice.clock.pass(5);
    alice
        .step
        .keep()
        .await
        .expect("it was renewed a moment ago");
    alice.clock.pass(20);
    let error = alice.step.keep().await.unwrap_err();
    assert!(
        error.retry && error.message.starts_with("cannot renew Lease"),
        "{error}"
    );
    let server = practice.sandbox.cluster().expect("this process serves");
    server.allow_all().expect("the world is writable");
    alice.step.keep().await.expect("it is renewed");
    alice.step.release().await;
}

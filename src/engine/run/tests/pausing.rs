//! The operator's login ends on the way: the run waits for another one and goes on where it was.

use super::*;
use crate::engine::ErrorKind;

/// What services say to somebody who has to log in again.
fn logged_out() -> StepError {
    StepError::new(
        ErrorKind::Credentials,
        "ExpiredToken: the token has expired",
    )
    .hint("aws sso login --profile rok")
}

/// Changes the world, which shows only to who is logged in again: after so many looks.
fn logged_out_after_acting(world: &World, id: &'static str, looks: usize) -> Fake {
    Fake::new(world, id).looks(move |world, _| async move {
        match (world.has(id), world.looks(id)) {
            (false, _) => Ok(Observation::differs(vec![thing(id)])),
            (true, seen) if seen < looks => Err(logged_out()),
            (true, _) => Ok(Observation::satisfied("shows")),
        }
    })
}

fn paused(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StepPaused { .. })
}

fn went_on(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StepWentOn { .. })
}

#[tokio::test]
async fn it_goes_on_at_the_same_step_and_acts_once() {
    let world = World::default();
    let steps = [
        logged_out_after_acting(&world, "a.one", 6),
        Fake::new(&world, "a.two").after(&["a.one"]),
    ];
    let log = Bench::of(steps).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(world.acts(), ["a.one", "a.two"]);
    assert_eq!(log.count(paused), 1, "it is said once, not at every look");
    assert!(log.place(paused) < log.place(went_on));
    let waited = log.kinds().find_map(|kind| match kind {
        EventKind::StepWentOn { paused_ms, .. } => Some(*paused_ms),
        _ => None,
    });
    assert!(waited.is_some_and(|waited| waited >= 5_000), "{waited:?}");
}

#[tokio::test]
async fn a_refused_act_is_looked_at_before_it_is_tried_again() {
    let world = World::default();
    let tries = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&tries);
    let step = Fake::new(&world, "a.one").acts(move |world| {
        let mut tries = counted.lock().unwrap();
        *tries += 1;
        let refused = *tries == 1;
        if !refused {
            world.add("a.one");
        }
        async move { if refused { Err(logged_out()) } else { Ok(()) } }
    });
    let before = Fake::new(&world, "a.before");
    let log = Bench::of([before, step.after(&["a.before"])]).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!((*tries.lock().unwrap(), log.count(paused)), (2, 1));
}

#[tokio::test]
async fn nobody_logs_in() {
    let world = World::default();
    let steps = [logged_out_after_acting(&world, "a.one", usize::MAX)];
    let log = Bench::of(steps).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    let [(_, error)] = &log.errors()[..] else {
        panic!("{:?}", log.errors())
    };
    assert_eq!(error.hints, logged_out().hints);
    assert!(log.state().is_worth_resuming());
    // A quarter of an hour, a look every five seconds.
    let looks = world.looks("a.one");
    assert!((170..=190).contains(&looks), "{looks}");
}

#[tokio::test]
async fn who_waits_can_be_stopped() {
    let world = World::default();
    let steps = [logged_out_after_acting(&world, "a.one", usize::MAX)];
    let log = Bench::of(steps)
        .run_with(|kind| {
            if paused(kind) {
                cancel()
            } else {
                approve(kind)
            }
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
    let doubt: Vec<_> = log.state().in_doubt().map(|step| step.id.clone()).collect();
    assert_eq!(doubt, ["a.one"], "it acted and was not seen");
}

#[tokio::test]
async fn before_anything_has_begun_nobody_is_waited_for() {
    let world = World::default();
    let log = Bench::of([Fake::new(&world, "a.one").sees(Err(logged_out()))])
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!((log.count(paused), world.acts().len()), (0, 0));

    let refused = Fake::new(&world, "a.one").acts(|_| async { Err(logged_out()) });
    let log = Bench::of([refused]).run().await;
    assert_eq!((log.outcome(), log.count(paused)), (Outcome::Failed, 0));
}

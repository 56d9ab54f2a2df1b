//! Being told to stop: once, twice, and at awkward moments.

use tokio::sync::Notify;

use super::*;

#[tokio::test]
async fn stopping_while_planning_changes_nothing() {
    let world = World::default();
    let stuck = Fake::new(&world, "a.one").looks(|_, _| std::future::pending());
    let log = Bench::of([stuck])
        .run_with(|kind| match kind {
            EventKind::StepObserving { .. } => cancel(),
            _ => Vec::new(),
        })
        .await;
    assert_eq!(
        log.end(),
        (
            Outcome::Interrupted,
            "Stopped while planning; nothing was changed.".into()
        )
    );
}

#[tokio::test]
async fn stopping_instead_of_approving_changes_nothing() {
    for approval in [Approval::Plan, Approval::Task, Approval::Step] {
        let world = World::default();
        let log = Bench::of([Fake::new(&world, "a.one")])
            .approval(approval)
            .run_with(|kind| match kind {
                EventKind::ApprovalNeeded { .. } => vec![Command::Cancel(Signal::Terminate)],
                _ => Vec::new(),
            })
            .await;
        assert_eq!(log.outcome(), Outcome::Terminated, "{approval:?}");
        assert!(world.acts().is_empty());
    }
}

#[tokio::test]
async fn the_first_stop_finishes_the_act_and_starts_no_other() {
    let world = World::default();
    let told = Arc::new(Notify::new());
    let hearing = Arc::clone(&told);
    let slow = Fake::new(&world, "a.slow").acts(move |world| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            world.add("a.slow");
            Ok(())
        }
    });
    let bench = Bench::of([slow, Fake::new(&world, "a.next").after(&["a.slow"])]);
    let log = bench
        .run_with(|kind| match kind {
            kind if is_acting(kind, "a.slow") => cancel(),
            EventKind::StopRequested { now, .. } => {
                assert!(!now);
                hearing.notify_one();
                Vec::new()
            }
            _ => Vec::new(),
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
    assert_eq!(log.done("a.slow"), Some(StepOutcome::Changed));
    assert_eq!(world.acts(), ["a.slow"]);
    assert!(
        log.summary()
            .starts_with("Stopped after 1 step has changed"),
        "{}",
        log.summary()
    );
}

#[tokio::test]
async fn the_first_stop_ends_all_waiting() {
    let world = World::default();
    let waits = Fake::new(&world, "a.one")
        .looks(|_, _| async { Ok(Observation::differs(vec![thing("a.one")])) });
    let log = Bench::of([waits])
        .stand()
        .run_with(|kind| match kind {
            EventKind::StepSettling { .. } => cancel(),
            _ => Vec::new(),
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
    let state = log.state();
    assert_eq!(state.in_doubt().count(), 1, "it acted and was not seen");
    assert!(state.is_unfinished());
}

#[tokio::test]
async fn the_second_stop_waits_for_nothing() {
    let world = World::default();
    let stuck = Fake::new(&world, "a.one").acts(|_| std::future::pending());
    let log = Bench::of([stuck])
        .run_with(|kind| match kind {
            kind if is_acting(kind, "a.one") => [cancel(), cancel()].concat(),
            _ => Vec::new(),
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
    assert!(log.summary().contains("in doubt"));
    assert_eq!(log.state().stopping, Some(true));
    let doubt: Vec<_> = log.state().in_doubt().map(|step| step.id.clone()).collect();
    assert_eq!(doubt, ["a.one"]);
}

#[tokio::test]
async fn after_a_failure_a_second_stop_ends_what_still_runs() {
    let world = World::default();
    let bench = Bench::of([
        Fake::new(&world, "a.broken").acts(|_| async { Err(StepError::failed("is refused")) }),
        Fake::new(&world, "a.stuck").acts(|_| std::future::pending()),
    ]);
    let log = bench
        .run_with(|kind| match kind {
            EventKind::StepFailed { .. } | EventKind::StopRequested { now: false, .. } => cancel(),
            _ => Vec::new(),
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
}

/// Two steps. The second looks again once the first has acted, and waits there for `gate`.
fn gated(world: &World, gate: &Arc<Notify>) -> [Fake; 2] {
    let gate = Arc::clone(gate);
    let second = Fake::new(world, "a.two")
        .after(&["a.one"])
        .looks(move |world, _| {
            let gate = Arc::clone(&gate);
            async move {
                if world.looks("a.two") == 2 {
                    gate.notified().await;
                }
                Ok(if world.has("a.two") {
                    Observation::satisfied("is there")
                } else {
                    Observation::differs(vec![thing("a.two")])
                })
            }
        });
    [Fake::new(world, "a.one"), second]
}

#[tokio::test]
async fn a_stop_is_heard_before_the_next_act_and_the_run_goes_on_from_there() {
    let world = World::default();
    let gate = Arc::new(Notify::new());
    let mut sent = false;
    let first = {
        let bench = Bench::of(gated(&world, &gate));
        let mut handle = bench.start();
        let mut events = Vec::new();
        while let Some(event) = handle.events.recv().await {
            if is_done(&event.event, "a.one") {
                // The command is under way before the step can ask to act.
                sent = handle.commands.send(cancel().remove(0)).is_ok();
                gate.notify_one();
            }
            events.push(event);
        }
        Log(events)
    };
    assert!(sent);
    assert_eq!(first.outcome(), Outcome::Interrupted);
    assert_eq!(world.acts(), ["a.one"]);

    let state = first.state();
    let second = Bench::of(gated(&world, &gate))
        .approval(Approval::Plan)
        .earlier(Earlier::of(state))
        .run()
        .await;
    assert_eq!(second.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.one", "a.two"]);
    let both = RunState::of(first.0.iter().chain(&second.0));
    assert!(!both.is_unfinished());
    assert_eq!(both.acted.len(), 2);
}

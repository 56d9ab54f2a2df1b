//! What a run takes for itself while it writes: taken first, asked about before every act, given
//! back in the end, and waited for when somebody else has it.

use super::*;

fn lease(world: &World) -> Fake {
    Fake::new(world, "a.lease")
        .phase(Phase::Verify)
        .when(When::BeforeWrites)
}

/// Somebody else has it for the first `looks` looks; then `ends` happens in the world, and it is free.
fn held_for(world: &World, looks: usize, ends: fn(&World)) -> Fake {
    lease(world).looks(move |world, _| async move {
        let look = world.looks("a.lease");
        if look <= looks {
            let error = StepError::failed("alice works on it");
            return Ok(Observation::pending("alice has it").otherwise(error));
        }
        if look == looks + 1 {
            ends(&world);
        }
        Ok(if world.has("a.lease") {
            Observation::satisfied("is ours")
        } else {
            Observation::differs(vec![thing("a.lease")])
        })
    })
}

fn settled(log: &Log) -> Vec<String> {
    log.kinds()
        .filter_map(|kind| match kind {
            EventKind::StepSettling { step, reason, .. } if step == "a.lease" => {
                Some(reason.clone())
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn it_is_taken_before_the_first_write_and_given_back_after_the_last() {
    let world = World::default();
    let log = Bench::of([
        Fake::new(&world, "a.cloud"),
        Fake::new(&world, "a.proof").phase(Phase::Verify),
        lease(&world),
    ])
    .run()
    .await;
    assert_eq!(
        log.end(),
        (
            Outcome::Done,
            "Everything is in place: 1 changed, 0 unchanged, 2 verified.".into()
        )
    );
    assert_eq!(
        world.acts(),
        ["a.lease", "a.cloud", "a.proof", "a.lease back"]
    );
    assert_eq!(log.done("a.lease"), Some(StepOutcome::Verified));
    assert!(
        !log.kinds().any(|kind| is_acting(kind, "a.lease")),
        "no change is announced"
    );
    assert!(!log.state().acted.contains("a.lease"));
}

#[tokio::test]
async fn it_is_no_change_and_nobody_is_asked_about_it() {
    for approval in [Approval::Plan, Approval::Task, Approval::Step] {
        let world = World::default();
        let log = Bench::of([lease(&world), Fake::new(&world, "a.cloud")])
            .approval(approval)
            .run_with(approve)
            .await;
        assert_eq!(log.outcome(), Outcome::Done, "{approval:?}");
        assert_eq!(log.asked().len(), 1, "{approval:?}");
        assert!(
            log.kinds()
                .any(|kind| matches!(kind, EventKind::PlanReady { changes: 1, .. }))
        );
    }
}

#[tokio::test]
async fn a_plan_tells_who_has_it_and_is_the_same_plan() {
    let fingerprint = async |lease: Fake, world: &World| {
        let log = Bench::of([lease, Fake::new(world, "a.cloud")])
            .plan_only()
            .run()
            .await;
        assert_eq!(log.outcome(), Outcome::PlanPending);
        assert!(world.acts().is_empty());
        log.state().plan
    };
    let (free, held) = (World::default(), World::default());
    assert_eq!(
        fingerprint(lease(&free), &free).await,
        fingerprint(held_for(&held, 9, |_| ()), &held).await
    );
}

#[tokio::test]
async fn a_run_that_writes_nothing_does_without() {
    let world = World::default();
    world.add("a.cloud");
    let log = Bench::of([lease(&world), Fake::new(&world, "a.cloud")])
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), [""; 0]);

    // A proof that writes needs it.
    let mut proof = Fake::new(&world, "a.proof").phase(Phase::Verify);
    proof.meta.touches = Some("makes a thing");
    let log = Bench::of([lease(&world), Fake::new(&world, "a.cloud"), proof])
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.lease", "a.proof", "a.lease back"]);
}

#[tokio::test]
async fn who_has_it_is_waited_for_and_what_they_made_is_not_made_again() {
    // Held while planning, or only when the run begins to act.
    for looks in [1, 7] {
        let world = World::default();
        let bench = Bench::of([
            held_for(&world, looks, |world| world.add("a.cloud")),
            Fake::new(&world, "a.cloud"),
        ]);
        let log = bench.run().await;
        assert_eq!(log.outcome(), Outcome::Done);
        assert_eq!(world.acts(), ["a.lease", "a.lease back"], "{looks} looks");
        assert_eq!(log.done("a.cloud"), Some(StepOutcome::Unchanged));
        let settled = settled(&log);
        assert_eq!(settled.len(), looks - 1);
        assert!(settled.iter().all(|reason| reason.contains("alice has it")));
    }
}

#[tokio::test]
async fn the_wait_has_a_limit_and_says_who_works_on_it() {
    let world = World::default();
    let mut bench = Bench::of([
        held_for(&world, usize::MAX, |_| ()),
        Fake::new(&world, "a.cloud"),
    ]);
    bench.options.wait = Some(Duration::from_secs(20));
    let log = bench.run().await;
    assert_eq!(
        log.end(),
        (
            Outcome::Failed,
            "`a.lease`: gave up after 20 s: alice works on it.".into()
        )
    );
    assert_eq!(world.acts(), [""; 0]);
}

#[tokio::test]
async fn who_was_faster_is_waited_for_too() {
    let world = World::default();
    let raced = held_for(&world, 0, |_| ()).acts(|world| async move {
        if world.acts_of("a.lease") == 1 {
            return Err(StepError::failed("somebody was faster").retryable());
        }
        world.add("a.lease");
        Ok(())
    });
    let log = Bench::of([raced, Fake::new(&world, "a.cloud")]).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(
        world.acts(),
        ["a.lease", "a.lease", "a.cloud", "a.lease back"]
    );
}

#[tokio::test]
async fn once_it_is_lost_nothing_more_is_done() {
    let world = World::default();
    let lost = lease(&world).keeps(|world| {
        if world.has("a.one") {
            return Err(StepError::failed("bob has taken it").hint("wait for bob"));
        }
        Ok(())
    });
    let steps = [
        lost,
        Fake::new(&world, "a.one"),
        Fake::new(&world, "a.two").after(&["a.one"]),
    ];
    let log = Bench::of(steps).run().await;
    assert_eq!(
        log.end(),
        (Outcome::Failed, "`a.two`: bob has taken it.".into())
    );
    assert_eq!(world.acts(), ["a.lease", "a.one", "a.lease back"]);
    assert!(log.state().is_worth_resuming());
}

#[tokio::test]
async fn a_renewal_that_fails_in_passing_is_waited_for() {
    let world = World::default();
    let tries = Arc::new(Mutex::new(0));
    let shaky = lease(&world).keeps(move |_| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries < 3 {
            return Err(StepError::failed("no answer").retryable());
        }
        Ok(())
    });
    let log = Bench::of([shaky, Fake::new(&world, "a.cloud")]).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.lease", "a.cloud", "a.lease back"]);
}

#[tokio::test]
async fn it_is_given_back_however_the_run_ends() {
    let failing = |world: &World| {
        Fake::new(world, "a.cloud").acts(|_| async { Err(StepError::failed("the cloud is full")) })
    };
    let world = World::default();
    let log = Bench::of([lease(&world), failing(&world)]).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!(world.acts().last().unwrap(), "a.lease back");

    for signals in [1, 2] {
        let world = World::default();
        let waits = Fake::new(&world, "a.cloud").sees(Ok(Observation::pending("not yet")));
        let log = Bench::of([lease(&world), waits])
            .stand()
            .run_with(|kind| match kind {
                EventKind::StepSettling { .. } => (0..signals).flat_map(|_| cancel()).collect(),
                _ => Vec::new(),
            })
            .await;
        assert_eq!(log.outcome(), Outcome::Interrupted);
        assert_eq!(world.acts(), ["a.lease", "a.lease back"], "{signals}");
    }
}

#[tokio::test]
async fn a_stop_ends_the_wait_for_it() {
    let world = World::default();
    let log = Bench::of([
        held_for(&world, usize::MAX, |_| ()),
        Fake::new(&world, "a.cloud"),
    ])
    .stand()
    .run_with(|kind| match kind {
        EventKind::StepSettling { .. } => cancel(),
        _ => Vec::new(),
    })
    .await;
    assert_eq!(
        log.end(),
        (Outcome::Interrupted, "Stopped; nothing was changed.".into())
    );
}

#[tokio::test]
async fn proofs_that_cannot_have_it_are_not_made() {
    let world = World::default();
    let mut proof = Fake::new(&world, "a.proof").phase(Phase::Verify);
    proof.meta.touches = Some("makes a thing");
    let mut bench = Bench::of([held_for(&world, usize::MAX, |_| ()), proof]).only(Only::Verify);
    bench.options.wait = Some(Duration::from_secs(1));
    let log = bench.run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!(world.looks("a.proof"), 0);
}

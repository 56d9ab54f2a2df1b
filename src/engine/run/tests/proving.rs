//! Runs that prove: what goes on after a failed check, what is spared, and what is cleaned up.

use super::*;

/// A change, the proof of it, and what the proof leaves behind.
fn journey(world: &World, proof: Fake) -> Vec<Fake> {
    vec![
        Fake::new(world, "a.cloud").gives(&["cloud"]),
        Fake::new(world, "a.account").phase(Phase::Verify),
        proof.phase(Phase::Verify).after(&["a.account"]),
        Fake::new(world, "a.clean-up")
            .phase(Phase::Verify)
            .when(When::AtLast),
    ]
}

fn failing(world: &World) -> Fake {
    Fake::new(world, "a.proof").sees(Err(StepError::verification("the role does not answer")))
}

fn not_checked(log: &Log, id: &str) -> Option<String> {
    log.kinds().find_map(|kind| match kind {
        EventKind::StepNotChecked { step, reason } if step == id => Some(reason.clone()),
        _ => None,
    })
}

#[tokio::test]
async fn what_proofs_left_is_cleaned_up_last_and_after_a_failure_too() {
    let world = World::default();
    let log = Bench::of(journey(&world, Fake::new(&world, "a.proof")))
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(
        world.acts(),
        ["a.cloud", "a.account", "a.proof", "a.clean-up"]
    );

    let world = World::default();
    let log = Bench::of(journey(&world, failing(&world))).run().await;
    assert_eq!(log.outcome(), Outcome::Verification);
    assert_eq!(log.summary(), "`a.proof`: the role does not answer.");
    assert_eq!(world.acts(), ["a.cloud", "a.account", "a.clean-up"]);
    assert_eq!(log.done("a.clean-up"), Some(StepOutcome::Verified));
}

#[tokio::test]
async fn a_clean_up_is_not_asked_about() {
    let world = World::default();
    let log = Bench::of(journey(&world, failing(&world)))
        .approval(Approval::Step)
        .run_with(approve)
        .await;
    assert_eq!(log.outcome(), Outcome::Verification);
    assert_eq!(world.acts_of("a.clean-up"), 1);
    assert!(
        !log.asked()
            .iter()
            .any(|(scope, _)| *scope == step_scope("a.clean-up"))
    );
}

#[tokio::test]
async fn a_failure_before_any_proof_leaves_nothing_to_clean_up() {
    let world = World::default();
    let mut steps = journey(&world, failing(&world));
    steps[0] = Fake::new(&world, "a.cloud")
        .acts(|_| async { Err(StepError::failed("the cloud is full")) });
    let log = Bench::of(steps).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!(world.looks("a.clean-up"), 0);
}

#[tokio::test]
async fn who_stops_once_gets_a_clean_up_and_who_stops_twice_does_not() {
    for (signals, cleaned) in [(1, 1), (2, 0)] {
        let world = World::default();
        let proof = Fake::new(&world, "a.proof").sees(Ok(Observation::pending("not yet")));
        let log = Bench::of(journey(&world, proof))
            .stand()
            .run_with(|kind| match kind {
                EventKind::StepSettling { step, .. } if step == "a.proof" => {
                    (0..signals).flat_map(|_| cancel()).collect()
                }
                _ => Vec::new(),
            })
            .await;
        assert_eq!(log.outcome(), Outcome::Interrupted);
        assert_eq!(world.acts_of("a.clean-up"), cleaned, "{signals} signals");
    }
}

#[tokio::test]
async fn a_costly_proof_is_spared_when_nothing_changed() {
    let costly = |world: &World| Fake::new(world, "a.proof").when(When::AfterChanges);
    let world = World::default();
    let log = Bench::of(journey(&world, costly(&world))).run().await;
    assert_eq!(log.done("a.proof"), Some(StepOutcome::Verified));

    let world = World::default();
    world.add("a.cloud");
    let log = Bench::of(journey(&world, costly(&world))).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(
        world.looks("a.proof"),
        0,
        "although the account was made for the proof"
    );
    let reason = not_checked(&log, "a.proof").unwrap();
    assert!(reason.starts_with("nothing was changed"), "{reason}");

    let log = Bench::of(journey(&world, costly(&world)))
        .only(Only::Verify)
        .run()
        .await;
    assert_eq!(
        log.done("a.proof"),
        Some(StepOutcome::Verified),
        "asked for"
    );

    let world = World::default();
    world.add("a.cloud");
    let earlier = Earlier {
        seq: 0,
        acted: ["a.cloud".to_owned()].into(),
        approved: BTreeMap::new(),
        ..Earlier::default()
    };
    let log = Bench::of(journey(&world, costly(&world)))
        .earlier(earlier)
        .run()
        .await;
    assert_eq!(
        log.done("a.proof"),
        Some(StepOutcome::Verified),
        "changed before the crash"
    );
    assert_eq!(
        log.summary(),
        "Nothing but the proof was left: 1 unchanged, 3 verified."
    );
}

#[tokio::test]
async fn a_verification_goes_on_after_a_failed_check() {
    let world = World::default();
    let steps = [
        Fake::new(&world, "a.cloud").gives(&["cloud"]),
        Fake::new(&world, "a.broken")
            .gives(&["never"])
            .sees(Err(StepError::answers("no such thing"))),
        Fake::new(&world, "a.lost").needs(&["never"]),
        Fake::new(&world, "a.proof")
            .phase(Phase::Verify)
            .needs(&["cloud"])
            .after(&["a.cloud"]),
        Fake::new(&world, "a.last").phase(Phase::Verify),
    ];
    let log = Bench::of(steps).only(Only::Verify).run().await;
    assert_eq!(log.outcome(), Outcome::Verification);
    let failed: Vec<_> = log.errors().iter().map(|(step, _)| *step).collect();
    assert_eq!(failed, ["a.broken", "a.cloud"], "each once");
    assert_eq!(
        not_checked(&log, "a.lost").unwrap(),
        "needs what `a.broken` finds, which failed"
    );
    assert_eq!(
        log.done("a.proof"),
        Some(StepOutcome::Verified),
        "with what should be"
    );
    assert_eq!(log.done("a.last"), Some(StepOutcome::Verified));
    assert!(
        log.summary().starts_with("2 checks failed, 2 passed"),
        "{}",
        log.summary()
    );
    assert_eq!(
        log.count(|kind| matches!(kind, EventKind::TaskFinished { .. })),
        0
    );
}

#[tokio::test]
async fn a_verification_of_one_task_leaves_the_others_alone() {
    let world = World::default();
    let proof = |id| Fake::new(&world, id).phase(Phase::Verify);
    let tasks = [
        (
            "first",
            TaskMode::Run,
            vec![
                Fake::new(&world, "a.cloud").gives(&["cloud"]),
                proof("a.proof"),
            ],
        ),
        (
            "second",
            TaskMode::Run,
            vec![proof("b.proof").needs(&["cloud"])],
        ),
    ];
    let log = Bench::tasks(tasks)
        .only(Only::Verify)
        .within("second")
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(log.done("a.cloud"), Some(StepOutcome::Left));
    assert_eq!(world.acts(), ["b.proof"]);
    assert!(not_checked(&log, "a.proof").is_some());
}

//! Making it so: what was announced, what is waited for, what is tried again.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::engine::ErrorKind;

fn waits(mut step: Fake) -> Fake {
    step.meta.settle = PATIENT;
    step
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let world = World::default();
    let bench = || {
        Bench::of([
            Fake::new(&world, "a.one").gives(&["one"]),
            Fake::new(&world, "a.two").needs(&["one"]),
        ])
    };
    let first = bench().run().await;
    assert_eq!(
        first.summary(),
        "Everything is in place: 2 changed, 0 unchanged."
    );
    assert_eq!(world.acts(), ["a.one", "a.two"]);
    let second = bench().run().await;
    assert_eq!(second.summary(), "Nothing had to be changed: 2 unchanged.");
    assert_eq!(world.acts().len(), 2);
}

#[tokio::test]
async fn an_act_is_in_the_journal_before_it_happens() {
    let world = World::default();
    let journal = Memory::default();
    let seen = journal.clone();
    let step = Fake::new(&world, "a.one").acts(move |world| {
        assert!(seen.announces("a.one"));
        world.add("a.one");
        async { Ok(()) }
    });
    let mut bench = Bench::of([step]);
    bench.journal = journal;
    assert_eq!(bench.run().await.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.one"]);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let world = World::default();
    let mut bench = Bench::of([Fake::new(&world, "a.one")]);
    bench.journal.refuses = Some(|kind| matches!(kind, EventKind::StepActing { .. }));
    let log = bench.run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert!(log.summary().contains("no space left on device"));
    assert!(world.acts().is_empty());

    // Not even the end can be written: the frontends hear it all the same.
    bench.journal.refuses = Some(|_| true);
    assert_eq!(bench.run().await.outcome(), Outcome::Failed);
}

#[tokio::test]
async fn what_was_done_is_believed_when_it_shows() {
    let world = World::default();
    let slow = |id: &'static str, looks: usize| {
        waits(Fake::new(&world, id)).looks(move |world, _| async move {
            Ok(if world.looks(id) >= looks {
                Observation::satisfied("shows")
            } else {
                Observation::differs(vec![thing(id)])
            })
        })
    };
    let log = Bench::of([slow("a.slow", 6)]).run().await;
    assert_eq!(log.done("a.slow"), Some(StepOutcome::Changed));
    assert_eq!(world.acts_of("a.slow"), 1, "waiting does not act again");
    assert_eq!(
        log.count(|kind| matches!(kind, EventKind::StepSettling { .. })),
        4
    );

    let log = Bench::of([slow("a.never", usize::MAX)]).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    let text = log.errors()[0].1.message.clone();
    assert!(
        text.starts_with("what was done does not show after 60 s"),
        "{text}"
    );
    assert_eq!(world.acts_of("a.never"), 1);
}

#[tokio::test]
async fn a_proof_that_waits_in_vain_is_a_failed_verification() {
    let world = World::default();
    let proof = |settle| {
        let mut proof = Fake::new(&world, "a.proof")
            .phase(Phase::Verify)
            .sees(Ok(Observation::pending("not yet")));
        proof.meta.settle = settle;
        proof
    };
    let log = Bench::of([proof(PATIENT)]).run().await;
    assert_eq!(log.outcome(), Outcome::Verification);
    assert_eq!(log.errors()[0].1.kind, ErrorKind::Verification);

    let mut bench = Bench::of([proof(PATIENT)]);
    bench.options.wait = Some(Duration::from_secs(7));
    let before = bench.clock.now();
    let log = bench.run().await;
    assert!(log.summary().contains("after 7 s"), "{}", log.summary());
    let waited = bench.clock.now().duration_since(before);
    assert_eq!(waited.as_secs(), 7, "to the second");
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_tried_again() {
    let world = World::default();
    let step = waits(Fake::new(&world, "a.one")).acts(|world| async move {
        if world.acts_of("a.one") < 3 {
            return Err(StepError::failed("throttled").retryable());
        }
        world.add("a.one");
        Ok(())
    });
    let log = Bench::of([step]).run().await;
    assert_eq!(log.done("a.one"), Some(StepOutcome::Changed));
    assert_eq!(world.acts_of("a.one"), 3);
    assert_eq!(
        log.count(|kind| is_acting(kind, "a.one")),
        3,
        "each one announced"
    );

    let step = waits(Fake::new(&world, "a.two"))
        .acts(|_| async { Err(StepError::failed("throttled").retryable()) });
    let log = Bench::of([step]).run().await;
    assert_eq!(
        log.errors()[0].1.message,
        "throttled",
        "the last word is the cause"
    );
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_looking_and_counts_as_a_change() {
    let world = World::default();
    let lost = Fake::new(&world, "a.lost").acts(|world| async move {
        world.add("a.lost");
        Err(StepError::failed("connection reset").retryable())
    });
    let follower = Fake::new(&world, "a.next").after(&["a.lost"]);
    world.add("a.next");
    let log = Bench::of([lost, follower]).run().await;
    assert_eq!(world.acts_of("a.lost"), 1);
    assert_eq!(log.done("a.lost"), Some(StepOutcome::Changed));
    assert_eq!(world.looks("a.next"), 2, "what hangs on it looks again");
}

#[tokio::test]
async fn a_failure_lets_finish_what_runs_and_starts_nothing_more() {
    let world = World::default();
    let failed = Arc::new(Notify::new());
    let telling = Arc::clone(&failed);
    let slow = Fake::new(&world, "a.slow").acts(move |world| {
        let failed = Arc::clone(&failed);
        async move {
            failed.notified().await;
            world.add("a.slow");
            Ok(())
        }
    });
    let bench = Bench::tasks([
        (
            "first",
            TaskMode::Run,
            vec![
                Fake::new(&world, "a.broken")
                    .acts(|_| async { Err(StepError::failed("is refused")) }),
                slow,
                Fake::new(&world, "a.after").after(&["a.slow"]),
            ],
        ),
        ("second", TaskMode::Run, vec![Fake::new(&world, "b.one")]),
    ]);
    let log = bench
        .run_with(|kind| {
            if matches!(kind, EventKind::StepFailed { .. }) {
                telling.notify_one();
            }
            Vec::new()
        })
        .await;
    assert_eq!(
        log.end(),
        (Outcome::Failed, "`a.broken`: is refused.".into())
    );
    assert_eq!(log.done("a.slow"), Some(StepOutcome::Changed));
    assert_eq!(world.acts_of("a.after") + world.acts_of("b.one"), 0);
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_step() {
    let world = World::default();
    let looks = Fake::new(&world, "a.look").looks(|_, _| async { panic!("looked badly") });
    let log = Bench::of([looks]).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert!(log.errors()[0].1.hints[0].contains("bug"));

    let acts = Fake::new(&world, "a.act").acts(|_| async { panic!("acted badly") });
    let log = Bench::of([acts]).run().await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!(log.errors()[0].0, "a.act");
}

#[tokio::test]
async fn a_task_waits_for_the_proofs_of_the_one_before() {
    let world = World::default();
    let bench = Bench::tasks([
        (
            "first",
            TaskMode::Run,
            vec![
                Fake::new(&world, "a.proof")
                    .phase(Phase::Verify)
                    .looks(|world, _| async move {
                        assert!(world.has("a.one") && world.has("a.two"), "proofs come last");
                        Ok(Observation::satisfied("proven"))
                    }),
                Fake::new(&world, "a.one"),
                Fake::new(&world, "a.two").after(&["a.one"]),
            ],
        ),
        ("second", TaskMode::Run, vec![Fake::new(&world, "b.one")]),
    ]);
    let log = bench.run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(log.done("a.proof"), Some(StepOutcome::Verified));
    let proven = log.place(|kind| is_done(kind, "a.proof"));
    assert!(proven < log.place(|kind| is_acting(kind, "b.one")));
    assert_eq!(world.looks("b.one"), 2, "planned before, believed after");
}

#[tokio::test]
async fn a_changed_dependency_or_fact_makes_dependants_look_again() {
    let world = World::default();
    for id in ["a.by-fact", "a.by-order", "a.else"] {
        world.add(id);
    }
    // What it gives is foreseen as one thing and turns out as another.
    let teller = Fake::new(&world, "a.teller")
        .after(&["a.one"])
        .looks(|world, _| async move {
            let told = if world.has("a.one") { "new" } else { "old" };
            let mut seen = Observation::satisfied("told");
            seen.facts = fact("told", told);
            Ok(seen)
        });
    let bench = Bench::of([
        Fake::new(&world, "a.one"),
        teller,
        Fake::new(&world, "a.by-order").after(&["a.one"]),
        Fake::new(&world, "a.by-fact").needs(&["told"]),
        Fake::new(&world, "a.else"),
    ]);
    assert_eq!(bench.run().await.outcome(), Outcome::Done);
    for (id, looks) in [
        ("a.teller", 2),
        ("a.by-order", 2),
        ("a.by-fact", 2),
        ("a.else", 1),
    ] {
        assert_eq!(world.looks(id), looks, "{id}");
    }
}

#[tokio::test]
async fn a_fast_forwarded_task_writes_nothing_and_must_be_as_intended() {
    let world = World::default();
    let bench = || {
        Bench::tasks([
            (
                "first",
                TaskMode::FastForward,
                vec![Fake::new(&world, "a.one")],
            ),
            ("second", TaskMode::Run, vec![Fake::new(&world, "b.one")]),
        ])
    };
    let log = bench().run().await;
    assert_eq!(log.outcome(), Outcome::Verification);
    assert!(world.acts().is_empty());
    assert_eq!(
        log.state().plan.unwrap().0,
        1,
        "only the second task changes"
    );
    world.add("a.one");
    assert_eq!(bench().run().await.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["b.one"]);
}

#[tokio::test]
async fn phases_that_take_no_part_leave_what_differs() {
    let steps = |world: &World| {
        [
            Fake::new(world, "a.file").phase(Phase::Generate),
            Fake::new(world, "a.cloud").gives(&["arn"]),
            Fake::new(world, "a.files")
                .phase(Phase::Generate)
                .needs(&["arn"]),
            Fake::new(world, "a.proof").phase(Phase::Verify),
        ]
    };
    let world = World::default();
    let log = Bench::of(steps(&world)).only(Only::Generate).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.file", "a.files"]);
    assert_eq!(log.done("a.cloud"), Some(StepOutcome::Left));
    assert_eq!(world.looks("a.proof"), 0);

    let world = World::default();
    let log = Bench::of(steps(&world)).only(Only::Apply).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.cloud"]);

    let world = World::default();
    let log = Bench::of(steps(&world)).only(Only::Verify).run().await;
    assert_eq!(log.outcome(), Outcome::Verification);
    assert_eq!(world.acts(), ["a.proof"], "only what a proof may write");
    for id in ["a.file", "a.cloud", "a.files"] {
        world.add(id);
    }
    let log = Bench::of(steps(&world)).only(Only::Verify).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(world.acts(), ["a.proof"], "only what a proof may write");
}

#[tokio::test]
async fn warnings_of_a_step_that_is_done_are_told() {
    let world = World::default();
    let seen = Observation::satisfied("pushed").warning("open a pull request");
    let log = Bench::of([Fake::new(&world, "a.push").sees(Ok(seen))])
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(log.state().warnings, ["open a pull request"]);
}

#[tokio::test]
async fn numbers_have_no_gaps_and_the_journal_holds_what_was_told() {
    let world = World::default();
    let acted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&acted);
    let step = Fake::new(&world, "a.one")
        .gives(&["arn"])
        .acts(move |world| {
            counter.fetch_add(1, Ordering::SeqCst);
            world.add("a.one");
            async { Ok(()) }
        });
    let mut bench = Bench::of([step, Fake::new(&world, "a.proof").phase(Phase::Verify)]);
    bench.options.earlier = Some(Earlier {
        seq: 41,
        ..Earlier::default()
    });
    let log = bench.run().await;
    let numbers: Vec<_> = log.0.iter().map(|event| event.seq).collect();
    let expected: Vec<_> = (42..42 + log.0.len() as u64).collect();
    assert_eq!(numbers, expected);
    let written: Vec<_> = bench
        .journal
        .lines
        .lock()
        .unwrap()
        .iter()
        .map(|(event, _)| event.clone())
        .collect();
    assert_eq!(written, log.0);

    let state = log.state();
    assert_eq!(state.acted.len(), 2);
    assert_eq!(
        state.approved_changes["a.one"].first(),
        Some(&thing("a.one"))
    );
    assert_eq!(state.facts, fact("arn", "a.one"));
    assert!(state.tasks[0].finished && !state.is_unfinished());
    assert_eq!(state.in_doubt().count(), 0);
    assert_eq!(acted.load(Ordering::SeqCst), 1);
    let (outcome, _, next) = state.finished.unwrap();
    assert_eq!(
        (outcome, next),
        (Outcome::Done, vec!["have a look".to_owned()])
    );
}

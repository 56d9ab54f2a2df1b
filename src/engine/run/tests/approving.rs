//! Who lets it act, and what that covers.

use super::*;

fn two(world: &World) -> [Fake; 2] {
    [
        Fake::new(world, "a.one"),
        Fake::new(world, "a.two").after(&["a.one"]),
    ]
}

#[tokio::test]
async fn nothing_acts_before_the_plan_is_approved() {
    let world = World::default();
    let bench = Bench::of(two(&world)).approval(Approval::Plan);
    let looking = world.clone();
    let log = bench
        .run_with(|kind| {
            if let EventKind::ApprovalNeeded { steps, .. } = kind {
                assert!(looking.acts().is_empty());
                assert_eq!(steps, &["a.one", "a.two"]);
            }
            approve(kind)
        })
        .await;
    assert_eq!(log.outcome(), Outcome::Done);
    assert_eq!(log.asked(), [(Scope::Plan, None)]);
}

#[tokio::test]
async fn tasks_and_steps_are_approved_one_by_one() {
    let world = World::default();
    let tasks = |world: &World| {
        Bench::tasks([
            ("first", TaskMode::Run, two(world).into()),
            ("second", TaskMode::Run, vec![Fake::new(world, "b.one")]),
        ])
    };
    let log = tasks(&world)
        .approval(Approval::Task)
        .run_with(approve)
        .await;
    let task = |name: &str| (Scope::Task { task: name.into() }, None);
    assert_eq!(log.asked(), [task("first"), task("second")]);
    assert_eq!(log.outcome(), Outcome::Done);

    let world = World::default();
    let log = tasks(&world)
        .approval(Approval::Step)
        .run_with(approve)
        .await;
    let steps: Vec<_> = log.asked().into_iter().map(|(scope, _)| scope).collect();
    assert_eq!(
        steps,
        [
            step_scope("a.one"),
            step_scope("a.two"),
            step_scope("b.one")
        ]
    );
    assert_eq!(log.outcome(), Outcome::Done);
}

#[tokio::test]
async fn approving_everything_asks_no_more() {
    for approval in [Approval::Task, Approval::Step] {
        let world = World::default();
        let bench = Bench::tasks([
            ("first", TaskMode::Run, two(&world).into()),
            ("second", TaskMode::Run, vec![Fake::new(&world, "b.one")]),
        ])
        .approval(approval);
        let log = bench
            .run_with(|kind| match kind {
                EventKind::ApprovalNeeded { .. } => vec![Command::ApproveAll],
                _ => Vec::new(),
            })
            .await;
        assert_eq!(log.outcome(), Outcome::Done);
        assert_eq!(log.asked().len(), 1, "{approval:?}");
        assert_eq!(world.acts().len(), 3);
    }
}

#[tokio::test]
async fn declining_ends_the_run_unchanged() {
    for (approval, outcome) in [
        (Approval::Plan, "Not approved; nothing was changed."),
        (Approval::Task, "Not approved; nothing was changed."),
        (Approval::Step, "Not approved; nothing was changed."),
    ] {
        let world = World::default();
        let log = Bench::of(two(&world))
            .approval(approval)
            .run_with(|kind| match kind {
                EventKind::ApprovalNeeded { .. } => vec![Command::Decline],
                _ => Vec::new(),
            })
            .await;
        assert_eq!(log.end(), (Outcome::Declined, outcome.into()));
        assert!(world.acts().is_empty());
    }
}

#[tokio::test]
async fn a_frontend_that_has_gone_approves_nothing() {
    for approval in [Approval::Plan, Approval::Step] {
        let world = World::default();
        let bench = Bench::of(two(&world)).approval(approval);
        let Handle {
            mut events,
            commands,
        } = bench.start();
        drop(commands);
        let mut log = Vec::new();
        while let Some(event) = events.recv().await {
            log.push(event);
        }
        assert_eq!(Log(log).outcome(), Outcome::Declined);
        assert!(world.acts().is_empty());
    }
}

/// The second step wants something else once the first one has acted.
fn surprising(world: &World) -> [Fake; 2] {
    let [one, two] = two(world);
    let two = two.looks(|world, _| async move {
        if world.has("a.two") {
            return Ok(Observation::satisfied("is there"));
        }
        let size = if world.has("a.one") { "large" } else { "small" };
        Ok(Observation::differs(vec![thing("a.two").after(size)]))
    });
    [one, two]
}

#[tokio::test]
async fn what_the_approved_plan_did_not_hold_is_asked_about() {
    let world = World::default();
    let bench = Bench::of(surprising(&world)).approval(Approval::Plan);
    let log = bench.run_with(approve).await;
    let asked = log.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].0, step_scope("a.two"));
    assert!(asked[1].1.as_ref().unwrap().contains("not in the plan"));
    assert_eq!(log.outcome(), Outcome::Done);

    let world = World::default();
    let log = Bench::of(surprising(&world)).run().await;
    assert_eq!((log.asked().len(), log.outcome()), (0, Outcome::Done));
}

#[tokio::test]
async fn a_resumed_run_reuses_an_approval_that_covers_its_plan() {
    let approved = |changes: &[Change]| {
        let by_step = |change: &Change| (change.name.clone(), vec![change.clone()]);
        Earlier {
            approved: changes.iter().map(by_step).collect(),
            ..Earlier::default()
        }
    };
    let world = World::default();
    let bench = Bench::of(two(&world))
        .approval(Approval::Plan)
        .earlier(approved(&[thing("a.one"), thing("a.two")]));
    let log = bench.run().await;
    assert_eq!((log.asked().len(), log.outcome()), (0, Outcome::Done));

    let world = World::default();
    let bench = Bench::of(two(&world))
        .approval(Approval::Plan)
        .earlier(approved(&[thing("a.one")]));
    let log = bench.run_with(approve).await;
    let reason = "the plan changed since it was approved".to_owned();
    assert_eq!(log.asked(), [(Scope::Plan, Some(reason))]);
}

#[tokio::test]
async fn a_resumed_run_that_nobody_approved_asks_even_for_what_a_proof_writes() {
    let world = World::default();
    let mut proof = Fake::new(&world, "a.proof").phase(Phase::Verify);
    proof.meta.touches = Some("creates a thing");
    let bench = Bench::of([proof])
        .approval(Approval::Plan)
        .earlier(Earlier::default());
    let log = bench.run_with(approve).await;
    assert_eq!(log.asked(), [(Scope::Plan, None)]);
    assert_eq!(world.acts(), ["a.proof"]);
}

#[tokio::test]
async fn what_acted_needs_no_second_approval_after_a_resume() {
    let world = World::default();
    let log = Bench::of(surprising(&world)).run().await;
    let state = log.state();
    // The act was lost with the machine it was on.
    world.0.lock().unwrap().there.remove("a.two");
    let bench = Bench::of(surprising(&world))
        .approval(Approval::Plan)
        .earlier(Earlier::of(state));
    let log = bench.run().await;
    assert_eq!((log.asked().len(), log.outcome()), (0, Outcome::Done));
}

#[tokio::test]
async fn an_approval_that_took_long_makes_the_step_look_again() {
    for approval in [Approval::Plan, Approval::Task, Approval::Step] {
        let world = World::default();
        let bench = Bench::of([Fake::new(&world, "a.one")]).approval(approval);
        let clock = bench.clock.clone();
        let meanwhile = world.clone();
        let log = bench
            .run_with(|kind| {
                if let EventKind::ApprovalNeeded { .. } = kind {
                    clock.pass(Duration::from_mins(1));
                    // Somebody else made it while we asked.
                    meanwhile.add("a.one");
                }
                approve(kind)
            })
            .await;
        assert_eq!(world.looks("a.one"), 2, "{approval:?}");
        assert_eq!(log.done("a.one"), Some(StepOutcome::Unchanged));
        assert!(world.acts().is_empty());
        assert_eq!(log.count(|kind| is_acting(kind, "a.one")), 0);
    }
}

#[tokio::test]
async fn time_spent_on_an_approval_is_not_the_worlds() {
    let world = World::default();
    let mut step = Fake::new(&world, "a.one").looks(|world, _| async move {
        Ok(if world.acts_of("a.one") == 1 && world.looks("a.one") > 4 {
            Observation::satisfied("shows")
        } else {
            Observation::differs(vec![thing("a.one")])
        })
    });
    step.meta.settle = PATIENT;
    let bench = Bench::of([step]).approval(Approval::Step);
    let clock = bench.clock.clone();
    let log = bench
        .run_with(|kind| {
            if let EventKind::ApprovalNeeded { .. } = kind {
                clock.pass(Duration::from_hours(1));
            }
            approve(kind)
        })
        .await;
    assert_eq!(
        log.done("a.one"),
        Some(StepOutcome::Changed),
        "{}",
        log.summary()
    );
    assert_eq!(log.asked().len(), 1, "the same change is approved");
}

//! Looking at everything before anything is changed.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::*;
use crate::engine::FactKey;

#[tokio::test]
async fn a_plan_never_acts() {
    let world = World::default();
    let bench = Bench::of([
        Fake::new(&world, "a.one"),
        Fake::new(&world, "a.two").phase(Phase::Generate),
        Fake::new(&world, "a.proof").phase(Phase::Verify),
    ]);
    let log = bench.plan_only().run().await;
    assert_eq!(
        log.end(),
        (Outcome::PlanPending, "2 changes are pending.".into())
    );
    assert!(world.acts().is_empty());
    assert_eq!(world.looks("a.proof"), 0, "a proof looks when it proves");
}

#[tokio::test]
async fn a_plan_of_a_world_as_intended_is_empty() {
    let world = World::default();
    world.add("a.one");
    let bench = Bench::of([Fake::new(&world, "a.one")]).plan_only();
    assert_eq!(bench.run().await.outcome(), Outcome::PlanEmpty);
}

#[tokio::test]
async fn a_step_looks_once_what_it_needs_is_foreseen() {
    let world = World::default();
    let later = Fake::new(&world, "a.later")
        .needs(&["role"])
        .looks(|_, facts| async move {
            let role: String = facts.get(&FactKey::new("role"))?;
            Ok(Observation::differs(vec![thing("a.later").after(role)]))
        });
    // The giver is absent: what it will give is foreseen, and stands later in the list.
    let giver = Fake::new(&world, "a.giver").gives(&["role"]);
    let log = Bench::of([later, giver]).plan_only().run().await;
    let observing = |id: &'static str| {
        log.place(move |kind| matches!(kind, EventKind::StepObserving { step } if step == id))
    };
    let observed =
        log.place(|kind| matches!(kind, EventKind::StepObserved { step, .. } if step == "a.giver"));
    assert!(observed < observing("a.later"));
    let changes = &log.state().find("a.later").unwrap().changes.clone();
    assert_eq!(changes[0].after.as_deref(), Some("a.giver"));
}

#[tokio::test]
async fn independent_steps_look_and_act_at_the_same_time() {
    let world = World::default();
    let (looking, acting) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let step = |id: &'static str| {
        let (looking, acting) = (Arc::clone(&looking), Arc::clone(&acting));
        Fake::new(&world, id)
            .looks(move |world, _| {
                let looking = Arc::clone(&looking);
                async move {
                    if world.has(id) {
                        return Ok(Observation::satisfied("is there"));
                    }
                    // Passed only when the other one looks, too.
                    looking.wait().await;
                    Ok(Observation::differs(vec![thing(id)]))
                }
            })
            .acts(move |world| {
                let acting = Arc::clone(&acting);
                async move {
                    acting.wait().await;
                    world.add(id);
                    Ok(())
                }
            })
    };
    let log = Bench::of([step("a.one"), step("a.two")]).run().await;
    assert_eq!(log.outcome(), Outcome::Done);
}

#[tokio::test]
async fn everything_that_fails_while_planning_is_told() {
    let world = World::default();
    let bench = Bench::of([
        Fake::new(&world, "a.one").sees(Err(StepError::failed("is broken"))),
        Fake::new(&world, "a.two").sees(Err(StepError::answers("is wrong"))),
        Fake::new(&world, "a.three"),
    ]);
    let log = bench.run().await;
    let failed: Vec<_> = log.errors().into_iter().map(|(step, _)| step).collect();
    assert_eq!(failed, ["a.one", "a.two"]);
    assert_eq!(log.outcome(), Outcome::Failed);
    assert_eq!(log.summary(), "`a.one`: is broken; nothing was changed.");
    assert!(world.acts().is_empty());
}

#[tokio::test]
async fn what_fails_in_passing_is_looked_at_again() {
    let world = World::default();
    let flaky = Fake::new(&world, "a.flaky").looks(|world, _| async move {
        if world.looks("a.flaky") < 3 {
            return Err(StepError::failed("throttled").retryable());
        }
        Ok(Observation::satisfied("is there"))
    });
    let log = Bench::of([flaky]).plan_only().run().await;
    assert_eq!(log.outcome(), Outcome::PlanEmpty);

    let broken =
        Fake::new(&world, "a.broken").sees(Err(StepError::failed("throttled").retryable()));
    let log = Bench::of([broken]).plan_only().run().await;
    assert_eq!(log.outcome(), Outcome::Failed, "with a bound");
}

#[tokio::test]
async fn a_conflict_stops_before_any_act() {
    let world = World::default();
    let conflict =
        Observation::conflict("`b` is not ours", vec![thing("b")], vec!["tag it".into()]);
    let bench = Bench::of([
        Fake::new(&world, "a.one"),
        Fake::new(&world, "a.two").sees(Ok(conflict)),
    ]);
    let log = bench.run().await;
    assert_eq!(log.outcome(), Outcome::Conflict);
    assert!(world.acts().is_empty());
    let state = log.state();
    assert_eq!(state.find("a.two").unwrap().hints, ["tag it"]);
    assert_eq!(state.plan.unwrap().0, 1, "a conflict is no change");
}

#[tokio::test]
async fn a_right_that_seems_to_be_missing_stops_a_plan_and_not_a_run() {
    let world = World::default();
    let seen = Observation::satisfied("looked").missing_right("iam:CreateRole");
    let looks = || Fake::new(&world, "a.one").sees(Ok(seen.clone()));
    let steps = || [looks(), Fake::new(&world, "a.two")];
    let plan = Bench::of(steps()).plan_only().run().await;
    assert_eq!(plan.outcome(), Outcome::Permission);
    assert!(plan.summary().contains("`iam:CreateRole` seems"));
    assert_eq!(Bench::of(steps()).run().await.outcome(), Outcome::Done);

    let plan = Bench::of([looks()]).plan_only().run().await;
    assert_eq!(
        plan.outcome(),
        Outcome::PlanEmpty,
        "nothing needs the right"
    );
}

#[tokio::test]
async fn what_needs_something_left_out_is_not_checked_either() {
    let world = World::default();
    let bench = Bench::of([
        // Listed before what it hangs on, so that order does not help.
        Fake::new(&world, "a.third").needs(&["two"]),
        Fake::new(&world, "a.second")
            .needs(&["one"])
            .gives(&["two"]),
        Fake::new(&world, "a.first").gives(&["one"]),
        Fake::new(&world, "a.proof")
            .phase(Phase::Verify)
            .needs(&["two"]),
        Fake::new(&world, "a.free").after(&["a.first"]),
    ])
    .leave_out("a.first");
    let log = bench.run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(world.acts(), ["a.free"], "order alone hangs on nothing");
    let skipped = log.count(|kind| matches!(kind, EventKind::StepNotChecked { .. }));
    assert_eq!(skipped, 4);
    assert!(log.summary().contains("4 not checked"), "{}", log.summary());
}

#[tokio::test]
async fn a_fact_that_nobody_gives_ends_the_run_in_words() {
    let world = World::default();
    let log = Bench::of([Fake::new(&world, "a.one").needs(&["nothing"])])
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Failed);
    assert!(log.summary().contains("`nothing` is not known"));
    let around = [
        Fake::new(&world, "a.one").after(&["a.two"]),
        Fake::new(&world, "a.two").after(&["a.one"]),
    ];
    let log = Bench::of(around).run().await;
    assert!(
        log.summary().contains("waits for a step"),
        "{}",
        log.summary()
    );
}

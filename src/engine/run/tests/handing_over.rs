//! A right is missing: an administrator is asked once everything is at rest, and waited for where
//! that is wanted.

use super::*;
use crate::engine::ports::Administrator;
use crate::engine::run::{Asks, Waits};
use crate::engine::{ErrorKind, HandOff};

/// Somebody who is asked. Remembers for which steps, and what was there then.
struct Desk {
    world: World,
    asked: Mutex<Vec<(Vec<String>, BTreeSet<String>)>>,
    answer: Result<Option<HandOff>, String>,
}

impl Desk {
    fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            asked: Mutex::default(),
            answer: Ok(Some(files())),
        }
    }

    fn asked(&self) -> Vec<Vec<String>> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(steps, _)| steps.clone()).collect()
    }
}

#[async_trait]
impl Administrator for Desk {
    async fn ask(&self, steps: &[&str]) -> Result<Option<HandOff>, String> {
        let steps = steps.iter().map(|step| (*step).to_owned()).collect();
        let there = self.world.0.lock().unwrap().there.clone();
        self.asked.lock().unwrap().push((steps, there));
        self.answer.clone()
    }
}

fn files() -> HandOff {
    HandOff {
        folder: "runs/r1/handoff".into(),
        hints: vec!["an administrator runs it".into()],
    }
}

fn forbidden() -> StepError {
    StepError::new(ErrorKind::Permission, "AccessDenied: not authorized")
}

/// May not act; somebody else has by the look of that number.
fn forbidden_until(world: &World, id: &'static str, look: usize) -> Fake {
    Fake::new(world, id)
        .acts(|_| async { Err(forbidden()) })
        .looks(move |world, _| async move {
            if world.looks(id) >= look {
                world.add(id);
            }
            Ok(if world.has(id) {
                Observation::satisfied("is there")
            } else {
                Observation::differs(vec![thing(id)])
            })
        })
}

fn asking(bench: Bench, desk: &Arc<Desk>, waits: Waits) -> Bench {
    let mut bench = bench;
    bench.options.asks = Some(Asks {
        administrator: Arc::clone(desk) as _,
        waits,
    });
    bench
}

fn paused(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StepPaused { handoff: Some(handoff), .. } if *handoff == files())
}

fn handed_over(log: &Log) -> Option<HandOff> {
    log.kinds().find_map(|kind| match kind {
        EventKind::RunFinished { handoff, .. } => handoff.clone(),
        _ => None,
    })
}

const A_WHILE: Waits = Waits::For(Duration::from_mins(1));

#[tokio::test]
async fn it_goes_on_by_itself_once_somebody_has_made_it() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let steps = [
        forbidden_until(&world, "a.one", 4),
        Fake::new(&world, "a.two").after(&["a.one"]),
    ];
    let log = asking(Bench::of(steps), &desk, A_WHILE).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(world.acts(), ["a.one", "a.two"], "it was tried once");
    assert_eq!(desk.asked(), [["a.one"]]);
    assert_eq!(log.count(paused), 1);
    assert_eq!(log.done("a.one"), Some(StepOutcome::Unchanged));
    assert!(log.state().handed_off);
    assert_eq!(handed_over(&log), None, "nothing is left to hand over");
}

#[tokio::test]
async fn nobody_is_asked_while_a_step_is_at_work() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let slow = Fake::new(&world, "a.slow").acts(|world| async move {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        world.add("a.slow");
        Ok(())
    });
    let steps = [forbidden_until(&world, "a.one", 4), slow];
    let log = asking(Bench::of(steps), &desk, A_WHILE).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    let asked = desk.asked.lock().unwrap();
    let (_, there) = &asked[0];
    assert!(there.contains("a.slow"), "it would be asked for in vain");
}

#[tokio::test]
async fn what_two_steps_may_not_is_asked_for_at_once() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let steps = [
        forbidden_until(&world, "a.one", 3),
        forbidden_until(&world, "a.two", 5),
    ];
    let log = asking(Bench::of(steps), &desk, A_WHILE).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(desk.asked(), [["a.one", "a.two"]]);
    assert_eq!(log.count(paused), 2);
}

#[tokio::test]
async fn what_appears_and_is_not_as_asked_ends_the_wait() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let step = Fake::new(&world, "a.one")
        .acts(|_| async { Err(forbidden()) })
        .looks(|world, _| async move {
            Ok(if world.looks("a.one") < 4 {
                Observation::differs(vec![thing("a.one")])
            } else {
                Observation::conflict("has a boundary", Vec::new(), vec!["accept it".into()])
            })
        });
    let log = asking(Bench::of([step]), &desk, Waits::UntilStopped)
        .run()
        .await;
    assert_eq!(log.outcome(), Outcome::Conflict);
    assert_eq!(log.errors()[0].1.hints, ["accept it"]);
}

#[tokio::test]
async fn nobody_makes_it() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let steps = [forbidden_until(&world, "a.one", usize::MAX)];
    let log = asking(Bench::of(steps), &desk, A_WHILE).run().await;
    assert_eq!(log.outcome(), Outcome::Permission);
    assert_eq!(log.errors()[0].1, &forbidden());
    assert_eq!(handed_over(&log), Some(files()));
    // A minute, a look every five seconds.
    let looks = world.looks("a.one");
    assert!((12..=15).contains(&looks), "{looks}");
}

#[tokio::test]
async fn who_does_not_wait_is_told_at_the_end() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let steps = [
        Fake::new(&world, "a.two"),
        forbidden_until(&world, "a.one", usize::MAX),
    ];
    let log = asking(Bench::of(steps), &desk, Waits::No).run().await;
    assert_eq!(log.outcome(), Outcome::Permission);
    assert_eq!((log.count(paused), desk.asked().len()), (0, 1));
    assert_eq!(handed_over(&log), Some(files()));
    assert!(Earlier::of(log.state()).handed_off, "a resume knows of it");
}

#[tokio::test]
async fn files_that_cannot_be_written_are_a_warning() {
    let world = World::default();
    let desk = Arc::new(Desk {
        answer: Err("no space left on device".into()),
        ..Desk::new(&world)
    });
    let steps = [forbidden_until(&world, "a.one", 4)];
    let log = asking(Bench::of(steps), &desk, A_WHILE).run().await;
    assert_eq!(log.outcome(), Outcome::Permission, "nobody is waited for");
    let warned = |kind: &EventKind| matches!(kind, EventKind::Warning { text } if text.contains("no space left"));
    assert!(log.count(warned) > 0);
}

#[tokio::test]
async fn who_waits_for_an_administrator_can_be_stopped_and_resumed() {
    let world = World::default();
    let desk = Arc::new(Desk::new(&world));
    let steps = || [forbidden_until(&world, "a.one", usize::MAX)];
    let log = asking(Bench::of(steps()), &desk, Waits::UntilStopped)
        .run_with(|kind| if paused(kind) { cancel() } else { Vec::new() })
        .await;
    assert_eq!(log.outcome(), Outcome::Interrupted);
    let earlier = Earlier::of(log.state());
    assert!(earlier.handed_off);
    world.add("a.one");
    let log = Bench::of(steps()).earlier(earlier).run().await;
    assert_eq!(log.outcome(), Outcome::Done, "{}", log.summary());
    assert_eq!(world.acts_of("a.one"), 1);
}

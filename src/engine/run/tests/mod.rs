//! The loop, driven over a tiny world: a set of things that are there or not.
//!
//! Steps make one thing each and can be told to misbehave. The clock is virtual, so nothing waits
//! for time; what runs at the same time is shown by a barrier.

mod acting;
mod approving;
mod handing_over;
mod keeping;
mod pausing;
mod planning;
mod proving;
mod stopping;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::{Earlier, Handle, Options, start};
use crate::engine::event::{Event, EventKind, Outcome, StepOutcome};
use crate::engine::ports::{Clock, Recorder};
use crate::engine::recipe::{Only, Phase, Recipe, Task, TaskMode};
use crate::engine::state::RunState;
use crate::engine::step::{Context, Observation, Settle, Step, StepMeta, When};
use crate::engine::{Approval, Change, Command, Facts, Scope, Signal, StepError, Verb};

/// What is there, and what was done to it. Clones share it.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Things>>);

#[derive(Default)]
struct Things {
    there: BTreeSet<String>,
    looks: BTreeMap<String, usize>,
    acts: Vec<String>,
}

impl World {
    fn add(&self, id: &str) {
        self.0.lock().unwrap().there.insert(id.into());
    }

    fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap().there.contains(id)
    }

    fn looks(&self, id: &str) -> usize {
        self.0.lock().unwrap().looks.get(id).copied().unwrap_or(0)
    }

    fn acts(&self) -> Vec<String> {
        self.0.lock().unwrap().acts.clone()
    }

    fn acts_of(&self, id: &str) -> usize {
        self.acts().iter().filter(|act| *act == id).count()
    }
}

type Looking = BoxFuture<'static, Result<Observation, StepError>>;
type Acting = BoxFuture<'static, Result<(), StepError>>;
type Keeping = Arc<dyn Fn(World) -> Result<(), StepError> + Send + Sync>;

/// A step over the world; without a script it looks whether its thing is there, and adds it.
#[derive(Clone)]
struct Fake {
    meta: StepMeta,
    world: World,
    check: Option<Arc<dyn Fn(World, Facts) -> Looking + Send + Sync>>,
    apply: Option<Arc<dyn Fn(World) -> Acting + Send + Sync>>,
    keep: Option<Keeping>,
}

impl Fake {
    fn new(world: &World, id: &'static str) -> Self {
        Self {
            meta: StepMeta::new(id, "A thing", Phase::Apply),
            world: world.clone(),
            check: None,
            apply: None,
            keep: None,
        }
    }

    fn phase(mut self, phase: Phase) -> Self {
        self.meta.phase = phase;
        self
    }

    fn needs(mut self, names: &[&'static str]) -> Self {
        self.meta.needs = names.to_vec();
        self
    }

    fn gives(mut self, names: &[&'static str]) -> Self {
        self.meta.gives = names.to_vec();
        self
    }

    fn after(mut self, ids: &[&'static str]) -> Self {
        self.meta.after = ids.to_vec();
        self
    }

    fn when(mut self, when: When) -> Self {
        self.meta.when = when;
        self
    }

    /// Looks by this script instead. Its return value is that of the look.
    fn looks<F>(mut self, script: impl Fn(World, Facts) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Observation, StepError>> + Send + 'static,
    {
        self.check = Some(Arc::new(move |world, facts| Box::pin(script(world, facts))));
        self
    }

    /// Sees this, whatever the world is.
    fn sees(self, seen: Result<Observation, StepError>) -> Self {
        self.looks(move |_, _| futures::future::ready(seen.clone()))
    }

    /// Acts by this script instead.
    fn acts<F>(mut self, script: impl Fn(World) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        self.apply = Some(Arc::new(move |world| Box::pin(script(world))));
        self
    }

    /// Answers by this script whether what it took still is the run's.
    fn keeps(
        mut self,
        script: impl Fn(World) -> Result<(), StepError> + Send + Sync + 'static,
    ) -> Self {
        self.keep = Some(Arc::new(script));
        self
    }

    fn found(&self) -> Observation {
        let mut seen = if self.world.has(self.meta.id) {
            Observation::satisfied("is there")
        } else {
            Observation::differs(vec![thing(self.meta.id)])
        };
        for name in &self.meta.gives {
            seen.facts.merge(&fact(name, self.meta.id));
        }
        seen
    }
}

#[async_trait]
impl Step for Fake {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let id = self.meta.id.to_owned();
        *self.world.0.lock().unwrap().looks.entry(id).or_default() += 1;
        match &self.check {
            Some(script) => script(self.world.clone(), facts.clone()).await,
            None if self.meta.when == When::BeforeWrites && context.planning => {
                Ok(Observation::satisfied("nobody has it"))
            }
            None => Ok(self.found()),
        }
    }

    async fn keep(&self) -> Result<(), StepError> {
        let script = self.keep.as_ref();
        script.map_or(Ok(()), |script| script(self.world.clone()))
    }

    async fn release(&self) {
        if self.world.0.lock().unwrap().there.remove(self.meta.id) {
            let back = format!("{} back", self.meta.id);
            self.world.0.lock().unwrap().acts.push(back);
        }
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let id = self.meta.id.to_owned();
        self.world.0.lock().unwrap().acts.push(id);
        if let Some(script) = &self.apply {
            return script(self.world.clone()).await;
        }
        self.world.add(self.meta.id);
        Ok(())
    }
}

fn thing(id: &str) -> Change {
    Change::new(Verb::Create, "thing", id)
}

fn fact(name: &str, value: &str) -> Facts {
    serde_json::from_value(serde_json::json!({ name: value })).unwrap()
}

/// Time that passes only when somebody waits, or a test says so.
#[derive(Clone)]
struct Virtual {
    now: Arc<Mutex<jiff::Timestamp>>,
    /// Whether waiting never ends, so that a test can act meanwhile.
    stands: bool,
}

impl Virtual {
    fn new() -> Self {
        Self {
            now: Arc::new(Mutex::new("2024-05-01T10:00:00Z".parse().unwrap())),
            stands: false,
        }
    }

    fn pass(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> jiff::Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        if self.stands {
            std::future::pending::<()>().await;
        }
        self.pass(duration);
        tokio::task::yield_now().await;
    }
}

/// A journal in memory. Clones share it.
#[derive(Clone, Default)]
struct Memory {
    lines: Arc<Mutex<Vec<(Event, bool)>>>,
    /// The kind of event that cannot be written.
    refuses: Option<fn(&EventKind) -> bool>,
}

impl Memory {
    /// Whether a durable line says that the step is about to act.
    fn announces(&self, id: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|(event, durable)| {
            *durable && matches!(&event.event, EventKind::StepActing { step, .. } if step == id)
        })
    }
}

impl Recorder for Memory {
    fn record(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        if self.refuses.is_some_and(|refuses| refuses(&event.event)) {
            return Err(io::Error::other("no space left on device"));
        }
        self.lines.lock().unwrap().push((event.clone(), durable));
        Ok(())
    }
}

/// A run to be.
struct Bench {
    recipe: Recipe,
    options: Options,
    clock: Virtual,
    journal: Memory,
}

impl Bench {
    /// One task.
    fn of(steps: impl IntoIterator<Item = Fake>) -> Self {
        Self::tasks([("first", TaskMode::Run, steps.into_iter().collect())])
    }

    fn tasks(tasks: impl IntoIterator<Item = (&'static str, TaskMode, Vec<Fake>)>) -> Self {
        let tasks = tasks.into_iter().map(|(name, mode, steps)| Task {
            name,
            title: name,
            mode,
            proves: None,
            steps: steps
                .into_iter()
                .map(|step| Arc::new(step) as Arc<dyn Step>)
                .collect(),
        });
        Self {
            recipe: Recipe {
                name: "fake",
                tasks: tasks.collect(),
                left_out: BTreeMap::new(),
                closing: "Everything is in place",
                next: vec!["have a look".into()],
            },
            options: Options {
                run: "r1".into(),
                tool_version: "0".into(),
                practice: true,
                plan_only: false,
                only: Only::Everything,
                within: None,
                approval: Approval::Given,
                wait: None,
                answers: Vec::new(),
                warnings: Vec::new(),
                earlier: None,
                asks: None,
            },
            clock: Virtual::new(),
            journal: Memory::default(),
        }
    }

    fn approval(mut self, approval: Approval) -> Self {
        self.options.approval = approval;
        self
    }

    fn only(mut self, only: Only) -> Self {
        self.options.only = only;
        self
    }

    fn within(mut self, task: &str) -> Self {
        self.options.within = Some(task.into());
        self
    }

    fn plan_only(mut self) -> Self {
        self.options.plan_only = true;
        self
    }

    fn earlier(mut self, earlier: Earlier) -> Self {
        self.options.earlier = Some(earlier);
        self
    }

    fn leave_out(mut self, id: &'static str) -> Self {
        self.recipe.left_out.insert(id, "is left out".into());
        self
    }

    fn stand(mut self) -> Self {
        self.clock.stands = true;
        self
    }

    fn start(&self) -> Handle {
        start(
            self.recipe.clone(),
            self.options.clone(),
            Arc::new(self.clock.clone()),
            Box::new(self.journal.clone()),
        )
    }

    async fn run(&self) -> Log {
        self.run_with(|_| Vec::new()).await
    }

    /// Runs to the end; after each event, sends what `answer` makes of it.
    async fn run_with(&self, mut answer: impl FnMut(&EventKind) -> Vec<Command>) -> Log {
        let mut handle = self.start();
        let mut events = Vec::new();
        let to_the_end = async {
            while let Some(event) = handle.events.recv().await {
                for command in answer(&event.event) {
                    // Who has ended hears nothing.
                    handle.commands.send(command).ok();
                }
                events.push(event);
            }
        };
        // Only decides when a hang becomes a failure.
        let ended = tokio::time::timeout(Duration::from_mins(1), to_the_end).await;
        assert!(ended.is_ok(), "the run hangs after {:#?}", events.last());
        Log(events)
    }
}

/// The events of a run that has ended.
struct Log(Vec<Event>);

impl Log {
    fn outcome(&self) -> Outcome {
        self.end().0
    }

    fn summary(&self) -> String {
        self.end().1
    }

    fn end(&self) -> (Outcome, String) {
        match &self.0.last().unwrap().event {
            EventKind::RunFinished {
                outcome, summary, ..
            } => (*outcome, summary.clone()),
            other => panic!("the run ends with {other:?}"),
        }
    }

    fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.0.iter().map(|event| &event.event)
    }

    fn state(&self) -> RunState {
        RunState::of(&self.0)
    }

    fn count(&self, claim: impl Fn(&EventKind) -> bool) -> usize {
        self.kinds().filter(|kind| claim(kind)).count()
    }

    /// The place of the first such event.
    fn place(&self, claim: impl Fn(&EventKind) -> bool) -> usize {
        self.kinds()
            .position(claim)
            .unwrap_or_else(|| panic!("no such event in {:#?}", self.0))
    }

    fn errors(&self) -> Vec<(&str, &StepError)> {
        self.kinds()
            .filter_map(|kind| match kind {
                EventKind::StepFailed { step, error } => Some((step.as_str(), error)),
                _ => None,
            })
            .collect()
    }

    fn done(&self, id: &str) -> Option<StepOutcome> {
        self.kinds().find_map(|kind| match kind {
            EventKind::StepDone { step, outcome, .. } if step == id => Some(*outcome),
            _ => None,
        })
    }

    fn asked(&self) -> Vec<(Scope, Option<String>)> {
        self.kinds()
            .filter_map(|kind| match kind {
                EventKind::ApprovalNeeded { scope, reason, .. } => {
                    Some((scope.clone(), reason.clone()))
                }
                _ => None,
            })
            .collect()
    }
}

fn is_acting(kind: &EventKind, id: &str) -> bool {
    matches!(kind, EventKind::StepActing { step, .. } if step == id)
}

fn is_done(kind: &EventKind, id: &str) -> bool {
    matches!(kind, EventKind::StepDone { step, .. } if step == id)
}

/// Approves whatever is asked for.
fn approve(kind: &EventKind) -> Vec<Command> {
    match kind {
        EventKind::ApprovalNeeded { scope, .. } => vec![Command::Approve(scope.clone())],
        _ => Vec::new(),
    }
}

fn step_scope(id: &str) -> Scope {
    Scope::Step { step: id.into() }
}

fn cancel() -> Vec<Command> {
    vec![Command::Cancel(Signal::Interrupt)]
}

/// A long settle, for steps whose waiting matters.
const PATIENT: Settle = Settle {
    period: Duration::from_secs(5),
    limit: Duration::from_mins(1),
    reason: "waits for the world",
};
